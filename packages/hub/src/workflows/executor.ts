/**
 * Takes runs of workflows that are due, carries them on through the engine, and puts them aside when they have nothing to
 * do (WQ10–WQ15). The queue says which are due and shares them between hubs (WQ82); the store's transactions decide who
 * has a run. This does what they say, and again if it was not done.
 */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, RandomBytes, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import type { StepExecutor } from '@meshbook/engine/workflow/ports.ts'
import type { Log } from '../log.ts'
import type { Job, WorkQueue } from '../queue/work-queue.ts'
import type { Grown } from '../runs/run-feeds.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TakenWorkflowRun, WorkflowAppended } from '../store/workflow-runs.ts'
import { DefinitionTexts } from './definition-texts.ts'
import { HeldRun } from './held-run.ts'
import type { ResultBytes } from './result-bytes.ts'

export interface ExecutorPorts {
  /** Of this process: another one after a restart. */
  name: string
  /** Nobody else has the database: who held a run before is gone (WQ12). */
  isAlone: boolean
  store: HubStore
  queue: WorkQueue
  results: ResultBytes
  stepsFor(run: TakenWorkflowRun): StepExecutor
  times: Limits
  now: Now
  random: RandomBytes
  log: Log
  appended(run: TakenWorkflowRun, done: WorkflowAppended, grown: Grown): void
}

interface DueRun {
  org: OrgId
  id: RunId
}

interface Failure {
  times: number
  until: number
}

export class WorkflowExecutor {
  readonly #ports: ExecutorPorts
  readonly #texts: DefinitionTexts
  readonly #held = new Map<RunId, HeldRun>()
  readonly #work = new Set<Promise<void>>()
  readonly #failures = new Map<RunId, Failure>()
  #taking = 0
  #looking = false
  #again = false
  #closed = false

  constructor(ports: ExecutorPorts) {
    this.#ports = ports
    this.#texts = new DefinitionTexts(ports.store)
  }

  /** Looks until the returned function is called, which gives back what it has. */
  begin(): () => Promise<void> {
    const { times, queue } = this.#ports
    const stop = new AbortController()
    const take = (job: Job, settle: () => void): Promise<void> => this.#take(job as DueRun, settle)
    queue.work('orchestrator', { concurrency: times.workflowsAtOnce }, take, stop.signal)
    const renewing = setInterval(() => this.#track(this.#renew()), times.leaseMs / 4)
    this.#track(this.#start())
    return async () => {
      this.#closed = true
      stop.abort()
      clearInterval(renewing)
      for (const run of this.#held.values()) run.stop()
      while (this.#work.size > 0) await Promise.all(this.#work)
    }
  }

  /** The run is new, or something was sent to it. */
  wanted(run: DueRun): void {
    const held = this.#held.get(run.id)
    if (held) held.sent()
    else this.#track(this.#offer(run))
  }

  /** Something of the run has changed, at another hub or by what does not say more. */
  heardOf(id: RunId, { isElsewhere }: { isElsewhere: boolean }): void {
    const held = this.#held.get(id)
    if (held) held.sent()
    else if (!isElsewhere || !this.#ports.queue.isShared()) this.lookSoon()
  }

  /** What is due in the store, whoever made it so: what the queue has lost is found here. */
  async look(rows = this.#ports.times.workflowOfferedRows): Promise<void> {
    const { store, now } = this.#ports
    const due = await store.query('dueWorkflowRuns', { now: now(), rows: rows + this.#failures.size })
    await Promise.all(due.map(run => this.#offer(run)))
  }

  lookSoon(): void {
    this.#again = true
    if (this.#looking || this.#closed) return
    this.#looking = true
    this.#track(this.#lookUntilDone())
  }

  async #start(): Promise<void> {
    const { store, isAlone, name, now, log } = this.#ports
    try {
      if (isAlone) await store.call('freeWorkflowRuns', { but: name, now: now() })
    } catch (thrown) {
      log.warn({ err: asMeshError(thrown) }, 'runs of workflows wait for the leases of the process before this one')
    }
    this.lookSoon()
  }

  async #lookUntilDone(): Promise<void> {
    try {
      while (this.#again && !this.#closed) {
        this.#again = false
        await this.#look()
      }
    } catch (thrown) {
      this.#ports.log.warn({ err: asMeshError(thrown) }, 'looking for due workflows failed')
    } finally {
      this.#looking = false
    }
  }

  async #look(): Promise<void> {
    const room = this.#room()
    if (room > 0) await this.look(room)
  }

  #room(): number {
    return this.#ports.times.workflowsAtOnce - this.#held.size - this.#taking
  }

  /** To whichever hub has room; where the queue is away, to this one. */
  async #offer({ org, id }: DueRun, delayMs = 0): Promise<void> {
    if (this.#closed || !this.#isFree(id)) return
    const taken = await this.#ports.queue.add('orchestrator', { id, org }, { delayMs })
    // It goes on by itself: whoever looks does not wait for the runs.
    if (!taken && delayMs === 0) this.#track(this.#take({ org, id }).catch(this.#notTaken))
  }

  #isFree(id: RunId): boolean {
    return !this.#held.has(id) && (this.#failures.get(id)?.until ?? 0) <= this.#ports.now()
  }

  readonly #notTaken = (thrown: unknown): void => {
    this.#ports.log.warn({ err: asMeshError(thrown) }, 'a due run of a workflow was not taken')
  }

  /** Resolves when the run has left memory; settled as soon as its lease says who has it. */
  async #take({ org, id }: DueRun, settle: () => void = () => undefined): Promise<void> {
    const { store, times, now, name } = this.#ports
    this.#held.get(id)?.sent()
    if (this.#closed || !this.#isFree(id) || this.#room() <= 0) return
    let work: Promise<void> | undefined
    this.#taking++
    try {
      const at = now()
      const lease = { executor: name, leaseUntil: at + times.leaseMs, now: at }
      const taken = await store.call('takeWorkflowRun', { org, id, ...lease })
      settle()
      if (taken) work = this.#hold(taken)
    } finally {
      this.#taking--
    }
    await work
  }

  #hold(taken: TakenWorkflowRun): Promise<void> {
    const { appended, stepsFor } = this.#ports
    const run = new HeldRun(
      {
        ...this.#ports,
        texts: this.#texts,
        steps: stepsFor(taken),
        appended: (done, grown) => appended(taken, done, grown),
      },
      taken,
    )
    this.#held.set(taken.id, run)
    if (this.#closed) run.stop()
    const work = this.#carryOn(run)
    this.#track(work)
    return work
  }

  async #carryOn(run: HeldRun): Promise<void> {
    const { now, log, queue } = this.#ports
    const { org, id } = run.taken
    try {
      const result = await run.carryOn()
      this.#failures.delete(id)
      if (result.status === 'stopped') {
        await run.rest(now(), '')
        await queue.add('orchestrator', { id, org })
      } else if (result.status === 'waits') {
        await run.rest(result.wakeAt, result.waits.join(','))
        this.#offerAt(run.taken, result.wakeAt)
      }
    } catch (thrown) {
      const error = asMeshError(thrown)
      if (error.code !== 'STALE_FENCE' && error.code !== 'RUN_ENDED') await this.#failed(run, error)
      else log.debug({ run: id, code: error.code }, 'a run of a workflow is carried on by somebody else')
    } finally {
      this.#held.delete(id)
      this.lookSoon()
    }
  }

  async #failed(run: HeldRun, err: ReturnType<typeof asMeshError>): Promise<void> {
    const { now, log, times, random } = this.#ports
    const { id } = run.taken
    const failures = (this.#failures.get(id)?.times ?? 0) + 1
    const chance = Buffer.from(random(4)).readUInt32BE(0) / 2 ** 32
    const most = times.workflowRetryMaxMs
    const until = now() + backoffMs({ attempt: failures, minMs: 500, maxMs: most, random: () => chance })
    this.#failures.set(id, { times: failures, until })
    log.warn({ err, run: id, failures }, 'a run of a workflow was put aside and is tried again')
    // Where that fails too, its lease ends by itself.
    await run
      .rest(until, '')
      .catch((thrown: unknown) => log.debug({ err: asMeshError(thrown), run: id }, 'nor given back'))
  }

  /** Sooner than the next regular look. */
  #offerAt(run: DueRun, at: number | null): void {
    const ms = at === null ? Number.POSITIVE_INFINITY : at - this.#ports.now()
    if (ms <= this.#ports.times.workflowDueMs) this.#track(this.#offer(run, Math.max(1, ms)))
  }

  /** What is not renewed is another's by now. */
  async #renew(): Promise<void> {
    const { store, name, now, times, log } = this.#ports
    const orgs = Map.groupBy(this.#held.values(), ({ taken }) => taken.org)
    for (const [org, runs] of orgs)
      try {
        const still = await store.call('renewWorkflowRuns', { org, executor: name, leaseUntil: now() + times.leaseMs })
        for (const run of runs) {
          const own = still.find(({ id, fence }) => id === run.taken.id && fence === run.taken.fence)
          if (own) run.sent(own.inbox)
          else run.stop()
        }
      } catch (thrown) {
        log.warn({ err: asMeshError(thrown) }, 'the leases of runs of workflows were not renewed')
      }
  }

  #track(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }
}
