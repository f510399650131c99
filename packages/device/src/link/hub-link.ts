/**
 * The link of this device to its hub: connects, registers, keeps alive and comes back by itself. What the messages mean
 * is the part of those who listen; documents go through `Streams`.
 */

import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, ProjectId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import {
  type DownMessage,
  type Metrics,
  type ProjectEnvironment,
  protocolVersion,
  type Runtime,
  type ToldProblems,
  type UpMessage,
} from '@meshbook/core/messages.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import type { DeviceKey } from '../device-key.ts'
import { ChangeTeller } from './change-teller.ts'
import { Channel, type OpenSocket } from './channel.ts'
import { machine } from './machine-facts.ts'
import type { Streams } from './streams.ts'

type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>
type Down<T extends DownMessage['type']> = Extract<DownMessage, { type: T }>

/** What is new to those who act on it: everything but what the link itself deals with. */
export type HubMessage = Exclude<DownMessage, { type: 'WELCOME' | 'CLOSE' | 'REVOKED' | 'CREDIT' }>

export type LinkStatus =
  | { state: 'connecting' }
  | { state: 'online' }
  | { state: 'offline'; error: MeshError }
  | { state: 'refused'; error: MeshError }
  | { state: 'closed' }

/** `lan`: where others reach this device; `direct`: who does. */
export type LanState = Pick<Up<'HEARTBEAT'>, 'lan' | 'direct'>

export interface LinkPorts {
  url: string
  key: Pick<DeviceKey, 'id' | 'proof'>
  openSocket: OpenSocket
  /** How this machine is at the moment. */
  measure(): Promise<Metrics>
  name: string
  kind: Up<'REGISTER'>['kind']
  limits: Limits
  now: Now
  random: RandomBytes
  streams: Streams
  /** Makes the hub know this device's key; called before the first connection and when the hub does not know it. */
  enroll(): Promise<void>
  runtimes(): Promise<Runtime[]>
  projects(): ProjectId[]
  /** What this device shows of itself beside its proof, and what it is given to show next time. */
  credentials?: { token(): Promise<string | undefined>; keep(token: string): void; seal: Up<'REGISTER'>['seal'] }
  /** Heads and runs that are held now. */
  held(): { heads: Up<'REGISTER'>['heads']; runs: Up<'REGISTER'>['runs'] }
  problems(): ToldProblems
  environments?(): ProjectEnvironment[]
  /** What can be restored here of saved sessions, once that is known. */
  restores?(): Up<'REGISTER'>['restores']
  /** What the hub is told of direct connections, in REGISTER and in each HEARTBEAT. */
  lan?(): Promise<LanState>
  /** Before documents are sent: what the hub must know first. */
  greeted?(welcome: Down<'WELCOME'>): void
  welcomed(welcome: Down<'WELCOME'>): void
  message(message: HubMessage): void
  left(): void
  status(status: LinkStatus): void
}

export class HubLink {
  readonly #ports: LinkPorts
  readonly #url: URL
  #channel: Channel | undefined
  #isWelcome = false
  #attempt = 0
  #retry: NodeJS.Timeout | undefined
  #welcomeTimer: NodeJS.Timeout | undefined
  #heartbeat: NodeJS.Timeout | undefined
  #status: LinkStatus = { state: 'connecting' }
  #stopped: (() => void) | undefined
  #isEnrolled = false
  #registered: string | undefined
  #isRenewing = false
  /** Comes back only when it wakes, or once the longest wait is over. */
  #isAsleep = false
  #said: () => void = () => undefined
  readonly #problems: ChangeTeller
  readonly #environments: ChangeTeller

  constructor(ports: LinkPorts) {
    this.#ports = ports
    const sending = { send: (message: UpMessage) => this.send(message), delayMs: ports.limits.problemsMs }
    this.#problems = new ChangeTeller({ ...sending, message: () => ({ type: 'PROBLEMS', ...ports.problems() }) })
    this.#environments = new ChangeTeller({
      ...sending,
      message: () => ({ type: 'ENVIRONMENTS', items: ports.environments?.() ?? [] }),
    })
    this.#url = new URL('/channel', ports.url)
    this.#url.protocol = this.#url.protocol === 'https:' ? 'wss:' : 'ws:'
  }

  get status(): LinkStatus {
    return this.#status
  }

  get online(): boolean {
    return this.#isWelcome
  }

  start(): void {
    this.#connect()
  }

  /** False when there is no hub to send to. */
  send(message: UpMessage): boolean {
    return this.#isWelcome && this.#channel!.send(message)
  }

  /** The hub is told soon. */
  problemsChanged(): void {
    this.#problems.changed()
  }

  environmentsChanged(): void {
    this.#environments.changed()
  }

  /** The hub is told at once how this device is. */
  beat(): void {
    void this.#beat()
  }

  /** Projects changed, or what can be restored: the hub learns it with a new connection, at once. */
  renew(): void {
    // Before the welcome the hub may still be at work on the registration; what changed meanwhile is found out then.
    if (!this.#channel || !this.#isWelcome || this.#registered === this.#facts()) return
    this.#isRenewing = true
    this.#channel.end(new MeshError('SHUTTING_DOWN', { detail: 'the device registers anew' }))
  }

  /** The machine is about to sleep: the hub counts this device as offline at once. Resolves when that is said. */
  async sleep(): Promise<void> {
    this.#isAsleep = true
    const channel = this.#channel
    if (!channel || this.#stopped) return
    if (this.#isWelcome) channel.send({ type: 'BYE', reason: 'sleep' })
    await new Promise<void>(resolve => {
      this.#said = resolve
      channel.end(new MeshError('SHUTTING_DOWN', { detail: 'this machine sleeps' }))
    })
  }

  /** The machine woke, perhaps from a sleep that nobody announced: at once back to the hub. */
  wake(): void {
    this.#isAsleep = false
    if (this.#stopped || this.#status.state === 'refused') return
    if (this.#channel) this.#channel.probe()
    else if (this.#retry) {
      clearTimeout(this.#retry)
      this.#attempt = 0
      this.#connect()
    }
  }

  /** Says goodbye, so that the hub counts this device as offline at once. */
  async close(): Promise<void> {
    clearTimeout(this.#retry)
    const channel = this.#channel
    const gone = new Promise<void>(resolve => {
      this.#stopped = resolve
    })
    if (!channel) {
      this.#setStatus({ state: 'closed' })
      return
    }
    if (this.#isWelcome) channel.send({ type: 'BYE', reason: 'stop' })
    channel.end(new MeshError('SHUTTING_DOWN'))
    await gone
    this.#setStatus({ state: 'closed' })
  }

  #connect(): void {
    this.#retry = undefined
    this.#setStatus({ state: 'connecting' })
    this.#ready().then(
      () => this.#stopped || this.#open(),
      thrown => this.#closed(asMeshError(thrown)),
    )
  }

  async #ready(): Promise<void> {
    if (!this.#isEnrolled) await this.#ports.enroll()
    this.#isEnrolled = true
  }

  #open(): void {
    const { key, limits, now, openSocket, random, streams } = this.#ports
    const channel: Channel = new Channel(
      openSocket(this.#url, key.proof(this.#url.host, now(), random), limits),
      this.#url.origin,
      {
        opened: () => void this.#register(channel),
        message: message => this.#receive(message),
        sync: (stream, bytes) => streams.receive(stream, bytes),
        closed: error => this.#closed(error),
      },
      limits,
    )
    this.#channel = channel
  }

  async #register(channel: Channel): Promise<void> {
    const { key, name, kind, limits, held, projects, runtimes } = this.#ports
    this.#welcomeTimer = setTimeout(
      () => channel.end(new MeshError('TIMEOUT', { detail: 'no WELCOME' })),
      limits.handshakeMs,
    )
    try {
      const token = this.#ports.credentials?.token()
      const [found, metrics, shown, near] = await Promise.all([
        runtimes(),
        this.#ports.measure(),
        token,
        this.#ports.lan?.(),
      ])
      const seal = this.#ports.credentials?.seal
      const restores = this.#ports.restores?.()
      this.#registered = this.#facts()
      channel.send({
        type: 'REGISTER',
        version: protocolVersion,
        device: key.id,
        name,
        kind,
        ...machine,
        runtimes: found,
        metrics,
        projects: projects(),
        ...held(),
        ...(shown === undefined ? {} : { token: shown }),
        ...(seal === undefined ? {} : { seal }),
        credit: limits.streamCreditBytes,
        ...(near?.lan && { lan: near.lan }),
        ...(restores && { restores }),
      })
    } catch (thrown) {
      channel.end(asMeshError(thrown))
    }
  }

  /** What a connection is made anew for when it changes. */
  #facts(): string {
    return JSON.stringify([this.#ports.projects(), this.#ports.restores?.()])
  }

  #receive(message: DownMessage): void {
    switch (message.type) {
      case 'WELCOME':
        this.#welcome(message)
        return
      case 'CLOSE':
        this.#ports.streams.closedByHub(message.stream, message.code, message.reason)
        return
      case 'REVOKED':
        this.#channel?.end(new MeshError('REVOKED', message.reason === undefined ? {} : { detail: message.reason }))
        return
      case 'CREDIT':
        return
      default:
        this.#ports.message(message)
    }
  }

  #welcome(welcome: Down<'WELCOME'>): void {
    const channel = this.#channel!
    if (welcome.token !== undefined) this.#ports.credentials?.keep(welcome.token)
    clearTimeout(this.#welcomeTimer)
    this.#isWelcome = true
    this.#attempt = 0
    channel.keepAlive(welcome.pingMs)
    if (welcome.credit !== undefined) channel.limitStreams(welcome.credit)
    this.#heartbeat = setInterval(() => void this.#beat(), welcome.heartbeatMs)
    this.#setStatus({ state: 'online' })
    this.#ports.greeted?.(welcome)
    this.#ports.streams.up(channel)
    this.#ports.welcomed(welcome)
    this.#problems.welcomed(welcome.problems === true)
    this.#environments.welcomed(welcome.environments === true)
    this.renew()
  }

  async #beat(): Promise<void> {
    const [metrics, near] = await Promise.all([this.#ports.measure(), this.#ports.lan?.()])
    this.send({ type: 'HEARTBEAT', metrics, heads: this.#ports.held().heads, ...near })
  }

  #closed(error: MeshError): void {
    clearTimeout(this.#welcomeTimer)
    clearInterval(this.#heartbeat)
    this.#channel = undefined
    this.#registered = undefined
    const wasWelcome = this.#isWelcome
    this.#isWelcome = false
    this.#ports.streams.down()
    this.#problems.left()
    this.#environments.left()
    this.#said()
    if (wasWelcome) this.#ports.left()
    if (this.#stopped) {
      this.#stopped()
      return
    }
    this.#setStatus(error.code === 'REVOKED' ? { state: 'refused', error } : { state: 'offline', error })
    this.#connectLater(error)
  }

  /** A revoked key never comes back; everything else may, also a hub that does not know this device yet. */
  #connectLater(error: MeshError): void {
    if (error.code === 'REVOKED') return
    if (error.code === 'UNAUTHENTICATED') this.#isEnrolled = false
    const { limits, random } = this.#ports
    this.#attempt++
    const fraction = () => new DataView(random(4).slice().buffer).getUint32(0) / 2 ** 32
    const wait = backoffMs({
      attempt: this.#attempt,
      minMs: limits.reconnectMinMs,
      maxMs: limits.reconnectMaxMs,
      random: fraction,
    })
    const due = this.#isAsleep ? limits.reconnectMaxMs : wait
    this.#retry = setTimeout(() => this.#connect(), this.#isRenewing ? 0 : due)
    this.#isRenewing = false
  }

  #setStatus(status: LinkStatus): void {
    this.#status = status
    this.#ports.status(status)
  }
}
