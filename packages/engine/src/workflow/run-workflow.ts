/**
 * A run of a workflow, from its log to its end: asks the plan what is to be done, writes that it is begun, does it, and
 * writes what came of it. Whatever it is killed at, the log goes on from there.
 */
import { asMeshError, isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { StepErrorInfo, Stored, WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import { type Json, kindOf, type Steps } from '@meshbook/core/workflow/workflow-schema.ts'
import {
  foldWorkflow,
  isOvertaken,
  type ScopeState,
  type StepState,
  stepAt,
  stepWorkflow,
  type WorkflowState,
} from '@meshbook/core/workflow/workflow-state.ts'
import { hear } from './hear.ts'
import { next, type Plan, type Start } from './plan.ts'
import { asStepFailure, type Executed, StepFailure, type WorkflowPorts } from './ports.ts'
import { retryDelayMs, retryOf } from './retry-time.ts'

export interface RunOptions {
  /** Ends the engine, not the run: attempts are cut and the run can be resumed. */
  signal: AbortSignal
  /** `leave`: returns when nothing goes on and only people can change that. */
  waiting: 'stay' | 'leave'
  /** Of one who leaves: it also returns when nothing is due within so long, and stays where something is due sooner. */
  restMs?: number
  /** Events that are durable. */
  onEvents?: (events: readonly RunEvent[], state: WorkflowState) => void
}

export type RunResult =
  | { status: 'ended'; state: WorkflowState }
  | { status: 'waits'; waits: (Plan['waits'][number] | 'place')[]; wakeAt: number | null; state: WorkflowState }
  | { status: 'stopped'; state: WorkflowState }

type Began = Extract<WorkflowEvent, { type: 'began' }>
type Kept = Extract<WorkflowEvent, { type: 'kept' }>

/** `kept`: of a fork, the results of the steps that are not done again. */
export async function startRun(
  ports: WorkflowPorts,
  began: Began,
  options: RunOptions,
  kept: readonly Kept[] = [],
): Promise<RunResult> {
  const at = ports.time.clock()
  const events = [began, ...kept].map((event): RunEvent => ({ type: 'workflow', at, event }))
  await ports.log.append(events)
  options.onEvents?.(events, foldWorkflow(events))
  return resumeRun(ports, events, options)
}

export function resumeRun(ports: WorkflowPorts, log: Iterable<RunEvent>, options: RunOptions): Promise<RunResult> {
  return carryOn(ports, foldWorkflow(log), options)
}

/** From the state that the whole log comes to. */
export function carryOn(ports: WorkflowPorts, state: WorkflowState, options: RunOptions): Promise<RunResult> {
  return new Interpreter(ports, state, options).run()
}

interface Live {
  attempt: number
  control: AbortController
  over: Promise<void>
}

/** Events that are not written yet, and what the run comes to with them. */
interface Draft {
  events: RunEvent[]
  state: WorkflowState
  /** Of results that stand in them. */
  bytes: number
}

const encoder = new TextEncoder()

const isOnlyDecided = (plan: Plan): boolean =>
  plan.events.length > 0 && plan.starts.length === 0 && plan.gates.length === 0 && plan.admit === null

const hasRoom = ({ events, bytes }: Draft): boolean =>
  events.length < limits.workflowGroupEvents && bytes < limits.workflowGroupBytes

class Interpreter {
  readonly #ports: WorkflowPorts
  readonly #options: RunOptions
  readonly #live = new Map<string, Live>()
  /** Large results, so that expressions can look at them without waiting. */
  readonly #values = new Map<string, Json>()
  /** What attempts have brought and is not written yet. */
  #brought: WorkflowEvent[] = []
  #state: WorkflowState
  #wake: () => void = () => undefined
  #entering = false
  /** Its place is taken, and whoever carries it on is told when there is one. */
  #isOutside = false
  /** This carrying on of the run. */
  readonly #over = new AbortController()

  constructor(ports: WorkflowPorts, state: WorkflowState, options: RunOptions) {
    this.#ports = ports
    this.#state = state
    this.#options = options
  }

  async run(): Promise<RunResult> {
    const { signal } = this.#options
    const stop = (): void => this.#wake()
    signal.addEventListener('abort', stop)
    try {
      await this.#loadValues(this.#state.root)
      await this.#write(this.#interrupted())
      return await this.#loop()
    } finally {
      signal.removeEventListener('abort', stop)
      this.#over.abort()
      await this.#stopAll(handedOn)
    }
  }

  /** Attempts of which the log has no end: whoever made them is gone. Those whose work goes on elsewhere are not. */
  #interrupted(): WorkflowEvent[] {
    const { definitions, executor } = this.#ports
    const within = (hash: string, steps: Steps, scope: ScopeState, prefix: string): WorkflowEvent[] =>
      Object.entries(scope.steps).flatMap(([id, known]) => {
        const step = steps[id]!
        const path = `${prefix}${id}`
        const isLost = known.status === 'running' && executor.goesOn?.(kindOf(step)) !== true
        const own: WorkflowEvent[] = isLost ? [{ type: 'attempt-interrupted', path, attempt: known.attempt }] : []
        const child = step.workflow && known.open.length > 0 ? definitions.child(hash, step.workflow.file) : undefined
        const inside = child === undefined ? (step.map ?? step.repeat)?.steps : definitions.of(child).steps
        const prefixOf = (index: number) => (child === undefined ? `${path}[${index}].` : `${path}.`)
        const more = known.open.flatMap(index =>
          within(child ?? hash, inside ?? {}, known.scopes[index]!, prefixOf(index)),
        )
        return [...own, ...more]
      })
    return within(definitions.hash, definitions.of(definitions.hash).steps, this.#state.root, '')
  }

  async #loop(): Promise<RunResult> {
    for (;;) {
      if (this.#state.ended) return await this.#finish()
      if (this.#options.signal.aborted) return { status: 'stopped', state: this.#state }
      const brought = this.#brought.splice(0)
      const heard = hear(this.#state, await this.#ports.inbox.read(this.#state.inbox))
      const { draft, plan } = await this.#follow([...brought.filter(event => this.#counts(event)), ...heard])
      if (this.#live.size > 0 && plan.events.some(({ type }) => type === 'ended')) {
        await this.#append(draft)
        draft.events = []
        await this.#stopAll(overtaken)
        if (this.#brought.length > 0) continue
      }
      if ((await this.#act(plan, draft)) || this.#brought.length > 0) continue
      const isIdle = this.#live.size === 0 && !this.#entering
      const waits = this.#isOutside ? [...plan.waits, 'place' as const] : plan.waits
      if (isIdle && plan.wakeAt === null && waits.length === 0)
        throw new MeshError('INTERNAL', { detail: `the run ${this.#ports.run} has nothing to do and has not ended` })
      if (isIdle && this.#mayLeave(waits.length, plan.wakeAt))
        return { status: 'waits', waits, wakeAt: plan.wakeAt, state: this.#state }
      await this.#pause(plan.wakeAt)
    }
  }

  #mayLeave(waits: number, wakeAt: number | null): boolean {
    const { waiting, restMs } = this.#options
    if (waiting === 'stay') return false
    if (restMs === undefined) return waits > 0
    return wakeAt === null || wakeAt - this.#ports.time.clock() > restMs
  }

  /** What is only decided is followed up before anything is written: steps that wait for nothing share one group. */
  async #follow(events: readonly WorkflowEvent[]): Promise<{ draft: Draft; plan: Plan }> {
    const draft: Draft = { events: [], state: this.#state, bytes: 0 }
    await this.#draw(draft, events)
    let plan = this.#plan(draft.state)
    while (isOnlyDecided(plan) && hasRoom(draft) && !this.#options.signal.aborted) {
      if (this.#live.size > 0 && plan.events.some(({ type }) => type === 'ended')) break
      await this.#draw(draft, plan.events)
      plan = this.#plan(draft.state)
    }
    return { draft, plan }
  }

  #plan(state: WorkflowState): Plan {
    const { definitions, executor, run, time } = this.#ports
    return next({
      definitions,
      run,
      state,
      now: time.clock(),
      read: stored => this.#read(stored),
      estimate: (kind, input) => executor.estimate(kind, input),
      goesOn: kind => executor.goesOn?.(kind) === true,
      isLive: path => this.#live.has(path),
    })
  }

  /** Writes what the plan decides and begins, and then does it. */
  async #act(plan: Plan, draft: Draft): Promise<boolean> {
    const gates = plan.gates.map((gate): WorkflowEvent => {
      const { path, shown, choices, form, notify, expiresAt } = gate
      const asked = {
        ...(choices && { choices: [...choices] }),
        ...(form && { form }),
        ...(notify && { notify: [...notify] }),
      }
      const digest = this.#ports.digest(shown)
      return { type: 'gate-opened', path, gate: this.#ports.newGate(), shown, digest, expiresAt, ...asked }
    })
    const starts = plan.starts.map(({ path, attempt, group, reserved }): WorkflowEvent => {
      return { type: 'attempt-began', path, attempt, group, ...(reserved !== null && { reserved }) }
    })
    const admitted = this.#enter(plan)
    await this.#draw(draft, [...plan.events, ...gates, ...starts, ...admitted])
    const wrote = await this.#append(draft)
    for (const start of [...plan.starts, ...plan.resumes]) this.#begin(start)
    return wrote
  }

  #enter({ admit }: Plan): WorkflowEvent[] {
    if (!admit || this.#entering || this.#isOutside) return []
    this.#entering = true
    const came = (event: WorkflowEvent): void => {
      this.#brought.push(event)
      this.#entering = false
      this.#wake()
    }
    const { key } = admit
    const signal = AbortSignal.any([this.#options.signal, this.#over.signal])
    this.#ports.concurrency.enter(admit, signal).then(
      answer => {
        if (answer === 'entered') return came({ type: 'admitted', key })
        if (answer === 'waits') {
          this.#isOutside = true
          this.#entering = false
          return this.#wake()
        }
        came({ type: 'ended', outcome: 'failed', error: { code: 'CONFLICT', message: `another run has "${key}"` } })
      },
      thrown => {
        if (!signal.aborted) came({ type: 'ended', outcome: 'failed', error: errorInfo(asMeshError(thrown)) })
      },
    )
    return this.#state.queued === null ? [{ type: 'queued', key }] : []
  }

  async #write(events: readonly WorkflowEvent[]): Promise<boolean> {
    const draft: Draft = { events: [], state: this.#state, bytes: 0 }
    await this.#draw(draft, events)
    return this.#append(draft)
  }

  /** What is large goes aside first, and is durable before the log names it. */
  async #draw(draft: Draft, events: readonly WorkflowEvent[]): Promise<void> {
    for (const event of events) {
      const packed = await this.#packed(event, draft)
      const at = this.#ports.time.clock()
      const one: RunEvent = { type: 'workflow', at, event: packed }
      const drawn = packed.type === 'ended' ? [one, this.#terminal(packed, at)] : [one]
      draft.events.push(...drawn)
      draft.state = drawn.reduce(stepWorkflow, draft.state)
    }
  }

  /** Whether there was anything to write. */
  async #append({ events, state }: Draft): Promise<boolean> {
    if (events.length === 0) return false
    await this.#ports.log.append(events)
    this.#state = state
    this.#options.onEvents?.(events, state)
    for (const [path, { control }] of this.#live) if (isOvertaken(state, path)) control.abort(overtaken)
    return true
  }

  /** The log was cut between the last two events. */
  async #finish(): Promise<RunResult> {
    const { ended } = this.#state
    if (ended && !this.#state.isOver) {
      const { outcome, error } = ended
      const event = this.#terminal({ type: 'ended', outcome, ...(error && { error }) }, this.#ports.time.clock())
      await this.#ports.log.append([event])
      this.#state = stepWorkflow(this.#state, event)
      this.#options.onEvents?.([event], this.#state)
    }
    return { status: 'ended', state: this.#state }
  }

  #terminal({ outcome, error }: Extract<WorkflowEvent, { type: 'ended' }>, at: number): RunEvent {
    const durationMs = Math.max(0, at - this.#state.beganAt)
    if (outcome === 'completed') return { type: 'completed', at, durationMs }
    if (outcome === 'cancelled') return { type: 'cancelled', at, durationMs, reason: error?.message ?? 'cancelled' }
    const { code = 'INTERNAL', message = 'failed' } = error ?? {}
    const known = isErrorCode(code) ? { code } : {}
    return { type: 'failed', at, durationMs, error: { name: code, message, traceback: [], ...known } }
  }

  async #packed(event: WorkflowEvent, draft: Draft): Promise<WorkflowEvent> {
    if (event.type === 'expanded') return { ...event, items: await this.#stored(event.items, draft) }
    if (!('output' in event) || event.output === undefined) return event
    return { ...event, output: await this.#stored(event.output, draft) }
  }

  async #stored(stored: Stored, draft: Draft): Promise<Stored> {
    if ('asset' in stored) return stored
    const bytes = encoder.encode(JSON.stringify(stored.value))
    if (bytes.length <= limits.workflowInlineBytes) {
      draft.bytes += bytes.length
      return stored
    }
    const asset = await this.#ports.assets.store(bytes)
    this.#values.set(asset, stored.value)
    return { asset, bytes: bytes.length }
  }

  #read(stored: Stored): Json {
    if ('value' in stored) return stored.value
    const value = this.#values.get(stored.asset)
    if (value === undefined) throw new MeshError('INTERNAL', { detail: `the result ${stored.asset} is not loaded` })
    return value
  }

  async #loadValues(scope: ScopeState): Promise<void> {
    const load = async (stored: Stored | null | undefined): Promise<void> => {
      if (!stored || 'value' in stored || this.#values.has(stored.asset)) return
      const bytes = await this.#ports.assets.load(stored.asset)
      this.#values.set(stored.asset, JSON.parse(new TextDecoder().decode(bytes)) as Json)
    }
    await load(scope.ended?.output)
    for (const step of Object.values(scope.steps)) {
      await load(step.ended?.output)
      await load(step.items)
      for (const inside of step.scopes) if (inside) await this.#loadValues(inside)
    }
  }

  #begin(start: Start): void {
    const control = new AbortController()
    const live: Live = { attempt: start.attempt, control, over: Promise.resolve() }
    this.#live.set(start.path, live)
    live.over = this.#attempt(start, control).then(events => {
      this.#live.delete(start.path)
      this.#brought.push(...events)
      this.#wake()
    })
  }

  /** What it came to, as events; none where the engine or the run ended first. */
  async #attempt(start: Start, control: AbortController): Promise<WorkflowEvent[]> {
    const { path, attempt } = start
    const over = new AbortController()
    const tooLong = new StepFailure('TIMEOUT', `it took longer than ${start.timeoutMs / 1_000} s`, {
      known: false,
      mayRetry: true,
    })
    this.#sleep(start.timeoutMs, over.signal).then(
      () => control.abort(tooLong),
      () => undefined,
    )
    try {
      const { output, microUsd } = await this.#execute(start, control.signal)
      return [
        {
          type: 'step-ended',
          path,
          outcome: 'succeeded',
          output: { value: checked(output) },
          ...(microUsd !== undefined && { microUsd }),
        },
      ]
    } catch (thrown) {
      if (control.signal.aborted && control.signal.reason !== tooLong) return []
      const failure = control.signal.aborted ? tooLong : asStepFailure(thrown)
      return [this.#failed(start, attempt, failure, stepAt(this.#state, path))]
    } finally {
      over.abort()
    }
  }

  /** One that was told to stop and does not is left alone after a while. */
  #execute(start: Start, signal: AbortSignal): Promise<Executed> {
    const { kind, input, step, path, attempt, group, timeoutMs } = start
    const key = `${this.#ports.run}/${path}/${group}`
    const emit = (text: string): void => this.#print(path, text)
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#ports.time
          .sleep(limits.stepStopMs, new AbortController().signal)
          .then(() => reject(signal.reason), reject)
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#ports.executor
        .execute({ kind, input, step, path, attempt, key, timeoutMs, signal, emit })
        .then(resolve, reject)
    })
  }

  #print(path: string, text: string): void {
    if (!this.#live.has(path) || text === '') return
    this.#brought.push({ type: 'printed', path, text: text.slice(0, limits.workflowInlineBytes) })
    this.#wake()
  }

  /** What an attempt that failed may cost at most was held back; what it did cost, nobody else will say. */
  #failed(start: Start, attempt: number, failure: StepFailure, known: StepState | undefined): WorkflowEvent {
    const { path, step, defaults, reserved } = start
    const { time } = this.#ports
    const failures = (known?.failures ?? 0) + 1
    const delay = failure.mayRetry
      ? retryDelayMs(retryOf(step, defaults), failures, failure.retryAfterMs, time.random())
      : undefined
    const cost = failure.known ? failure.microUsd : Math.max(failure.microUsd, reserved ?? 0)
    const paid = reserved === null && cost === 0 ? {} : { microUsd: cost }
    const error = errorInfo(failure)
    if (delay === undefined) return { type: 'step-ended', path, outcome: 'failed', error, ...paid }
    return {
      type: 'attempt-failed',
      path,
      attempt,
      error,
      known: failure.known,
      retryAt: time.clock() + delay,
      ...paid,
    }
  }

  /** Whether the log has no end yet of what this is about. */
  #counts(event: WorkflowEvent): boolean {
    if (event.type === 'printed') return true
    return !('path' in event) || event.path === undefined || !isOvertaken(this.#state, event.path)
  }

  async #pause(wakeAt: number | null): Promise<void> {
    const over = new AbortController()
    const { time, inbox } = this.#ports
    const woken = new Promise<void>(resolve => {
      this.#wake = resolve
    })
    if (this.#brought.length > 0 || this.#options.signal.aborted) return
    const waits = [woken, inbox.changed(over.signal)]
    if (wakeAt !== null) {
      const ms = Math.min(Math.max(0, wakeAt - time.clock()), limits.workflowLookMs)
      waits.push(time.sleep(ms, over.signal).catch(() => undefined))
    }
    try {
      await Promise.race(waits)
    } finally {
      over.abort()
    }
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, sleep } = this.#ports.time
    const due = clock() + ms
    for (let left = ms; left > 0; left = due - clock()) await sleep(Math.min(left, limits.workflowLookMs), signal)
  }

  async #stopAll(why: MeshError): Promise<void> {
    for (const { control } of this.#live.values()) control.abort(why)
    await Promise.all([...this.#live.values()].map(({ over }) => over))
  }
}

const handedOn = new MeshError('SHUTTING_DOWN', { detail: 'the run is carried on elsewhere or later' })
const overtaken = new MeshError('INTERRUPTED', { detail: 'the step does not count any more' })

function errorInfo(error: MeshError): StepErrorInfo {
  return { code: error.code, message: (error.detail ?? error.message).slice(0, 4_000) }
}

function checked(output: Json): Json {
  const text = JSON.stringify(output ?? null)
  if (text.length > limits.workflowValueBytes)
    throw new StepFailure('TOO_LARGE', `its result is larger than ${limits.workflowValueBytes / 1024 / 1024} MiB`, {
      known: true,
      mayRetry: false,
    })
  return output ?? null
}
