/**
 * One connection of `/sync/:user/:project/<path>`: from its credential to its place in the room of the document. Frames
 * that come before that are kept, as stock clients send their first one at once.
 */

import type { Duplex } from 'node:stream'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { syncFrame } from '@meshbook/core/frames.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Connection, DocumentKey, Peer } from '@meshbook/relay/relay.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import { LiveSocket } from '@meshbook/relay/serve/live-socket.ts'
import { roomPeer } from '@meshbook/relay/serve/room-peer.ts'
import { Tap } from '@meshbook/relay/serve/tap.ts'
import type { SyncPath } from '@meshbook/relay/serve/upgrades.ts'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { RawData, WebSocket } from 'ws'
import type { Place } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import { writes } from '../documents/touches.ts'
import { authorOf } from '../history/authors.ts'
import type { Parts } from '../parts.ts'

export interface SyncRequest {
  /** What the WebSocket runs over. */
  wire: Duplex
  visit: Visit
  path: SyncPath
  /** The User-Agent header. */
  agent: string
  /** Called once it is clear whose socket it is. */
  known: () => void
}

/** `shown` is whom the upgrade request showed, or why not; with nothing shown, the first message of auth type must carry a token or ticket. */
export function serveSync(
  parts: Parts,
  socket: WebSocket,
  asked: SyncRequest,
  shown: Principal | MeshError | undefined,
): void {
  const sync = new SyncSocket(parts, socket, asked)
  if (shown instanceof MeshError) sync.admit(Promise.reject(shown))
  else if (shown) sync.admit(Promise.resolve(shown))
  else sync.waitForAuth()
}

class SyncSocket {
  readonly #parts: Parts
  readonly #live: LiveSocket
  readonly #tap: Tap
  readonly #asked: SyncRequest
  #early: Uint8Array[] = []
  #connection: Connection | undefined
  #document: DocumentKey | undefined
  #user = ''
  #cancelWait: NodeJS.Timeout | undefined
  #hasAsked = false
  #admitted = false
  #ended = false

  constructor(parts: Parts, socket: WebSocket, asked: SyncRequest) {
    this.#parts = parts
    this.#live = new LiveSocket(socket, parts.times, parts.now)
    this.#tap = new Tap(socket)
    this.#asked = asked
    socket.on('message', (data, isBinary) => this.#receiveGuarded(data, isBinary))
    socket.once('close', () => {
      clearTimeout(this.#cancelWait)
      this.#connection?.close()
    })
  }

  waitForAuth(): void {
    const timer = setTimeout(() => {
      if (!this.#hasAsked) this.#refuse(new MeshError('UNAUTHENTICATED'))
    }, limits.handshakeMs)
    this.#live.socket.once('close', () => clearTimeout(timer))
  }

  admit(principal: Promise<Principal>): void {
    this.#hasAsked = true
    // Nothing more is read until the document is known; the rest waits in the network, not here.
    this.#tap.hold('opening')
    principal.then(who => this.#enter(who)).catch((error: unknown) => this.#refuse(asMeshError(error)))
  }

  async #enter(who: Principal): Promise<void> {
    const { doors, seats, times, log } = this.#parts
    if (!this.#live.open) return
    this.#admitted = true
    this.#asked.known()
    const { socket } = this.#live
    socket.once(
      'close',
      doors.open(who, 'socket', times.socketsPerUser, error => this.#shut(error)),
    )
    const found = await this.#find(who)
    if (!found || !this.#live.open) return
    const { place, key } = found
    socket.once('close', seats.take(`${key.org} ${key.document}`, times.socketsPerDocument))
    this.#user = `${who.org} ${who.user}`
    this.#connection = this.#parts.relay.open(key, this.#peerOf(who, place))
    log.debug({ ...key, user: who.name }, 'sync opened')
    this.#document = key
    for (const frame of this.#early.splice(0)) this.#pass(this.#connection, frame)
    this.#tap.release('opening')
  }

  /** The rights are read after the door is noted, so that a change either is in them or closes the socket (ME8). */
  async #find(who: Principal): Promise<{ place: Place; key: DocumentKey } | undefined> {
    const { access, documents, doors } = this.#parts
    const { path } = this.#asked.path
    const project = await documents.named(this.#asked.path)
    if (!this.#live.open) return undefined
    this.#live.socket.once(
      'close',
      doors.enter(project, who.user, error => this.#shut(error)),
    )
    const place = await access.find(who, { kind: 'project', id: project })
    if (!place) throw new MeshError('NOT_FOUND', { detail: 'the project' })
    return { place, key: { org: place.org, document: await documents.open(who, place, project, path) } }
  }

  /** From here on nothing is taken, though the closing handshake takes a moment (S8). */
  #shut(error: MeshError): void {
    this.#ended = true
    this.#early = []
    this.#connection?.close()
    this.#tap.open()
    this.#live.closeFor(error)
  }

  #peerOf(who: Principal, { rights }: Place): Peer {
    return roomPeer(this.#live, this.#tap, this.#asked.wire, {
      name: who.name,
      access: rights.has('write') ? 'write' : 'read',
      canRun: rights.has('run') && rights.has('write'),
      tag: { who, isPage: who.credential.kind === 'session', author: authorOf(who, this.#asked.agent) },
    })
  }

  #receiveGuarded(data: RawData, isBinary: boolean): void {
    // Nothing is taken any more from a socket that is closing (RV2).
    if (!this.#live.open) return
    try {
      this.#receive(data, isBinary)
    } catch (error) {
      this.#refuse(asMeshError(error))
    }
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ended) return
    if (!isBinary) throw new MeshError('BAD_MESSAGE', { detail: 'a text frame' })
    const frame = new Uint8Array(data as Buffer)
    if (this.#connection) this.#pass(this.#connection, frame)
    else this.#receiveEarly(frame)
  }

  #receiveEarly(frame: Uint8Array): void {
    if (
      frame.byteLength > (this.#admitted ? limits.syncFrameBytes : limits.preAuthFrameBytes) ||
      this.#early.length >= limits.preAuthFrames
    )
      throw new MeshError('TOO_LARGE')
    const secret = this.#hasAsked ? undefined : secretOf(frame)
    if (secret === undefined) this.#early.push(frame)
    else this.admit(this.#principalFor(secret))
  }

  #pass(connection: Connection, frame: Uint8Array): void {
    if (this.#document && writes(frame)) this.#parts.documents.touched(this.#document)
    connection.receive(frame)
    const waitMs = this.#parts.rates.count(this.#user, frame.byteLength)
    if (waitMs > 0) this.#wait(waitMs)
  }

  /** What was read already is still taken; the rest waits in the network. */
  #wait(ms: number): void {
    this.#tap.hold('rate')
    clearTimeout(this.#cancelWait)
    this.#cancelWait = setTimeout(() => this.#tap.release('rate'), ms).unref()
  }

  #principalFor(secret: string): Promise<Principal> {
    const { authenticator } = this.#parts
    return secret.startsWith('mt_')
      ? authenticator.byTicket(secret, this.#asked.visit.address)
      : authenticator.byToken(secret)
  }

  /** A stock client shows the reason of a y-protocols refusal; then the close code says it to programs. */
  #refuse(error: MeshError): void {
    this.#early = []
    if (!error.entry.close || error.code === 'INTERNAL')
      this.#parts.log.error({ err: error }, 'opening a document failed')
    if (this.#live.open && (error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN'))
      this.#live.socket.send(refusalFrame(error.message))
    this.#tap.open()
    this.#live.closeFor(error)
  }
}

/** The token or ticket in a first message of auth type; undefined for any other frame. */
function secretOf(frame: Uint8Array): string | undefined {
  if (frame[0] !== syncFrame.auth) return undefined
  try {
    const decoder = decoding.createDecoder(frame.subarray(1))
    return decoding.readVarString(decoder)
  } catch (cause) {
    throw new MeshError('BAD_MESSAGE', { detail: 'an auth message that ends too early', cause })
  }
}

const permissionDenied = 0

function refusalFrame(reason: string): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, syncFrame.auth)
  encoding.writeVarUint(encoder, permissionDenied)
  encoding.writeVarString(encoder, reason)
  return encoding.toUint8Array(encoder)
}
