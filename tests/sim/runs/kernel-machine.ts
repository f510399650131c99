/**
 * The kernels of one machine on virtual time: a second implementation of the kernel port whose hosts live on when the
 * daemon is killed. Code is a script in JSON; what a host has journaled it keeps, and a known run is never begun again.
 */

import { MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, parseSeq, type RunId, type SessionId } from '@meshbook/core/ids.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import type {
  ExecuteOrder,
  JournalEvent,
  KernelSession,
  KernelSessions,
  RecoveredSession,
  SessionSpec,
} from '@meshbook/device/kernels/port.ts'
import type { Chance } from '../world/chance.ts'
import { Process, type Timeline } from '../world/timeline.ts'

export interface Script {
  mark: string
  lines: number
  everyMs: number
}

export const lineOf = ({ mark }: Script, line: number): string => `${mark} line ${line}\n`

interface HostedRun {
  order: ExecuteOrder
  script: Script
  events: RunEvent[]
  cancelled: string | undefined
}

interface Listener {
  process: Process
  wake(): void
}

/** What outlives every daemon. */
interface HostedSession {
  spec: SessionSpec
  isAlive: boolean
  runs: Map<RunId, HostedRun>
  forgotten: Set<RunId>
  queue: HostedRun[]
  isBusy: boolean
}

export class KernelMachine {
  /** Every time that code was really begun. */
  readonly starts: { run: RunId; fence: number }[] = []
  readonly #sessions = new Map<SessionId, HostedSession>()
  readonly #listeners = new Set<Listener>()
  readonly #downs = new Set<{ process: Process; tell(session: SessionId): void }>()
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #host: Process

  constructor(timeline: Timeline, chance: Chance, name: string) {
    this.#timeline = timeline
    this.#chance = chance
    this.#host = new Process(`kernels of ${name}`, chance.split('host'))
  }

  /** The port as one daemon holds it. */
  open(process: Process): KernelSessions {
    return new MachinePort(this, process)
  }

  /** A kernel of the machine dies by itself. */
  killOne(chance: Chance): boolean {
    const session = chance.one([...this.#sessions.values()].filter(({ isAlive }) => isAlive))
    if (!session) return false
    this.#end(session, 'the kernel ended')
    const { session: id } = session.spec
    for (const { process, tell } of this.#downs) this.#timeline.schedule(process, this.#soon(), () => tell(id))
    return true
  }

  /** A question to a host and its answer take their time, and the one who asked may be gone by then. */
  ask<T>(process: Process, answer: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#timeline.schedule(this.#host, this.#soon(), () => {
        const tell = outcomeOf(answer, resolve, reject)
        this.#timeline.schedule(process, this.#soon(), tell)
      })
    })
  }

  list(): HostedSession[] {
    return [...this.#sessions.values()]
  }

  start(spec: SessionSpec): HostedSession {
    const known = this.#sessions.get(spec.session)
    const session = known ?? { spec, isAlive: true, runs: new Map(), forgotten: new Set(), queue: [], isBusy: false }
    session.spec = spec
    session.isAlive = true
    this.#sessions.set(spec.session, session)
    return session
  }

  execute(session: HostedSession, order: ExecuteOrder): void {
    const known = session.runs.get(order.run)
    if (known) known.order = order
    if (known || session.forgotten.has(order.run)) return
    const run = { order, script: JSON.parse(order.code) as Script, events: [], cancelled: undefined }
    session.runs.set(order.run, run)
    session.queue.push(run)
    this.#next(session)
  }

  #next(session: HostedSession): void {
    if (session.isBusy || !session.isAlive) return
    const run = session.queue.shift()
    if (!run) return
    session.isBusy = true
    this.starts.push({ run: run.order.run, fence: run.order.fence })
    this.#emit(run, {
      type: 'started',
      at: this.#timeline.now(),
      device: session.spec.device,
      language: 'python',
      kernel: 'Simulated',
    })
    this.#print(session, run, 0)
  }

  #print(session: HostedSession, run: HostedRun, line: number): void {
    const { lines, everyMs } = run.script
    this.#timeline.schedule(this.#host, everyMs, () => {
      if (isOver(run)) return
      const ended = { at: this.#timeline.now(), durationMs: Math.round(line * everyMs) }
      if (run.cancelled !== undefined) this.#emit(run, { type: 'cancelled', ...ended, reason: run.cancelled })
      else if (line === lines) this.#emit(run, { type: 'completed', ...ended })
      else {
        this.#emit(run, { type: 'stdout', at: ended.at, text: lineOf(run.script, line) })
        this.#print(session, run, line + 1)
        return
      }
      session.isBusy = false
      this.#next(session)
    })
  }

  #end(session: HostedSession, reason: string): void {
    session.isAlive = false
    session.isBusy = false
    session.queue = []
    const ended = { at: this.#timeline.now(), durationMs: 0, reason }
    for (const run of session.runs.values()) if (!isOver(run)) this.#emit(run, { type: 'interrupted', ...ended })
  }

  shutdown(session: HostedSession): void {
    this.#end(session, 'the session was ended')
  }

  #emit(run: HostedRun, event: RunEvent): void {
    run.events.push(event)
    for (const { process, wake } of this.#listeners) this.#timeline.schedule(process, this.#soon(), wake)
  }

  listen(process: Process, wake: () => void): () => void {
    const listener = { process, wake }
    this.#listeners.add(listener)
    process.atDeath(() => this.#listeners.delete(listener))
    return () => void this.#listeners.delete(listener)
  }

  onDown(process: Process, tell: (session: SessionId) => void): void {
    const down = { process, tell }
    this.#downs.add(down)
    process.atDeath(() => this.#downs.delete(down))
  }

  #soon(): number {
    return this.#chance.fraction() * 4
  }
}

function unsaved(): MeshError {
  return new MeshError('SNAPSHOT_FAILED', { detail: 'simulated kernels are not saved' })
}

function outcomeOf<T>(answer: () => T, resolve: (value: T) => void, reject: (error: unknown) => void): () => void {
  try {
    const value = answer()
    return () => resolve(value)
  } catch (thrown) {
    return () => reject(thrown)
  }
}

function isOver({ events }: Pick<HostedRun, 'events'>): boolean {
  const last = events.at(-1)
  return last !== undefined && isTerminal(last)
}

class MachinePort implements KernelSessions {
  readonly #machine: KernelMachine
  readonly #process: Process

  constructor(machine: KernelMachine, process: Process) {
    this.#machine = machine
    this.#process = process
  }

  async runtimes() {
    return [{ language: 'python', kernel: 'Simulated', version: '1' }]
  }
  async missing() {
    return undefined
  }
  async start(spec: SessionSpec): Promise<KernelSession> {
    const session = await this.#machine.ask(this.#process, () => this.#machine.start(spec))
    return new SessionPort(this.#machine, this.#process, session)
  }
  recover(): Promise<RecoveredSession[]> {
    return this.#machine.ask(this.#process, () =>
      this.#machine.list().map(session => ({
        session: new SessionPort(this.#machine, this.#process, session),
        alive: session.isAlive,
        runs: [...session.runs].map(([run, { order, events }]) => ({
          run,
          fence: order.fence,
          seq: events.length,
          ended: isOver({ events }),
        })),
      })),
    )
  }
  onDown(listener: (session: SessionId, reason: string) => void): void {
    this.#machine.onDown(this.#process, session => listener(session, 'it ended'))
  }
  async setPolicy(): Promise<void> {
    // Simulated kernels take nothing.
  }
  async close(): Promise<void> {
    // Kernels go on without the daemon.
  }
  async stopAll(): Promise<void> {
    throw new Error('nobody stops the kernels of a simulated machine')
  }
}

class SessionPort implements KernelSession {
  readonly kernelName = 'Simulated 1'
  readonly spec: SessionSpec
  readonly #machine: KernelMachine
  readonly #process: Process
  readonly #session: HostedSession

  constructor(machine: KernelMachine, process: Process, session: HostedSession) {
    this.#machine = machine
    this.#process = process
    this.#session = session
    this.spec = session.spec
  }

  #ask<T>(answer: () => T): Promise<T> {
    return this.#machine.ask(this.#process, answer)
  }

  execute(order: ExecuteOrder): Promise<void> {
    return this.#ask(() => this.#machine.execute(this.#session, order))
  }

  async *events(id: RunId, after: number, signal: AbortSignal): AsyncGenerator<JournalEvent> {
    const run = await this.#ask(() => this.#session.runs.get(id))
    if (!run) throw new MeshError('NOT_FOUND', { detail: id })
    let wake: () => void = () => undefined
    const stop = this.#machine.listen(this.#process, () => wake())
    signal.addEventListener('abort', () => wake(), { once: true })
    try {
      for (let at = after; !signal.aborted; ) {
        const event = run.events[at]
        if (event) {
          yield { run: id, fence: run.order.fence, seq: parseSeq(++at), event }
          if (isTerminal(event)) return
        } else
          await new Promise<void>(resolve => {
            wake = resolve
          })
      }
    } finally {
      stop()
    }
  }

  async input(): Promise<void> {
    throw new MeshError('CONFLICT', { detail: 'scripts ask nothing' })
  }
  cancel(id: RunId, reason: string): Promise<void> {
    return this.#ask(() => {
      const run = this.#session.runs.get(id)
      if (run) run.cancelled = reason
    })
  }
  async complete() {
    return { from: 0, to: 0, items: [] }
  }
  async inspect() {
    return { found: false, text: '' }
  }
  async variables() {
    return { items: [], truncated: false }
  }
  restart(): Promise<void> {
    return this.shutdown()
  }
  async shape(): Promise<never> {
    throw unsaved()
  }
  async fork(): Promise<never> {
    throw unsaved()
  }
  async save(): Promise<never> {
    throw unsaved()
  }
  async hold(): Promise<never> {
    throw unsaved()
  }
  shutdown(): Promise<void> {
    return this.#ask(() => this.#machine.shutdown(this.#session))
  }
  forget(run: RunId): Promise<void> {
    return this.#ask(() => {
      this.#session.runs.delete(run)
      this.#session.forgotten.add(run)
    })
  }
  async asset(id: AssetId): Promise<Uint8Array> {
    throw new MeshError('NOT_FOUND', { detail: id })
  }
}
