/**
 * The network between the hub and everybody else. A wire is what TCP gives: in order, nothing twice; it can be slow, cut
 * (what was under way is lost from some point on, and each end learns of it in its own time, so that an old wire may
 * still bring frames when a new one is open), or silent (half-open: nothing arrives and nobody is told).
 */
import type { Chance } from './chance.ts'
import type { Process, Timeline } from './timeline.ts'

export type Parcel =
  | { kind: 'frame'; bytes: Uint8Array }
  /** `open` is the server's consent, before everything else. */
  | { kind: 'open' | 'ping' | 'pong' }
  | { kind: 'close'; code: number; reason: string }
  /** The server's answer where it does not consent. */
  | { kind: 'refusal'; status: number; body: string }

/** What the program at one end of a wire is told. */
export interface Receiver {
  take(parcel: Parcel): void
  /** The wire is gone. */
  gone(): void
  /** It could not be opened. */
  refused(): void
}

export interface Knock {
  /** Whose machine knocks, for partitions. */
  from: string
  /** What is asked for: the path of a document, or the id of a device. */
  address: string
  /** Whether the client asks for the subprotocol. */
  extensions: boolean
  /** What a device shows of itself; without it the hub believes whoever knocks. */
  authorization?: string
}

export type Doorkeeper = (knock: Knock, end: WireEnd) => void

export type Partition = 'refused' | 'silent'

export class Network {
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #doors = new Map<string, { process: Process; open: Doorkeeper }>()
  readonly #partitions = new Map<string, Partition>()
  readonly #wires = new Set<Wire>()
  /** Who knocks at a network that swallows everything, by machine. */
  readonly #stuck = new Map<string, (() => void)[]>()
  /** Milliseconds that a frame is under way at least and at most. */
  latencyMs: [number, number] = [1, 20]

  constructor(timeline: Timeline, chance: Chance) {
    this.#timeline = timeline
    this.#chance = chance
  }

  listen(name: string, process: Process, open: Doorkeeper): void {
    this.#doors.set(name, { process, open })
    process.atDeath(() => {
      if (this.#doors.get(name)?.process === process) this.#doors.delete(name)
    })
  }

  /** The receiver hears of success or failure later. */
  connect(to: string, process: Process, receiver: Receiver, knock: Knock): WireEnd {
    const wire = new Wire(this.#timeline, this.#chance.split(knock.from), () => this.#delay(), knock.from)
    const [client, server] = wire.ends
    client.attach(process, receiver)
    const refuse = (): void => void this.#timeline.schedule(process, this.#delay(), () => client.refused())
    this.#timeline.schedule(process, this.#delay(), () => {
      // Who has given up meanwhile is not let in.
      if (client.isOver) return
      const door = this.#doors.get(to)
      const partition = this.#partitions.get(knock.from)
      if (partition === 'silent') {
        this.#stuck.set(knock.from, [...(this.#stuck.get(knock.from) ?? []), refuse])
        return
      }
      if (!door || partition === 'refused') return refuse()
      this.#wires.add(wire)
      server.process = door.process
      this.#timeline.schedule(door.process, 0, () => {
        server.watchDeath()
        client.watchDeath()
        door.open(knock, server)
      })
    })
    return client
  }

  /** From now on this machine cannot reach the hub; its wires are cut, or fall silent. */
  part(machine: string, how: Partition): void {
    this.#partitions.set(machine, how)
    for (const wire of this.#wiresOf(machine)) {
      if (how === 'refused') wire.cut()
      else wire.fallSilent('both')
    }
  }

  isParted(machine: string): boolean {
    return this.#partitions.has(machine)
  }

  /** Cuts the wires of a machine; it may connect anew at once. */
  cut(machine: string): void {
    for (const wire of this.#wiresOf(machine)) wire.cut()
  }

  /** The wires of a machine become half-open, while new ones can be made. */
  silence(machine: string, direction: Direction): void {
    for (const wire of this.#wiresOf(machine)) wire.fallSilent(direction)
  }

  /** Nothing arrives for a while, then all of it. */
  stall(machine: string, ms: number): void {
    for (const wire of this.#wiresOf(machine)) wire.stall(ms)
  }

  /** The network is well again; wires that had fallen silent are found to be dead. */
  heal(machine: string): void {
    this.#partitions.delete(machine)
    for (const wire of this.#wiresOf(machine)) if (wire.isSilent) wire.cut()
    for (const refuse of this.#stuck.get(machine) ?? []) refuse()
    this.#stuck.delete(machine)
  }

  #wiresOf(machine: string): Wire[] {
    for (const wire of this.#wires) if (wire.isOver) this.#wires.delete(wire)
    return [...this.#wires].filter(wire => wire.machine === machine)
  }

  #delay(): number {
    return this.#chance.between(...this.latencyMs)
  }
}

export type Direction = 'up' | 'down' | 'both'

class Wire {
  readonly machine: string
  readonly ends: [WireEnd, WireEnd]
  readonly timeline: Timeline
  readonly chance: Chance
  readonly delay: () => number
  silent: [boolean, boolean] = [false, false]

  constructor(timeline: Timeline, chance: Chance, delay: () => number, machine: string) {
    this.timeline = timeline
    this.chance = chance
    this.delay = delay
    this.machine = machine
    this.ends = [new WireEnd(this, 0), new WireEnd(this, 1)]
  }

  get isOver(): boolean {
    return this.ends.every(end => end.isOver)
  }
  get isSilent(): boolean {
    return this.silent[0] || this.silent[1]
  }

  cut(): void {
    this.silent = [false, false]
    for (const end of this.ends) end.loseRest(this.chance)
    this.silent = [true, true]
  }

  fallSilent(direction: Direction): void {
    this.silent = [this.silent[0] || direction !== 'down', this.silent[1] || direction !== 'up']
  }

  stall(ms: number): void {
    for (const end of this.ends) end.busyUntil = Math.max(end.busyUntil, this.timeline.time + ms)
  }
}

export class WireEnd {
  readonly #wire: Wire
  readonly #side: 0 | 1
  process: Process | undefined
  #receiver: Receiver | undefined
  /** When the last of what was sent from here arrives. */
  busyUntil = 0
  /** Bytes under way from here. */
  backlogBytes = 0
  isOver = false
  #paused = false
  readonly #held: (Parcel | 'gone')[] = []
  #sent = 0
  #lostFrom = Number.POSITIVE_INFINITY

  constructor(wire: Wire, side: 0 | 1) {
    this.#wire = wire
    this.#side = side
  }

  attach(process: Process, receiver: Receiver): void {
    this.process = process
    this.#receiver = receiver
  }

  get #other(): WireEnd {
    return this.#wire.ends[1 - this.#side]!
  }

  send(parcel: Parcel): void {
    if (this.isOver || this.#wire.silent[this.#side]) return
    const { timeline } = this.#wire
    this.busyUntil = Math.max(this.busyUntil, timeline.time + this.#wire.delay())
    const number = this.#sent++
    const bytes = parcel.kind === 'frame' ? parcel.bytes.byteLength : 2
    this.backlogBytes += bytes
    const other = this.#other
    timeline.schedule(other.process!, this.busyUntil - timeline.time, () => {
      this.backlogBytes -= bytes
      if (number < this.#lostFrom) other.#arrive(parcel)
    })
  }

  /** The connection is ended from here, without a word of the program. */
  drop(): void {
    if (this.isOver) return
    this.isOver = true
    this.#tellOther()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    while (!this.#paused && this.#held.length > 0) this.#hand(this.#held.shift()!)
  }

  refused(): void {
    if (this.isOver) return
    this.isOver = true
    this.#receiver?.refused()
  }

  watchDeath(): void {
    this.process!.atDeath(() => this.drop())
  }

  /** Of what is under way from here, some is lost from a point on; then the other side learns that the wire is cut. */
  loseRest(chance: Chance): void {
    this.#lostFrom = Math.min(this.#lostFrom, chance.between(Math.max(0, this.#sent - 6), this.#sent))
    this.#tellOther(chance.happens(0.3) ? chance.between(0, 1_500) : 0)
  }

  #tellOther(ms = 0): void {
    const other = this.#other
    if (other.isOver || this.#wire.silent[this.#side] || !other.process) return
    const { timeline } = this.#wire
    this.busyUntil = Math.max(this.busyUntil, timeline.time + this.#wire.delay() + ms)
    timeline.schedule(other.process, this.busyUntil - timeline.time, () => other.#arrive('gone'))
  }

  #arrive(item: Parcel | 'gone'): void {
    if (this.isOver) return
    // A program that does not read does not learn that the other side is gone either.
    if (this.#paused) this.#held.push(item)
    else this.#hand(item)
  }

  #hand(item: Parcel | 'gone'): void {
    if (this.isOver) return
    if (item === 'gone') {
      this.isOver = true
      this.#receiver?.gone()
    } else this.#receiver?.take(item)
  }
}
