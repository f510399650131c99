/**
 * The queue of runs of this phone (PH21–PH26): stored before it is said, compared before it is sent, sent once each, in
 * order, by one of all tabs and the worker. What a step may do is decided in `queued-run.ts`; this only does it.
 */
import type { RunRequest } from '@meshbook/core/messages.ts'
import { type Signal, signal } from '@preact/signals'
import type { OutboxStore } from './outbox-store.ts'
import { Passes } from './passes.ts'
import {
  type Answer,
  answered,
  asItWas,
  begun,
  judge,
  mayTakeBack,
  type NewRun,
  type QueuedRun,
  requestOf,
  type Standing,
  unwanted,
  withNewCode,
} from './queued-run.ts'

export interface OutboxPorts {
  store: Pick<OutboxStore, 'all' | 'add' | 'change'>
  /** How the cell stands at the hub, once the hub has what was edited before. */
  standing(run: QueuedRun): Promise<Standing>
  post(request: RunRequest): Promise<Answer>
  /** Cancels at the hub; false while nothing is known of it. */
  cancel(id: string): Promise<boolean>
  /** Runs the work while no other tab and no worker sends. */
  alone(work: () => Promise<void>): Promise<void>
  /** Tells the other tabs that something is different. */
  news(): void
  now(): number
  newRun(code: string): Promise<{ id: string; codeHash: string }>
  /** How long a run is wanted that the user asks for now. */
  wantedMs: number
}

type Outcome = 'done' | 'later' | 'no hub'

export class Outbox {
  /** In order; what was sent stays until the hub says more of it. */
  readonly runs: Signal<readonly QueuedRun[]> = signal([])
  readonly #ports: OutboxPorts
  readonly #passes: Passes

  constructor(ports: OutboxPorts) {
    this.#ports = ports
    const [pass, done] = [() => this.#pass(), () => this.#changed()]
    this.#passes = new Passes({ alone: work => ports.alone(work), pass, done })
  }

  /** Reads what is stored: at the start, and when another tab has changed it. */
  async read(): Promise<void> {
    this.runs.value = await this.#ports.store.all()
  }

  /** Resolves when it is stored; it may be said then. */
  async add(run: NewRun): Promise<QueuedRun> {
    const queued = await this.#ports.store.add({ ...run, confirmed: false, state: { is: 'queued' } })
    await this.#changed()
    return queued
  }

  /** False if it may be at the hub already: then it is cancelled there as soon as that is known. */
  async takeBack(id: string): Promise<boolean> {
    let taken = false
    await this.#ports.store.change(id, run => {
      taken = mayTakeBack(run)
      return taken ? 'drop' : unwanted(run)
    })
    await this.#changed()
    return taken
  }

  async runAsItWas(id: string): Promise<void> {
    const { store, now, wantedMs } = this.#ports
    await store.change(id, run => asItWas(run, now(), wantedMs))
    await this.#changed()
  }

  async runNewCode(id: string): Promise<void> {
    const { store, now, newRun, wantedMs } = this.#ports
    const run = (await store.all()).find(known => known.id === id)
    if (run?.state.is !== 'asks' || run.state.code === undefined) return
    const { code } = run.state
    const as = await newRun(code)
    await store.change(id, found => {
      const same = found.state.is === 'asks' && found.state.code === code
      return same ? withNewCode(found, as, now(), wantedMs) : undefined
    })
    await this.#changed()
  }

  /** The hub has said what became of it, or its document shows it. */
  async forgetSent(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.#ports.store.change(id, run => (run.state.is === 'sent' ? 'drop' : undefined))
    if (ids.length > 0) await this.#changed()
  }

  /** Sends what may be sent. Resolves with whether something is left that only needs another try. */
  async send(): Promise<boolean> {
    return await this.#passes.run()
  }

  async #pass(): Promise<boolean> {
    const held = new Set<string>()
    for (const run of await this.#ports.store.all()) {
      const { is } = run.state
      if ((is !== 'queued' && is !== 'sending') || held.has(run.document)) continue
      const outcome = is === 'sending' ? await this.#post(run) : await this.#look(run)
      if (outcome === 'no hub') return true
      if (outcome === 'later') held.add(run.document)
      this.runs.value = await this.#ports.store.all()
    }
    return held.size > 0
  }

  async #look(run: QueuedRun): Promise<Outcome> {
    const { store, standing, now } = this.#ports
    const early = judge(run, { is: 'unknown' }, now())
    const verdict = early === 'later' ? judge(run, await standing(run), now()) : early
    if (verdict === 'later') return 'later'
    if (verdict === 'send') return await this.#begin(run)
    await store.change(run.id, found => (found.state.is === 'queued' ? { ...found, state: verdict } : undefined))
    return 'done'
  }

  /** That it is being sent is stored first: from then on nobody takes it back or compares it (PH22). */
  async #begin(run: QueuedRun): Promise<Outcome> {
    const sending = await this.#ports.store.change(run.id, begun)
    return sending ? await this.#post(sending) : 'done'
  }

  /**
   * What was being sent when somebody was killed or cut off is sent again: a request of that time may still arrive, so
   * nothing else may be made of it here, and the hub compares what was asked for a while ago itself (RU31).
   */
  async #post(run: QueuedRun): Promise<Outcome> {
    const { store, post, cancel, now } = this.#ports
    const answer = await post(requestOf(run))
    if (answer.is === 'unknown') return 'no hub'
    let toCancel = false
    await store.change(run.id, found => {
      toCancel = found.isUnwanted === true && answer.is === 'taken'
      return toCancel ? undefined : answered(found, answer, now())
    })
    if (!toCancel) return 'done'
    if (!(await cancel(run.id))) return 'no hub'
    await store.change(run.id, found => answered(found, answer, now()))
    return 'done'
  }

  async #changed(): Promise<void> {
    await this.read()
    this.#ports.news()
  }
}
