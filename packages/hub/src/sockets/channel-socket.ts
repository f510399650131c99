/**
 * The channel of one device: control messages to the part that owns each. It decides nothing; what may be done was decided
 * by the proof at the upgrade and by the store.
 */

import { ChannelCredit } from '@meshbook/core/channel-credit.ts'
import { ChannelQueue } from '@meshbook/core/channel-queue.ts'
import { asMeshError, errors, MeshError } from '@meshbook/core/errors.ts'
import { type ChannelFrame, decodeFrame } from '@meshbook/core/frames.ts'
import type { ProjectId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import {
  type DeviceProject,
  type DownMessage,
  encodeMessage,
  frameTypes,
  parseUp,
  protocolVersion,
  type UpMessage,
} from '@meshbook/core/messages.ts'
import { sealProofText } from '@meshbook/core/pairing.ts'
import { rightsOf } from '@meshbook/core/roles.ts'
import { LiveSocket } from '@meshbook/relay/serve/live-socket.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { RawData, WebSocket } from 'ws'
import type { ProvenDevice } from '../auth/authenticator.ts'
import { deviceOwner } from '../auth/principal.ts'
import { isSignedBy } from '../devices/device-keys.ts'
import type { DeviceLink } from '../devices/fleet.ts'
import { greetWithOwnerKeys, takeOwnerKey } from '../devices/owner-keys.ts'
import { shutOut } from '../devices/revocation.ts'
import type { Parts } from '../parts.ts'
import { reuseReason } from '../store/device-tokens.ts'
import type { DueOrder } from '../store/orders.ts'
import { ChannelStreams, type StreamCarrier } from './channel-streams.ts'

/** `network` is the name of the one that it connects from. */
export function serveChannel(parts: Parts, socket: WebSocket, device: ProvenDevice, network: string): void {
  const channel = new ChannelSocket(parts, socket, device, network)
  channel.start()
}

/** What is worked on in the order of its messages. */
type Ordered = Exclude<UpMessage, { type: 'RUN_EVENT' | 'MRP_RESPONSE' | 'CREDIT' }>
type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>

class ChannelSocket implements DeviceLink {
  readonly #parts: Parts
  readonly #device: ProvenDevice
  readonly #network: string
  readonly #live: LiveSocket
  readonly #streams: ChannelStreams
  #registered = false
  /** Why the socket is not read at the moment. */
  readonly #pauses = new Set<string>()
  /** Control work in the order of its messages; run events do not wait for one another, the store keeps their order. */
  #order: Promise<void> = Promise.resolve()
  #unstoredBytes = 0
  readonly #queue: ChannelQueue
  readonly #credit: ChannelCredit
  /** Whether the device waits for credit; one that does not is paused as a whole. */
  #givesCredit = false
  /** Of this connection, so that no older one speaks for the device at other hubs. */
  readonly #name: string
  /** Orders of other hubs that were handed over and still stand in the store. */
  #given: number[] = []
  #left = false
  #isTellingProjects = false
  /** Of a worker: the one project that it sees (CP32); null where the worker has ended. Absent for other devices. */
  #only: ProjectId | null | undefined

  constructor(parts: Parts, socket: WebSocket, device: ProvenDevice, network: string) {
    this.#parts = parts
    this.#device = device
    this.#network = network
    this.#live = new LiveSocket(socket, parts.times, parts.now)
    this.#name = Buffer.from(parts.random(8)).toString('hex')
    this.#queue = new ChannelQueue({
      get bufferedAmount() {
        return socket.bufferedAmount
      },
      send: (frame, done) => socket.send(frame, done),
    })
    this.#credit = new ChannelCredit((stream, bytes) => void this.send({ type: 'CREDIT', stream, bytes }))
    this.#streams = new ChannelStreams(parts, device, this.#carrier())
  }

  start(): void {
    const { socket } = this.#live
    const forget = this.#enter()
    if (!forget) return
    const stop = this.#parts.events.onProjects(this.#device.org, () => this.#projectsChanged())
    const timer = setTimeout(() => {
      if (!this.#registered) this.#fail(new MeshError('TIMEOUT', { detail: 'no REGISTER' }))
    }, limits.handshakeMs)
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.once('close', () => {
      clearTimeout(timer)
      stop()
      forget()
      this.#closed()
    })
  }

  send(message: DownMessage): boolean {
    return this.sendFrame(encodeMessage(message))
  }

  sendFrame(frame: Uint8Array): boolean {
    if (!this.#canSend()) return false
    this.#queue.control(frame)
    return true
  }

  ordersWait(): void {
    this.#order = this.#order.then(() => this.#takeOrders()).catch((error: unknown) => this.#fail(error))
  }

  close(code: 'REVOKED' | 'CONFLICT' | 'TIMEOUT', reason?: string): void {
    if (code === 'REVOKED') this.send({ type: 'REVOKED', ...(reason === undefined ? {} : { reason }) })
    this.#live.close(errors[code].close ?? 1001, code)
  }

  lastFrameAt(): number {
    return this.#live.lastFrameAt
  }

  #enter(): (() => void) | undefined {
    try {
      return this.#parts.doors.open(deviceOwner(this.#device), 'socket', limits.socketsPerUser, error =>
        this.#live.closeFor(error),
      )
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  #carrier(): StreamCarrier {
    const queue = this.#queue
    return {
      get backlogBytes() {
        return queue.bytes
      },
      backlogOf: stream => queue.backlogOf(stream),
      sendFrames: (stream, frames) => this.#canSend() && queue.add(stream, frames),
      ended: (stream, code, reason) =>
        this.#canSend() && queue.add(stream, [encodeMessage({ type: 'CLOSE', stream, code, reason })]),
      pause: why => this.#pause(why),
      resume: why => this.#resume(why),
      hold: stream => (this.#givesCredit ? this.#credit.hold(stream) : this.#pause(`stream ${stream}`)),
      release: stream => {
        this.#credit.release(stream)
        this.#resume(`stream ${stream}`)
      },
      forget: stream => {
        this.#credit.forget(stream)
        this.#resume(`stream ${stream}`)
        queue.end(stream)
      },
    }
  }

  /** False when the socket is closing, or was so slow that it had to be closed (I10). */
  #canSend(): boolean {
    if (!this.#live.open) return false
    if (this.#queue.bytes <= limits.socketBacklogBytes + limits.documentBytes) return true
    this.#fail(new MeshError('SLOW_DOWN', { detail: 'the device does not read' }))
    return false
  }

  /** What comes while the closing handshake is under way is not taken (S8). */
  #receive(data: RawData, isBinary: boolean): void {
    if (!this.#live.open) return
    try {
      if (!isBinary) throw new MeshError('BAD_MESSAGE', { detail: 'a text frame' })
      const frame = decodeFrame(new Uint8Array(data as Buffer))
      if (frame.type === frameTypes.SYNC || frame.type === frameTypes.SYNC_PART)
        this.#receiveSync(frame, (data as Buffer).byteLength)
      else this.#receiveControl(parseUp(frame), frame.payload.byteLength)
    } catch (error) {
      this.#fail(error)
    }
  }

  #receiveSync(frame: ChannelFrame, bytes: number): void {
    if (this.#streams.receive(frame) && this.#givesCredit) this.#credit.took(frame.stream, bytes)
  }

  #receiveControl(message: UpMessage, bytes: number): void {
    if (message.type === 'RUN_EVENT') this.#appendEvents(message, bytes)
    else if (message.type === 'CREDIT') this.#queue.credit(message.stream, message.bytes)
    else if (message.type === 'MRP_RESPONSE') this.#parts.sessionRequests.answered(this.#device.id, message)
    else this.#enqueue(message)
  }

  #enqueue(message: Ordered): void {
    if (message.type === 'OPEN') this.#streams.reserve(message.stream)
    this.#order = this.#order.then(() => this.#handle(message)).catch((error: unknown) => this.#fail(error))
  }

  async #handle(message: Ordered): Promise<void> {
    if (!this.#live.open) return
    if (message.type === 'REGISTER') return this.#register(message)
    if (!this.#registered) throw new MeshError('BAD_MESSAGE', { detail: `${message.type} before REGISTER` })
    const { org, id } = this.#device
    switch (message.type) {
      case 'HEARTBEAT':
        return this.#heartbeat(message)
      case 'RUNTIME_UP':
      case 'RUNTIME_DOWN':
        return this.#runtimeChanged(message)
      case 'OPEN':
        if (!this.#sees(message.project)) return this.#streams.refuse(message.stream)
        // Documents are opened side by side; each stream keeps its own frames until its turn.
        this.#streams.open(message).catch((error: unknown) => this.#fail(error))
        return
      case 'CLOSE':
        return this.#streams.close(message.stream)
      case 'CLAIM':
        if (this.#only !== undefined) return this.#refuseClaim(message)
        return this.#parts.claims.answer(this.#device, message, this)
      case 'RUN_IMPORT':
        if (this.#only !== undefined) throw new MeshError('FORBIDDEN', { detail: 'a worker gives itself no runs' })
        return void this.send(await this.#parts.imports.take(this.#device, message))
      case 'PROBLEMS':
        return this.#problems(message)
      case 'ENVIRONMENTS':
        return this.#environments(message)
      case 'OWNER_KEY':
        if (this.#only !== undefined) throw new MeshError('FORBIDDEN', { detail: 'a worker makes no copies of keys' })
        return takeOwnerKey(this.#parts, this.#device, message)
      case 'RUN_AFTERWARDS':
        return void this.send(await this.#parts.runs.afterwards(this.#device.id, message))
      case 'SNAPSHOT':
      case 'RESTORING':
      case 'RESTORED':
        return this.#parts.savedSessions.told(org, id, message)
      case 'BYE':
        return this.#leave()
    }
  }

  async #register(message: Up<'REGISTER'>): Promise<void> {
    const { store, runs, fleet, presence, times, now } = this.#parts
    const { org, id } = this.#device
    if (message.device !== id)
      throw new MeshError('FORBIDDEN', { detail: 'REGISTER names another device than the proof' })
    if (this.#device.kind === 'worker')
      this.#only = (await store.query('workerOfDevice', { device: id }))?.project ?? null
    const token = await this.#nextToken(message.token)
    if (token === undefined) return
    await this.#takeSeal(message.seal)
    const { os, software = '', runtimes, metrics, restores } = message
    const projects = message.projects.filter(project => this.#sees(project))
    await store.call('describeDevice', {
      org,
      id,
      os,
      software,
      runtimes,
      projects,
      restores: restores ?? null,
      now: now(),
    })
    const found = await runs.reconcile(org, id, message)
    const known = await this.#projects()
    const { networks = [], ...measured } = metrics
    const facts = { metrics: measured, networks: [...networks, this.#network], network: this.#network }
    await presence.enter(org, id, this.#name, facts, now())
    // Nothing is awaited from here on: a channel that closed meanwhile must not replace the newer one of its device.
    if (!this.#live.open) return this.#leavePresence(this.#live.lastFrameAt)
    this.#registered = true
    this.#givesCredit = message.credit !== undefined
    if (message.credit !== undefined) this.#queue.limitStreams(message.credit)
    this.send({
      type: 'WELCOME',
      version: protocolVersion,
      pingMs: times.pingMs,
      heartbeatMs: times.heartbeatMs,
      projects: known,
      runs: found.runs,
      lost: found.lost,
      problems: true,
      environments: true,
      imports: true,
      snapshots: true,
      token,
      credit: limits.streamCreditBytes,
    })
    if (!fleet.connect(id, this, { os, software, runtimes, metrics, projects, restores, network: this.#network }))
      return this.close('REVOKED')
    for (const lease of found.resend) this.send({ type: 'LEASE', lease })
    for (const { run, reason } of found.cancel) this.send({ type: 'RUN_CANCEL', run, reason })
    await this.#parts.gates.tellDevice(id)
    await this.#tellOthers(found.headsEnded > 0)
    await this.#takeOrders()
    await this.#parts.moves.registered(id)
    await this.#parts.lan.offered(id, message.lan, [])
    if (message.seal) await greetWithOwnerKeys(this.#parts, this.#device)
  }

  /** What runs in a worker must start nothing anywhere else (CP33). */
  #refuseClaim({ request: { id } }: Up<'CLAIM'>): void {
    if (id) this.send({ type: 'RUN_REQUEST', run: id, answer: 'elsewhere', reason: 'A worker asks for no runs.' })
  }

  #sees(project: ProjectId): boolean {
    return this.#only === undefined || this.#only === project
  }

  /** Nothing when this channel ends: it is older than another one, or its token had been used up. */
  async #nextToken(shown: string | undefined): Promise<string | undefined> {
    const { store, random, now } = this.#parts
    const { org, id, provedAt } = this.#device
    const next = newSecret(random)
    const hashes = { shown: shown === undefined ? null : hashSecret(shown), next: hashSecret(next) }
    const { turn } = await store.call('turnToken', { org, id, ...hashes, provedAt, now: now() })
    if (turn === 'next') return next
    if (turn === 'late') this.close('CONFLICT')
    else await this.#shutOut()
    return undefined
  }

  async #shutOut(): Promise<void> {
    const { events, log } = this.#parts
    const { org, id, name } = this.#device
    const tell = () => this.close('REVOKED', reuseReason)
    const source = { who: deviceOwner(this.#device) }
    if (!(await shutOut(this.#parts, source, { id, reason: reuseReason, tell }))) return
    events.publish(org, { type: 'revoked', device: id, name, reason: reuseReason })
    log.warn({ device: id }, 'a device was shut out: its key was used from two places')
  }

  async #takeSeal(seal: Up<'REGISTER'>['seal']): Promise<void> {
    if (!seal) return
    const { org, id, publicKey } = this.#device
    if (!isSignedBy(publicKey, sealProofText(id, seal.key), seal.proof))
      throw new MeshError('FORBIDDEN', { detail: 'the sealing key is not signed by this device' })
    await this.#parts.store.call('setSealKey', { org, id, sealKey: seal.key, sealProof: seal.proof })
  }

  /** Those of its user, and those that are shared with its user, with what the user may do there. */
  async #projects(): Promise<DeviceProject[]> {
    const { store, access } = this.#parts
    const memberships = await access.memberships(this.#device)
    const shared = await store.query('sharedProjects', { projects: memberships.map(({ project }) => project) })
    const writable = new Set(memberships.flatMap(it => (rightsOf(it.roles).has('write') ? [it.project] : [])))
    const own = await store.query('listProjects', { org: this.#device.org })
    const all = [
      ...own.map(forDevice),
      ...shared.map(project => ({
        ...forDevice(project),
        shared: true as const,
        ...(!writable.has(project.id) && { access: 'read' as const }),
      })),
    ]
    return all.filter(({ id }) => this.#sees(id))
  }

  /** They are read anew, in the order of what else is worked on: the last list is the newest (CH32). */
  #projectsChanged(): void {
    if (this.#isTellingProjects || !this.#registered) return
    this.#isTellingProjects = true
    this.#order = this.#order
      .then(async () => {
        this.#isTellingProjects = false
        if (this.#live.open) this.send({ type: 'PROJECT_LIST', projects: await this.#projects() })
      })
      .catch((error: unknown) => this.#fail(error))
  }

  /** The lists, which it needs to show others and nothing else. */
  async #tellOthers(sessionsEnded: boolean): Promise<void> {
    const { deviceTeller, sessionsOf, sessionsChanged } = this.#parts
    const { org } = this.#device
    deviceTeller.welcome(org, this.#device.id)
    this.send({ type: 'SESSION_LIST', sessions: await sessionsOf(org) })
    if (sessionsEnded) sessionsChanged(org)
  }

  async #heartbeat({ metrics, heads, lan, direct = [] }: Up<'HEARTBEAT'>): Promise<void> {
    const { store, fleet, runs, now, times } = this.#parts
    const { org, id } = this.#device
    const at = now()
    const tell = fleet.heartbeat(id, metrics)
    const expiresAt = at + times.leaseMs
    const renewed = [...runs.foreign.byOrg(id, org, heads)]
      .filter(([, held]) => held.length > 0)
      .map(([of, held]) => store.call('renewHeads', { org: of, device: id, heads: held, expiresAt }))
    await Promise.all([...renewed, store.call('sawDevice', { org, id, now: at }), this.#renewPresence(tell)])
    await this.#parts.lan.offered(id, lan, direct)
  }

  async #problems({ items, more }: Up<'PROBLEMS'>): Promise<void> {
    this.#parts.fleet.problems(this.#device.id, { items, more })
    await this.#renewPresence(true)
  }

  async #environments({ items }: Up<'ENVIRONMENTS'>): Promise<void> {
    this.#parts.fleet.environments(this.#device.id, items)
    await this.#renewPresence(true)
  }

  async #renewPresence(tell: boolean): Promise<void> {
    const { presence, fleet } = this.#parts
    const { org, id } = this.#device
    const here = fleet.link(id) === this ? fleet.presenceOf(id) : undefined
    if (!here) return
    const seenAt = this.#live.lastFrameAt
    if (!(await presence.renew(org, id, this.#name, { ...here, seenAt, tell }))) this.close('CONFLICT')
  }

  async #leavePresence(seenAt: number): Promise<void> {
    const { presence } = this.#parts
    await presence.leave(this.#device.org, this.#device.id, this.#name, { left: this.#left, seenAt })
  }

  /** What other hubs have for this device, if this is still its channel (CH3). */
  async #takeOrders(): Promise<void> {
    const { store, presence, now, times } = this.#parts
    const { org, id: device } = this.#device
    if (presence.hub === '' || !this.#registered || !this.#live.open) return
    const { due, given } = await store.call('takeDeviceOrders', {
      org,
      device,
      hub: presence.hub,
      channel: this.#name,
      given: this.#given,
      leaseExpiresAt: now() + times.leaseMs,
    })
    this.#given = given
    for (const order of due) this.#handOver(order)
  }

  #handOver({ org, message, from }: DueOrder): void {
    const { sessionRequests, orders, runs, log } = this.#parts
    const { id } = this.#device
    if (message.type === 'LEASE' && org !== this.#device.org)
      runs.foreign.note(id, org, { session: message.lease.session, run: message.lease.run })
    if (message.type !== 'MRP_REQUEST') return void this.send(message)
    sessionRequests.forward(
      id,
      message,
      request => this.send(request),
      answer => {
        orders
          .answer(org, from, id, answer)
          .catch((error: unknown) => log.debug({ err: error }, 'an answer for another hub was not stored'))
      },
    )
  }

  async #runtimeChanged(message: Up<'RUNTIME_UP'> | Up<'RUNTIME_DOWN'>): Promise<void> {
    const { store, now, runs, sessionsChanged } = this.#parts
    const { id: device } = this.#device
    const { head, fence } = message
    const org = runs.foreign.orgOf(device, this.#device.org, message.session)
    const changed =
      message.type === 'RUNTIME_UP'
        ? await store.call('runtimeUp', { org, device, head, fence, kernel: message.kernel })
        : await store.call('runtimeDown', {
            ...{ org, device, head, fence, reason: message.reason },
            ...{ rests: message.rests === true, now: now() },
          })
    if (!changed && message.type === 'RUNTIME_DOWN') await this.#parts.moves.wentDown(device, message)
    if (!changed) return
    sessionsChanged(org)
    runs.placeSoon(org, message.session)
  }

  async #leave(): Promise<void> {
    const { store, fleet, runs, now } = this.#parts
    const { id } = this.#device
    this.#left = true
    for (const org of runs.foreign.orgsOf(id, this.#device.org))
      await store.call('giveBackHeads', { org, device: id, now: now() })
    fleet.leave(id)
    await this.#leavePresence(this.#live.lastFrameAt)
  }

  /** Events of one device go to the store in the order they came; answers come back in that order too. */
  #appendEvents(message: Up<'RUN_EVENT'>, bytes: number): void {
    if (!this.#registered) throw new MeshError('BAD_MESSAGE', { detail: 'RUN_EVENT before REGISTER' })
    this.#unstoredBytes += bytes
    if (this.#unstoredBytes > limits.channelCreditBytes) this.#pause('events')
    this.#parts.runs
      .append(this.#device.org, this.#device.id, message)
      .then(ack => this.send(ack))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#unstoredBytes -= bytes
        if (this.#unstoredBytes < limits.channelCreditBytes / 2) this.#resume('events')
      })
  }

  #pause(why: string): void {
    this.#pauses.add(why)
    this.#live.socket.pause()
  }

  #resume(why: string): void {
    if (this.#pauses.delete(why) && this.#pauses.size === 0 && this.#live.open) this.#live.socket.resume()
  }

  #fail(thrown: unknown): void {
    const error = asMeshError(thrown)
    if (error.code === 'INTERNAL' || error.code === 'BAD_MESSAGE')
      this.#parts.log.warn({ err: error, device: this.#device.id }, 'a channel was closed for an error')
    this.#live.closeFor(error)
  }

  #closed(): void {
    const { store, fleet, runs, sessionRequests, lan, log } = this.#parts
    const { org, id } = this.#device
    this.#streams.closeAll()
    fleet.disconnect(id, this)
    if (fleet.link(id) === undefined) {
      sessionRequests.disconnected(id)
      lan.left(id)
      this.#parts.restoreProgress.forget(id)
      runs.foreign.forget(id)
    }
    store
      .call('sawDevice', { org, id, now: this.#live.lastFrameAt })
      .then(() => this.#leavePresence(this.#live.lastFrameAt))
      .catch((error: unknown) => log.debug({ err: error }, 'when a device left was not stored'))
  }
}

function forDevice({ id, name, owner, tree }: DeviceProject): DeviceProject {
  return { id, name, owner, tree }
}
