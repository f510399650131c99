/**
 * The hub's end of the device channel as a script, over real sockets: it checks the proof, answers REGISTER, pipes
 * streams into a relay of its own, keeps a log as the hub does, and otherwise does what the test tells it.
 */
import { createPublicKey, verify } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { channelProofText, readChannelProof } from '@meshbook/core/device-auth.ts'
import { closeCodes } from '@meshbook/core/errors.ts'
import { decodeFrame, subprotocol } from '@meshbook/core/frames.ts'
import { type DocumentId, newId, type OrgId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import {
  type DeviceProject,
  type DownMessage,
  encodeMessage,
  frameTypes,
  parseUp,
  SyncJoiner,
  splitSync,
  type UpMessage,
} from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { type Connection, Relay } from '@meshbook/relay/relay.ts'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import { type WebSocket, WebSocketServer } from 'ws'

type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>

export class ScriptedHub {
  readonly relay: Relay
  readonly org: OrgId = newId('org', 0, systemRandom)
  /** Every control message, in order of arrival over all connections. */
  readonly received: UpMessage[] = []
  readonly logs = new Map<string, RunEvent[]>()
  connections = 0
  takesProblems = true
  takesSnapshots = true
  /** Events are taken but not acknowledged. */
  /** Runs that this hub has ended itself. */
  readonly ended = new Set<string>()
  silentAboutRuns = false
  pingMs = 1_000
  publicKey = ''
  /** Named in each welcome. */
  projects: DeviceProject[] = []
  /** Handed out with each welcome. */
  token: string | undefined
  lost: Extract<DownMessage, { type: 'WELCOME' }>['lost'] = []
  #server: WebSocketServer | undefined
  #socket: WebSocket | undefined
  #port = 0

  private constructor(now: () => number) {
    this.relay = new Relay({ store: new MemoryDocumentStore(), now, random: systemRandom })
  }

  static async start(t: TestContext, now: () => number): Promise<ScriptedHub> {
    const hub = new ScriptedHub(now)
    t.after(async () => {
      await hub.stop()
      await hub.relay.close()
    })
    await hub.listen()
    return hub
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async listen(): Promise<void> {
    this.#server = new WebSocketServer({
      host: '127.0.0.1',
      port: this.#port,
      maxPayload: limits.channelFrameBytes,
      perMessageDeflate: false,
      handleProtocols: () => subprotocol,
      verifyClient: ({ req }, done) => done(this.#mayEnter(req.headers.authorization, req.headers.host ?? ''), 401),
    })
    this.#server.on('connection', socket => this.#serve(socket))
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    for (const socket of server.clients) socket.terminate()
    await new Promise(resolve => server.close(resolve))
  }

  /** From now on nothing is answered on the present connection, not even a ping, as if the network had swallowed it. */
  fallSilent(): void {
    this.#socket?.pause()
  }

  send(message: DownMessage): void {
    this.#socket?.send(encodeMessage(message))
  }

  all<T extends UpMessage['type']>(type: T): Up<T>[] {
    return this.received.filter(message => message.type === type) as Up<T>[]
  }

  #mayEnter(header: string | undefined, host: string): boolean {
    const proof = readChannelProof(header)
    if (!proof || this.publicKey === '') return false
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: this.publicKey }, format: 'jwk' })
    return verify(null, Buffer.from(channelProofText(host, proof)), key, Buffer.from(proof.signature, 'base64url'))
  }

  #serve(socket: WebSocket): void {
    this.connections++
    this.#socket = socket
    const joiner = new SyncJoiner()
    const streams = new Map<number, Connection>()
    socket.on('message', data => {
      const frame = decodeFrame(new Uint8Array(data as Buffer))
      if (frame.type !== frameTypes.SYNC && frame.type !== frameTypes.SYNC_PART)
        return this.#receive(socket, streams, parseUp(frame))
      const bytes = joiner.add(frame)
      if (bytes) streams.get(frame.stream)?.receive(bytes)
    })
    socket.on('close', () => {
      for (const connection of streams.values()) connection.close()
    })
  }

  #receive(socket: WebSocket, streams: Map<number, Connection>, message: UpMessage): void {
    this.received.push(message)
    if (message.type === 'REGISTER') this.#welcome(message)
    if (message.type === 'OPEN') streams.set(message.stream, this.#open(socket, message.stream, message.document))
    if (message.type === 'CLOSE') streams.get(message.stream)?.close()
    if (message.type === 'RUN_EVENT') this.#append(message)
    if (message.type === 'RUN_AFTERWARDS')
      this.send({ type: 'RUN_ACK', run: message.run, fence: message.fence, seq: message.seq })
  }

  #welcome({ runs }: Up<'REGISTER'>): void {
    const known = runs.map(run => ({ ...run, seq: this.logs.get(run.run)?.length ?? 0 }))
    this.send({
      type: 'WELCOME',
      version: 1,
      pingMs: this.pingMs,
      heartbeatMs: this.pingMs,
      projects: this.projects,
      runs: known,
      lost: this.lost,
      ...(this.takesProblems && { problems: true }),
      ...(this.takesSnapshots && { snapshots: true }),
      ...(this.token === undefined ? {} : { token: this.token }),
    })
  }

  #open(socket: WebSocket, stream: number, document: DocumentId): Connection {
    return this.relay.open(
      { org: this.org, document },
      {
        name: 'device',
        access: 'write',
        canRun: true,
        extensions: true,
        backlogBytes: 0,
        send: frame => {
          for (const part of splitSync(stream, frame)) socket.send(part)
        },
        close: (code, reason) =>
          this.send({ type: 'CLOSE', stream, code: code === closeCodes.epoch ? 'EPOCH' : 'INTERNAL', reason }),
      },
    )
  }

  /** Checks the numbers as the hub does: what it has is dropped, a gap is refused. */
  #append({ run, fence, first, events }: Up<'RUN_EVENT'>): void {
    if (this.silentAboutRuns) return
    const log = this.logs.get(run) ?? []
    this.logs.set(run, log)
    if (this.ended.has(run)) {
      this.send({ type: 'RUN_ACK', run, fence, seq: log.length, refused: 'RUN_ENDED' })
      return
    }
    if (first > log.length + 1) {
      this.send({ type: 'RUN_ACK', run, fence, seq: log.length, refused: 'SEQ_GAP' })
      return
    }
    log.push(...events.slice(log.length + 1 - first))
    this.send({ type: 'RUN_ACK', run, fence, seq: log.length })
  }
}
