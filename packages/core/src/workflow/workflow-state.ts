/** How far a run of a workflow has come: a fold over its log. Pure; what did not change is shared with the state before. */
import type { RunEvent } from '../run.ts'
import type { RunOutcome, StepErrorInfo, StepOutcome, Stored, WorkflowEvent } from './workflow-events.ts'
import type { Json } from './workflow-schema.ts'

export interface StepEnd {
  outcome: StepOutcome
  output: Stored | null
  error: StepErrorInfo | null
}

export interface GateState {
  gate: string
  shown: string
  digest: string
  choices: readonly string[] | null
  form: { [key: string]: Json } | null
  expiresAt: number
  decided: Extract<WorkflowEvent, { type: 'gate-decided' }> | null
}

/** `open`: its own steps go on. `paused`: for the budget. */
export type StepStatus = 'running' | 'retrying' | 'paused' | 'gate' | 'waiting' | 'open' | 'ended'

export interface StepState {
  status: StepStatus
  /** Of the last attempt that began, from 1. */
  attempt: number
  group: number
  /** Attempts that failed, without those in whose middle the engine ended. */
  failures: number
  interruptions: number
  beganAt: number
  /** When the last attempt began. */
  attemptAt: number
  retryAt: number
  gate: GateState | null
  until: number | null
  signal: string | null
  items: Stored | null
  /** Of a map. */
  count: number
  /** Items, rounds, or one child. */
  scopes: readonly ScopeState[]
  /** Indices of scopes that began and have not ended. */
  open: readonly number[]
  lastError: StepErrorInfo | null
  ended: StepEnd | null
}

export interface ScopeState {
  steps: { readonly [id: string]: StepState }
  inputs: { [name: string]: Json } | null
  ended: { outcome: 'succeeded' | 'failed'; output: Stored | null; error: StepErrorInfo | null } | null
}

export interface WorkflowState {
  began: Extract<WorkflowEvent, { type: 'began' }> | null
  beganAt: number
  queued: string | null
  admitted: boolean
  root: ScopeState
  budget: number | null
  /** Millionths of a dollar that attempts have cost. */
  spent: number
  /** What attempts that go on may cost, by their path. */
  held: { readonly [path: string]: number }
  signals: readonly { name: string; value: Json; inbox: number }[]
  /** Up to here everything that was sent to the run has been heard. */
  inbox: number
  cancel: { by: string | null; reason: string } | null
  ended: { outcome: RunOutcome; output: Stored | null; error: StepErrorInfo | null; at: number } | null
  /** The terminal event of the run is in the log. */
  isOver: boolean
}

const noScope: ScopeState = { steps: {}, inputs: null, ended: null }
const newStep: StepState = {
  status: 'open',
  attempt: 0,
  group: 1,
  failures: 0,
  interruptions: 0,
  beganAt: 0,
  attemptAt: 0,
  retryAt: 0,
  gate: null,
  until: null,
  signal: null,
  items: null,
  count: 0,
  scopes: [],
  open: [],
  lastError: null,
  ended: null,
}

export const noWorkflowState: WorkflowState = {
  began: null,
  beganAt: 0,
  queued: null,
  admitted: false,
  root: noScope,
  budget: null,
  spent: 0,
  held: {},
  signals: [],
  inbox: 0,
  cancel: null,
  ended: null,
  isOver: false,
}

export interface Segment {
  id: string
  index: number | undefined
}

export function segmentsOf(path: string): Segment[] {
  return path.split('.').map(part => {
    const [, id = part, index] = /^([^[]+)\[(\d+)\]$/.exec(part) ?? []
    return { id, index: index === undefined ? undefined : Number(index) }
  })
}

/** The step at a path, if it has begun. */
export function stepAt(state: WorkflowState, path: string): StepState | undefined {
  const segments = segmentsOf(path)
  let scope: ScopeState | undefined = state.root
  for (const [i, { id, index }] of segments.entries()) {
    const step: StepState | undefined = scope?.steps[id]
    if (i === segments.length - 1) return step
    scope = step?.scopes[index ?? 0]
  }
  return undefined
}

/** Whether a step around this one has ended, so that nothing of it counts any more. */
export function isOvertaken(state: WorkflowState, path: string): boolean {
  if (state.ended) return true
  const parts = path.split('.')
  return parts.some((_, i) => i < parts.length - 1 && stepAt(state, bare(parts.slice(0, i + 1)))?.ended)
}

function bare(parts: readonly string[]): string {
  return parts.join('.').replace(/\[\d+\]$/, '')
}

export function heldTotal(state: WorkflowState): number {
  return Object.values(state.held).reduce((sum, held) => sum + held, 0)
}

export function foldWorkflow(events: Iterable<RunEvent>): WorkflowState {
  let state = noWorkflowState
  for (const event of events) state = stepWorkflow(state, event)
  return state
}

export function stepWorkflow(state: WorkflowState, event: RunEvent): WorkflowState {
  if (event.type === 'workflow') return afterEvent(state, event.event, event.at)
  const isTerminal = event.type === 'completed' || event.type === 'failed' || event.type === 'cancelled'
  return isTerminal ? { ...state, isOver: true } : state
}

function afterEvent(state: WorkflowState, event: WorkflowEvent, at: number): WorkflowState {
  switch (event.type) {
    case 'began':
      return { ...state, began: event, beganAt: at, budget: event.budget ?? null }
    case 'queued':
      return { ...state, queued: event.key }
    case 'admitted':
      return { ...state, admitted: true }
    case 'signalled':
      return heard({ ...state, signals: [...state.signals, event] }, event.inbox)
    case 'budget-raised':
      return heard({ ...state, budget: event.budget }, event.inbox)
    case 'cancel-asked':
      return heard({ ...state, cancel: { by: event.by ?? null, reason: event.reason } }, event.inbox)
    case 'dropped':
      return heard(state, event.inbox)
    case 'notice':
    case 'printed':
      return state
    case 'ended': {
      const { outcome, output = null, error = null } = event
      return settled({ ...state, ended: { outcome, output, error, at } }, () => true)
    }
    case 'scope-began':
    case 'scope-ended':
      return afterScope(state, event, at)
    default:
      return afterStep(state, event, at)
  }
}

function heard(state: WorkflowState, inbox: number | undefined): WorkflowState {
  return inbox === undefined ? state : { ...state, inbox: Math.max(state.inbox, inbox) }
}

type StepEvent = Exclude<Extract<WorkflowEvent, { path: string }>, { type: 'scope-began' | 'scope-ended' | 'printed' }>

function afterStep(state: WorkflowState, event: StepEvent, at: number): WorkflowState {
  const root = changeStep(state.root, segmentsOf(event.path), step =>
    stepped(step ?? { ...newStep, beganAt: at }, event, at),
  )
  const next = { ...state, root }
  switch (event.type) {
    case 'attempt-began':
      return event.reserved === undefined ? next : { ...next, held: { ...next.held, [event.path]: event.reserved } }
    case 'attempt-failed':
      return settle(next, event.path, event.microUsd ?? 0)
    case 'attempt-interrupted':
      return settle(next, event.path, next.held[event.path] ?? 0)
    case 'gate-decided':
      return heard(next, event.inbox)
    case 'step-ended': {
      const paid = settle(next, event.path, event.microUsd ?? 0)
      const rest = settled(paid, path => path.startsWith(`${event.path}.`) || path.startsWith(`${event.path}[`))
      return event.signal === undefined
        ? rest
        : { ...rest, signals: rest.signals.filter(({ inbox }) => inbox !== event.signal) }
    }
    default:
      return next
  }
}

/** An attempt has ended and cost so much. */
function settle(state: WorkflowState, path: string, cost: number): WorkflowState {
  if (state.held[path] === undefined) return cost === 0 ? state : { ...state, spent: state.spent + cost }
  const { [path]: _ended, ...held } = state.held
  return { ...state, held, spent: state.spent + cost }
}

/** Attempts that are given up cost what they may have cost. */
function settled(state: WorkflowState, isEnded: (path: string) => boolean): WorkflowState {
  return Object.keys(state.held)
    .filter(isEnded)
    .reduce((next, path) => settle(next, path, state.held[path]!), state)
}

function stepped(step: StepState, event: StepEvent, at: number): StepState {
  switch (event.type) {
    case 'attempt-began':
      return { ...step, status: 'running', attempt: event.attempt, group: event.group, attemptAt: at }
    case 'attempt-failed':
      return {
        ...step,
        status: 'retrying',
        retryAt: event.retryAt,
        failures: step.failures + 1,
        group: step.group + (event.known ? 1 : 0),
        lastError: event.error,
      }
    case 'attempt-interrupted':
      return { ...step, status: 'retrying', retryAt: 0, interruptions: step.interruptions + 1 }
    case 'budget-reached':
      return { ...step, status: 'paused' }
    case 'expanded':
      return { ...step, status: 'open', items: event.items, count: event.count }
    case 'gate-opened': {
      const { gate, shown, digest, choices = null, form = null, expiresAt } = event
      return { ...step, status: 'gate', gate: { gate, shown, digest, choices, form, expiresAt, decided: null } }
    }
    case 'gate-decided':
      return step.gate && !step.gate.decided ? { ...step, gate: { ...step.gate, decided: event } } : step
    case 'wait-began':
      return { ...step, status: 'waiting', until: event.until ?? null, signal: event.signal ?? null }
    case 'kept':
    case 'step-ended': {
      const { outcome, output = null, error = null } = event
      // What was inside has become the output.
      return { ...step, status: 'ended', scopes: [], open: [], items: null, ended: { outcome, output, error } }
    }
  }
}

function afterScope(
  state: WorkflowState,
  event: Extract<WorkflowEvent, { type: 'scope-began' | 'scope-ended' }>,
  at: number,
): WorkflowState {
  const segments = segmentsOf(event.path)
  const index = segments.at(-1)!.index ?? 0
  const change = (step: StepState | undefined): StepState => {
    const known = step ?? { ...newStep, beganAt: at }
    const scopes = [...known.scopes]
    if (event.type === 'scope-began') {
      const isRound = known.items === null && index > 0
      if (isRound) scopes[index - 1] = { ...scopes[index - 1]!, steps: {} }
      scopes[index] = { ...noScope, inputs: event.inputs ?? null }
      return { ...known, status: 'open', scopes, open: [...known.open, index] }
    }
    const { outcome, output = null, error = null } = event
    const steps = known.items === null ? (scopes[index]?.steps ?? {}) : {}
    scopes[index] = { steps, inputs: null, ended: { outcome, output, error } }
    return { ...known, scopes, open: known.open.filter(one => one !== index) }
  }
  return { ...state, root: changeStep(state.root, segments, change) }
}

function changeStep(
  scope: ScopeState,
  [first, ...rest]: readonly Segment[],
  change: (step: StepState | undefined) => StepState,
): ScopeState {
  const { id, index = 0 } = first!
  const step = scope.steps[id]
  if (rest.length === 0) return { ...scope, steps: { ...scope.steps, [id]: change(step) } }
  const known = step ?? newStep
  const scopes = [...known.scopes]
  scopes[index] = changeStep(scopes[index] ?? noScope, rest, change)
  return { ...scope, steps: { ...scope.steps, [id]: { ...known, scopes } } }
}
