/**
 * What is to be done now in a run of a workflow, from its definition and its state alone. Pure: no clock, no randomness,
 * and the same answer however often it is asked.
 */
import { limits } from '@meshbook/core/limits.ts'
import { fitsInput, isExecuted, timeoutOf } from '@meshbook/core/workflow/check-workflow.ts'
import { durationMs } from '@meshbook/core/workflow/duration.ts'
import { ExpressionError, type Names } from '@meshbook/core/workflow/expression.ts'
import { asText, evaluate, render, renderAll } from '@meshbook/core/workflow/template.ts'
import type {
  RunOutcome,
  StepErrorInfo,
  StepOutcome,
  Stored,
  WorkflowEvent,
} from '@meshbook/core/workflow/workflow-events.ts'
import {
  type Json,
  kindOf,
  needsOf,
  type Step,
  type StepKind,
  type Steps,
  type Workflow,
  wayOut,
} from '@meshbook/core/workflow/workflow-schema.ts'
import {
  heldTotal,
  type ScopeState,
  type StepState,
  type WorkflowState,
} from '@meshbook/core/workflow/workflow-state.ts'
import { openGates } from './hear.ts'
import type { Definitions, Estimate } from './ports.ts'
import { renderStep } from './render-step.ts'

export interface Start {
  path: string
  kind: StepKind
  step: Step
  input: Json
  attempt: number
  group: number
  reserved: number | null
  timeoutMs: number
  defaults: Workflow['defaults']
}

export interface GateToOpen {
  path: string
  shown: string
  choices: readonly string[] | undefined
  form: { [key: string]: Json } | undefined
  notify: readonly ('push' | 'email' | 'slack' | 'desktop')[] | undefined
  expiresAt: number
}

export interface Plan {
  /** What is decided already and has only to be written. Values may be large: who writes makes assets of them. */
  events: WorkflowEvent[]
  starts: Start[]
  /** Attempts that have begun, whose work goes on, and which nobody looks after here. */
  resumes: Start[]
  gates: GateToOpen[]
  /** The next time at which there is something to do without anything having happened. */
  wakeAt: number | null
  /** What the run waits for, apart from time and attempts that go on. */
  waits: ('gate' | 'signal' | 'budget')[]
  admit: { key: string; limit: number; onConflict: 'queue' | 'reject' | 'replace' } | null
}

export interface PlanInput {
  definitions: Definitions
  state: WorkflowState
  now: number
  run: string
  read(stored: Stored): Json
  estimate(kind: StepKind, input: Json): Estimate
  goesOn(kind: StepKind): boolean
  /** Whether an attempt of this step is looked after here. */
  isLive(path: string): boolean
}

export function next(input: PlanInput): Plan {
  const { state, definitions } = input
  const workflow = definitions.of(definitions.hash)
  const plan: Plan = { events: [], starts: [], resumes: [], gates: [], wakeAt: null, waits: [], admit: null }
  if (!state.began || state.ended) return plan
  if (state.cancel) {
    const { by, reason } = state.cancel
    plan.events.push({
      type: 'ended',
      outcome: 'cancelled',
      error: { code: 'CANCELLED', message: by ? `${reason} (${by})` : reason },
    })
    return plan
  }
  const planner = new Planner(input, plan)
  if (workflow.concurrency && !state.admitted) planner.admit(workflow)
  else planner.root(workflow)
  return plan
}

/** A place where steps run: the run itself, an item, a round, or a child. */
interface Frame {
  workflow: Workflow
  hash: string
  steps: Steps
  scope: ScopeState
  /** `deploy[3].`, or nothing. */
  prefix: string
  names: Names
  output: Json | undefined
}

interface Ended {
  outcome: 'succeeded' | 'failed'
  output?: Stored
  error?: StepErrorInfo
}

type ScopeResult = 'open' | Ended

class Planner {
  readonly #input: PlanInput
  readonly #plan: Plan
  /** What is spent and held, with what this plan starts. */
  #held: number
  #running: number

  constructor(input: PlanInput, plan: Plan) {
    this.#input = input
    this.#plan = plan
    this.#held = heldTotal(input.state)
    this.#running = countRunning(input.state.root)
  }

  admit(workflow: Workflow): undefined {
    const { key, limit = 1, on_conflict: onConflict = 'queue' } = workflow.concurrency!
    try {
      const text = asText(render(key, this.#namesOf(this.#input.state.began!.inputs)))
      this.#plan.admit = { key: `${workflow.name}/${text}`, limit, onConflict }
    } catch (thrown) {
      this.#end('failed', undefined, errorOf(thrown))
    }
  }

  root(workflow: Workflow): undefined {
    const { state, definitions } = this.#input
    const names = this.#namesOf(state.began!.inputs)
    const frame: Frame = {
      workflow,
      hash: definitions.hash,
      steps: workflow.steps,
      scope: state.root,
      prefix: '',
      names,
      output: workflow.output,
    }
    const result = this.#scope(frame)
    if (result === 'open') return
    this.#end(result.outcome === 'succeeded' ? 'completed' : 'failed', result.output, result.error)
  }

  #end(outcome: RunOutcome, output: Stored | undefined, error: StepErrorInfo | undefined): undefined {
    this.#plan.events.push({ type: 'ended', outcome, ...(output && { output }), ...(error && { error }) })
  }

  #namesOf(inputs: { [name: string]: Json }): Names {
    return { inputs, steps: {}, run: { id: this.#input.run, name: this.#input.state.began!.name } }
  }

  #wake(at: number): undefined {
    this.#plan.wakeAt = Math.min(this.#plan.wakeAt ?? at, at)
  }

  /** Goes on with the steps of a scope; its end when all of them have ended. */
  #scope(frame: Frame): ScopeResult {
    let names: Names | undefined
    const lazily = (): Names => {
      names ??= this.#withSteps(frame)
      return names
    }
    for (const [id, step] of Object.entries(frame.steps)) {
      const known = frame.scope.steps[id]
      if (known?.ended) continue
      const path = `${frame.prefix}${id}`
      if (known) this.#goOn(frame, path, step, known, lazily)
      else if (readyIn(frame, id)) this.#begin(frame, path, id, step, lazily)
    }
    const isOver = Object.keys(frame.steps).every(id => frame.scope.steps[id]?.ended)
    return isOver ? this.#resultOf(frame, lazily) : 'open'
  }

  #withSteps(frame: Frame): Names {
    const steps: { [id: string]: Json } = { ...frame.names.steps }
    for (const id of Object.keys(frame.steps)) {
      const ended = frame.scope.steps[id]?.ended
      if (!ended) continue
      const { outcome, output, error } = ended
      steps[id] = { outcome, output: output ? this.#input.read(output) : null, error: error ? { ...error } : null }
    }
    return { ...frame.names, steps }
  }

  #resultOf(frame: Frame, names: () => Names): Ended {
    const failed = Object.keys(frame.steps).find(id => isUnhandled(frame, id))
    if (failed !== undefined) {
      const error = frame.scope.steps[failed]!.ended!.error!
      return {
        outcome: 'failed',
        error: { ...error, message: `${frame.prefix}${failed}: ${error.message}`.slice(0, 2_000) },
      }
    }
    try {
      return { outcome: 'succeeded', output: { value: this.#outputOf(frame, names()) } }
    } catch (thrown) {
      return { outcome: 'failed', error: errorOf(thrown) }
    }
  }

  #outputOf(frame: Frame, names: Names): Json {
    if (frame.output !== undefined) return renderAll(frame.output, names)
    const ended = Object.keys(frame.steps).filter(id => frame.scope.steps[id]!.ended!.outcome === 'succeeded')
    return Object.fromEntries(ended.map(id => [id, (names.steps[id] as { output: Json }).output]))
  }

  #stepEnded(
    path: string,
    outcome: StepOutcome,
    rest: { output?: Stored; error?: StepErrorInfo; signal?: number } = {},
  ): undefined {
    this.#plan.events.push({ type: 'step-ended', path, outcome, ...rest })
  }

  #failed(path: string, code: string, message: string): undefined {
    this.#stepEnded(path, 'failed', { error: { code, message } })
  }

  #begin(frame: Frame, path: string, id: string, step: Step, names: () => Names): undefined {
    const passed = passedBy(frame, id)
    if (passed) return this.#stepEnded(path, passed.outcome, { error: { code: 'NOT_RUN', message: passed.why } })
    this.#orFailed(path, () => {
      if (step.if !== undefined && !this.#isTrue(step.if, names()))
        return this.#stepEnded(path, 'skipped', { error: { code: 'NOT_RUN', message: `"if" is false: ${step.if}` } })
      this.#beginKind(frame, path, step, names)
    })
  }

  #isTrue(expression: string, names: Names): boolean {
    const value = evaluate(expression, names)
    if (typeof value === 'boolean') return value
    throw new ExpressionError(`"${expression}" is neither true nor false, but ${JSON.stringify(value).slice(0, 100)}`)
  }

  #orFailed(path: string, act: () => void): undefined {
    try {
      act()
    } catch (thrown) {
      const { code, message } = errorOf(thrown)
      this.#failed(path, code, message)
    }
  }

  #beginKind(frame: Frame, path: string, step: Step, names: () => Names): undefined {
    const kind = kindOf(step)
    const { now } = this.#input
    switch (kind) {
      case 'transform': {
        const config = step.transform as Json
        const value = typeof config === 'string' ? evaluate(config, names()) : renderAll(config, names())
        return this.#stepEnded(path, 'succeeded', { output: { value } })
      }
      case 'gate':
        return this.#openGate(path, step, names())
      case 'wait': {
        const { for: time, signal } = step.wait!
        const until = time === undefined ? {} : { until: now + durationMs(time)! }
        return void this.#plan.events.push({
          type: 'wait-began',
          path,
          ...until,
          ...(signal !== undefined && { signal }),
        })
      }
      case 'map':
        return this.#expand(path, step, names())
      case 'repeat':
        return void this.#plan.events.push({ type: 'scope-began', path: `${path}[0]` })
      case 'workflow':
        return this.#beginChild(frame, path, step, names())
      default:
        return this.#start(frame, path, step, names(), undefined)
    }
  }

  #expand(path: string, step: Step, names: Names): undefined {
    const { over } = step.map!
    const items = typeof over === 'string' ? render(over, names) : renderAll(over, names)
    if (!Array.isArray(items))
      throw new ExpressionError(`"over" is no list, but ${JSON.stringify(items).slice(0, 100)}`)
    if (items.length > limits.itemsPerMap)
      throw new ExpressionError(`the list has more than ${limits.itemsPerMap} items`)
    this.#plan.events.push({ type: 'expanded', path, items: { value: items }, count: items.length })
  }

  #openGate(path: string, step: Step, names: Names): undefined {
    const gate = step.gate!
    // More are opened when there is room.
    if (openGates(this.#input.state.root, '').length + this.#plan.gates.length >= limits.gatesPerRun)
      return this.#waitsFor('gate')
    const ask = asText(render(gate.ask, names))
    const shown = gate.show === undefined ? ask : `${ask}\n\n${asText(render(gate.show, names))}`
    if (new TextEncoder().encode(shown).length > limits.gateShownBytes)
      throw new ExpressionError(`what the gate shows is larger than ${limits.gateShownBytes / 1024} KiB`)
    const time = gate.timeout === undefined ? limits.workflowGateMs : durationMs(gate.timeout)!
    const { choices, form, notify } = gate
    this.#plan.gates.push({ path, shown, choices, form, notify, expiresAt: this.#input.now + time })
  }

  #beginChild(frame: Frame, path: string, step: Step, names: Names): undefined {
    const { definitions } = this.#input
    const child = definitions.of(definitions.child(frame.hash, step.workflow!.file))
    const given = renderAll((step.workflow!.inputs ?? {}) as Json, names) as { [name: string]: Json }
    this.#plan.events.push({ type: 'scope-began', path, inputs: inputsFor(child, given) })
  }

  #start(frame: Frame, path: string, step: Step, names: Names, known: StepState | undefined): undefined {
    if (this.#running >= limits.stepsAtOnce) return
    const kind = kindOf(step)
    const input = renderStep(step, names, secretInputsOf(frame.workflow))
    const reserved = this.#reserve(path, this.#input.estimate(kind, input), known)
    if (reserved === 'not-now') return
    this.#running++
    const { defaults } = frame.workflow
    const timeoutMs = timeoutOf(step, defaults) ?? limits.stepMs
    const attempt = (known?.attempt ?? 0) + 1
    this.#plan.starts.push({
      path,
      kind,
      step,
      input,
      attempt,
      group: known?.group ?? 1,
      reserved,
      timeoutMs,
      defaults,
    })
  }

  /** The same attempt, with what is left of its time. */
  #resume(frame: Frame, path: string, step: Step, known: StepState, names: Names): undefined {
    const { state, now } = this.#input
    const { defaults } = frame.workflow
    const timeoutMs = Math.max(0, known.attemptAt + (timeoutOf(step, defaults) ?? limits.stepMs) - now)
    const { attempt, group } = known
    const input = renderStep(step, names, secretInputsOf(frame.workflow))
    const reserved = state.held[path] ?? null
    this.#plan.resumes.push({
      ...{ path, kind: kindOf(step), step, input, attempt, group, reserved, timeoutMs, defaults },
    })
  }

  /** Holds back what a start may cost, or says that it cannot be now. */
  #reserve(path: string, estimate: Estimate, known: StepState | undefined): number | null | 'not-now' {
    const { budget, spent } = this.#input.state
    const onExceed = this.#onExceed()
    if (estimate === null) return null
    if (budget === null || onExceed === 'warn') return this.#warn(path, estimate, known)
    if (estimate === 'unknown') {
      this.#failed(path, 'BUDGET_REACHED', 'nobody knows what this model costs, and the workflow has a budget')
      return 'not-now'
    }
    if (spent + this.#held + estimate <= budget) {
      this.#held += estimate
      return estimate
    }
    // What others hold may become free again.
    if (spent + estimate <= budget && this.#held > 0) return 'not-now'
    if (onExceed === 'fail') {
      this.#failed(
        path,
        'BUDGET_REACHED',
        `it may cost ${dollars(estimate)}, and ${dollars(Math.max(0, budget - spent))} of ${dollars(budget)} are left`,
      )
      return 'not-now'
    }
    if (known?.status !== 'paused') this.#plan.events.push({ type: 'budget-reached', path, needed: spent + estimate })
    this.#waitsFor('budget')
    return 'not-now'
  }

  #warn(path: string, estimate: number | 'unknown', known: StepState | undefined): number | null {
    const { budget, spent } = this.#input.state
    if (estimate === 'unknown') return null
    this.#held += estimate
    if (budget !== null && spent + this.#held > budget && (known?.attempt ?? 0) === 0)
      this.#plan.events.push({ type: 'notice', path, text: `the budget of ${dollars(budget)} may be exceeded` })
    return estimate
  }

  #onExceed(): 'fail' | 'pause' | 'warn' {
    const { definitions } = this.#input
    return definitions.of(definitions.hash).budget?.on_exceed ?? 'fail'
  }

  #waitsFor(what: Plan['waits'][number]): undefined {
    if (!this.#plan.waits.includes(what)) this.#plan.waits.push(what)
  }

  #goOn(frame: Frame, path: string, step: Step, known: StepState, names: () => Names): undefined {
    const kind = kindOf(step)
    const { now } = this.#input
    const timeout = isExecuted(kind) ? undefined : timeoutOf(step, frame.workflow.defaults)
    if (timeout !== undefined) {
      if (known.beganAt + timeout <= now) return this.#failed(path, 'TIMEOUT', `it took longer than ${step.timeout}`)
      this.#wake(known.beganAt + timeout)
    }
    switch (known.status) {
      case 'retrying':
        if (known.retryAt > now) return this.#wake(known.retryAt)
        return this.#again(frame, path, step, known, names)
      case 'paused':
        return this.#again(frame, path, step, known, names)
      case 'gate':
        return this.#atGate(path, step, known)
      case 'waiting':
        return this.#atWait(path, known)
      case 'open':
        return this.#orFailed(path, () => this.#inside(frame, path, step, known, names))
      case 'running':
        if (!this.#input.goesOn(kind) || this.#input.isLive(path)) return
        return this.#orFailed(path, () => this.#resume(frame, path, step, known, names()))
      default:
        return
    }
  }

  #again(frame: Frame, path: string, step: Step, known: StepState, names: () => Names): undefined {
    if (known.interruptions >= limits.interruptionsPerStep)
      return this.#failed(path, 'INTERRUPTED', `it was interrupted ${known.interruptions} times`)
    this.#orFailed(path, () => this.#start(frame, path, step, names(), known))
  }

  #atGate(path: string, step: Step, known: StepState): undefined {
    const { gate, expiresAt, decided } = known.gate!
    if (!decided) {
      if (expiresAt > this.#input.now) {
        this.#wake(expiresAt)
        return this.#waitsFor('gate')
      }
      const verdict = step.gate!.on_timeout === 'approve' ? 'approved' : 'expired'
      return void this.#plan.events.push({ type: 'gate-decided', path, gate, verdict })
    }
    const { verdict, by, choice, form, comment } = decided
    const output = {
      decision: verdict,
      by: by ?? null,
      choice: choice ?? null,
      form: form ?? null,
      comment: comment ?? null,
    }
    if (verdict === 'approved') return this.#stepEnded(path, 'succeeded', { output: { value: output } })
    const isRejected = verdict === 'rejected' || step.gate!.on_timeout !== 'fail'
    const why =
      verdict === 'rejected'
        ? `rejected${by ? ` by ${by}` : ''}${comment ? `: ${comment}` : ''}`
        : 'nobody decided in time'
    this.#stepEnded(path, 'failed', {
      output: { value: output },
      error: { code: isRejected ? 'GATE_REJECTED' : 'GATE_EXPIRED', message: why },
    })
  }

  #atWait(path: string, known: StepState): undefined {
    const { state, now } = this.#input
    const taken = new Set(
      this.#plan.events.flatMap(event =>
        event.type === 'step-ended' && event.signal !== undefined ? [event.signal] : [],
      ),
    )
    const signal = state.signals.find(({ name, inbox }) => name === known.signal && !taken.has(inbox))
    if (known.signal !== null && signal)
      return this.#stepEnded(path, 'succeeded', { output: { value: signal.value }, signal: signal.inbox })
    if (known.until !== null && known.until <= now) {
      if (known.signal === null) return this.#stepEnded(path, 'succeeded', { output: { value: null } })
      return this.#failed(path, 'TIMEOUT', `no signal "${known.signal}" came`)
    }
    if (known.until !== null) this.#wake(known.until)
    if (known.signal !== null) this.#waitsFor('signal')
  }

  #inside(frame: Frame, path: string, step: Step, known: StepState, names: () => Names): undefined {
    if (step.map) return this.#insideMap(frame, path, step, known, names)
    if (step.repeat) return this.#insideRepeat(frame, path, step, known, names)
    const { definitions } = this.#input
    const hash = definitions.child(frame.hash, step.workflow!.file)
    const workflow = definitions.of(hash)
    const scope = known.scopes[0]!
    const result = this.#scope({
      workflow,
      hash,
      steps: workflow.steps,
      scope,
      prefix: `${path}.`,
      names: this.#namesOf(scope.inputs ?? {}),
      output: workflow.output,
    })
    if (result !== 'open')
      this.#stepEnded(path, result.outcome, {
        ...(result.output && { output: result.output }),
        ...(result.error && { error: result.error }),
      })
  }

  #insideMap(frame: Frame, path: string, step: Step, known: StepState, names: () => Names): undefined {
    const { steps, output, max_parallel: parallel = limits.parallelPerMap } = step.map!
    const items = this.#input.read(known.items!) as Json[]
    for (const index of known.open) {
      const scope = known.scopes[index]!
      const at = `${path}[${index}]`
      const inside = { ...frame, steps, scope, prefix: `${at}.`, output }
      const result = this.#scope({ ...inside, names: { ...names(), item: items[index]!, index } })
      if (result !== 'open') this.#plan.events.push({ type: 'scope-ended', path: at, ...result })
    }
    const failed = known.scopes.findIndex(scope => scope?.ended?.outcome === 'failed')
    const began = known.scopes.length
    if (failed < 0)
      for (let index = began; index < known.count && known.open.length + index - began < parallel; index++)
        this.#plan.events.push({ type: 'scope-began', path: `${path}[${index}]` })
    if (known.open.length > 0) return
    if (failed >= 0) return this.#stepEnded(path, 'failed', { error: known.scopes[failed]!.ended!.error! })
    if (began < known.count) return
    const outputs = known.scopes.map(({ ended }) => this.#input.read(ended!.output!))
    this.#stepEnded(path, 'succeeded', { output: { value: outputs } })
  }

  #insideRepeat(frame: Frame, path: string, step: Step, known: StepState, names: () => Names): undefined {
    const { steps, output, until, max } = step.repeat!
    const index = known.scopes.length - 1
    const scope = known.scopes[index]!
    const at = `${path}[${index}]`
    const inside: Frame = { ...frame, steps, scope, prefix: `${at}.`, output, names: { ...names(), round: index + 1 } }
    if (!scope.ended) {
      const result = this.#scope(inside)
      if (result !== 'open') this.#plan.events.push({ type: 'scope-ended', path: at, ...result })
      return
    }
    if (scope.ended.outcome === 'failed') return this.#stepEnded(path, 'failed', { error: scope.ended.error! })
    if (this.#isTrue(until, this.#withSteps(inside)))
      return this.#stepEnded(path, 'succeeded', { output: scope.ended.output! })
    if (index + 1 >= max) return this.#failed(path, 'NOT_REACHED', `"until" was not true after ${max} rounds`)
    this.#plan.events.push({ type: 'scope-began', path: `${path}[${index + 1}]` })
  }
}

function countRunning(scope: ScopeState): number {
  let count = 0
  for (const step of Object.values(scope.steps)) {
    if (step.status === 'running') count++
    for (const index of step.open) count += countRunning(step.scopes[index]!)
  }
  return count
}

export function secretInputsOf({ inputs = {} }: Workflow): Set<string> {
  return new Set(Object.keys(inputs).filter(name => inputs[name]!.type === 'secret'))
}

interface Edges {
  /** The steps of which a step is the way out. */
  sources: ReadonlyMap<string, readonly string[]>
  /** What must have ended before it begins: these, and its needs. */
  before: ReadonlyMap<string, readonly string[]>
}

const edges = new WeakMap<Steps, Edges>()

/** Of steps that do not change, found once. */
function edgesOf(steps: Steps): Edges {
  const known = edges.get(steps)
  if (known) return known
  const ids = Object.keys(steps)
  const sources = Map.groupBy(ids, id => wayOut(steps[id]!) ?? '')
  const before = new Map(ids.map(id => [id, [...needsOf(steps[id]!), ...(sources.get(id) ?? [])]]))
  edges.set(steps, { sources, before })
  return { sources, before }
}

function sourcesOf(frame: Frame, id: string): readonly string[] {
  return edgesOf(frame.steps).sources.get(id) ?? []
}

function readyIn(frame: Frame, id: string): boolean {
  return edgesOf(frame.steps)
    .before.get(id)!
    .every(one => frame.scope.steps[one]?.ended)
}

/** Why a step whose needs have ended does not run. */
function passedBy(frame: Frame, id: string): { outcome: 'skipped' | 'blocked'; why: string } | undefined {
  const ended = (one: string) => frame.scope.steps[one]!.ended!.outcome
  const sources = sourcesOf(frame, id)
  if (sources.length > 0 && !sources.some(one => ended(one) === 'failed'))
    return { outcome: 'skipped', why: `${sources.join(', ')} did not fail` }
  const stands = (need: string): boolean => {
    const outcome = ended(need)
    if (outcome === 'succeeded' || outcome === 'skipped') return true
    return outcome === 'failed' && (frame.steps[need]!.on_error === 'continue' || sources.includes(need))
  }
  const missing = needsOf(frame.steps[id]!).find(need => !stands(need))
  return missing === undefined ? undefined : { outcome: 'blocked', why: `"${missing}" did not succeed` }
}

function isUnhandled(frame: Frame, id: string): boolean {
  if (frame.scope.steps[id]!.ended!.outcome !== 'failed') return false
  const step = frame.steps[id]!
  if (step.on_error === 'continue') return false
  const out = wayOut(step)
  return out === undefined || frame.scope.steps[out]!.ended!.outcome !== 'succeeded'
}

/** Throws an `ExpressionError` where an input is missing, unknown, or of another type. */
export function inputsFor(workflow: Workflow, given: { [name: string]: Json }): { [name: string]: Json } {
  const known = workflow.inputs ?? {}
  const stranger = Object.keys(given).find(name => !Object.hasOwn(known, name))
  if (stranger !== undefined) throw new ExpressionError(`${workflow.name} has no input "${stranger}"`)
  const inputs = Object.fromEntries(
    Object.entries(known).map(([name, input]) => {
      const value = Object.hasOwn(given, name) ? given[name] : input.default
      if (value === undefined) throw new ExpressionError(`the input "${name}" of ${workflow.name} is missing`)
      if (!fitsInput(input, value))
        throw new ExpressionError(`the input "${name}" of ${workflow.name} is no ${input.type}`)
      return [name, value]
    }),
  )
  // They stand in the log as they are.
  if (JSON.stringify(inputs).length > limits.workflowInlineBytes)
    throw new ExpressionError(`the inputs of ${workflow.name} are larger than ${limits.workflowInlineBytes / 1024} KiB`)
  return inputs
}

function errorOf(thrown: unknown): StepErrorInfo {
  if (thrown instanceof ExpressionError) return { code: 'EXPRESSION', message: thrown.message.slice(0, 1_000) }
  throw thrown
}

function dollars(microUsd: number): string {
  return `$${(microUsd / 1_000_000).toFixed(microUsd % 10_000 === 0 ? 2 : 6)}`
}
