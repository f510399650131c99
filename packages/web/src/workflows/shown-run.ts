/** What a page shows of a run of a workflow: the state that everybody folds from its log, and beside it what each step did. Pure. */
import { isTerminal, type NumberedEvent } from '@meshbook/core/run.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import { noWorkflowState, stepWorkflow, type WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'

export interface Attempt {
  number: number
  beganAt: number
  endedAt: number | null
  how: 'goes on' | 'failed' | 'interrupted' | 'succeeded'
  error: { code: string; message: string } | null
  microUsd: number
  /** What it costs where nobody knows what became of it. */
  reserved: number
}

/** Of one path. What is inside of a step is dropped from the state when it ends; this stays. */
export interface StepFacts {
  beganAt: number
  endedAt: number | null
  outcome: 'succeeded' | 'failed' | 'skipped' | 'blocked' | null
  /** In a fork: it has the result of the run before. */
  isKept: boolean
  microUsd: number
  attempts: readonly Attempt[]
  /** What it printed, and what the engine noticed. */
  lines: readonly string[]
  linesLeftOut: number
  /** Items, rounds, or one child. */
  scopes: { began: number; succeeded: number; failed: number }
}

export interface ShownRun {
  seq: number
  state: WorkflowState
  facts: ReadonlyMap<string, StepFacts>
  /** Of no step: notices of the run. */
  notices: readonly string[]
  /** Paths that are only counted: there are too many. */
  pathsLeftOut: boolean
  ended: boolean
}

export const noRun: ShownRun = {
  seq: 0,
  state: noWorkflowState,
  facts: new Map(),
  notices: [],
  pathsLeftOut: false,
  ended: false,
}

const mostPaths = 2_000
const mostLines = 300
const mostAttempts = 50
const noFacts: StepFacts = {
  beganAt: 0,
  endedAt: null,
  outcome: null,
  isKept: false,
  microUsd: 0,
  attempts: [],
  lines: [],
  linesLeftOut: 0,
  scopes: { began: 0, succeeded: 0, failed: 0 },
}

/** What has been added already changes nothing. */
export function addToRun(run: ShownRun, events: readonly NumberedEvent[]): ShownRun {
  const facts = new Map(run.facts)
  const next = { ...run, facts }
  for (const { seq, event } of events) {
    if (seq <= next.seq) continue
    next.seq = seq
    next.state = stepWorkflow(next.state, event)
    if (isTerminal(event)) next.ended = true
    if (event.type !== 'workflow') continue
    const { event: said, at } = event
    if (said.type === 'notice' && said.path === undefined) next.notices = [...next.notices, said.text].slice(-mostLines)
    if (!('path' in said) || said.path === undefined) continue
    const path = said.type === 'scope-began' || said.type === 'scope-ended' ? bare(said.path) : said.path
    const before = facts.get(path)
    if (!before && facts.size >= mostPaths) next.pathsLeftOut = true
    else facts.set(path, afterEvent(before ?? { ...noFacts, beganAt: at }, said, at))
  }
  return next
}

function bare(path: string): string {
  return path.replace(/\[\d+\]$/, '')
}

function afterEvent(facts: StepFacts, event: WorkflowEvent, at: number): StepFacts {
  switch (event.type) {
    case 'attempt-began':
      return begunAttempt(facts, event.attempt, at, event.reserved ?? 0)
    case 'attempt-failed': {
      const { error, microUsd = 0 } = event
      return { ...endedAttempt(facts, at, { how: 'failed', error, microUsd }), microUsd: facts.microUsd + microUsd }
    }
    case 'attempt-interrupted': {
      const microUsd = facts.attempts.at(-1)?.reserved ?? 0
      return { ...endedAttempt(facts, at, { how: 'interrupted', microUsd }), microUsd: facts.microUsd + microUsd }
    }
    case 'printed':
      return withLines(facts, event.text.replace(/\n$/, '').split('\n'))
    case 'notice':
      return withLines(facts, [event.text])
    case 'scope-began':
      return { ...facts, scopes: { ...facts.scopes, began: facts.scopes.began + 1 } }
    case 'scope-ended': {
      const { outcome } = event
      return { ...facts, scopes: { ...facts.scopes, [outcome]: facts.scopes[outcome] + 1 } }
    }
    case 'kept':
      return { ...facts, endedAt: at, outcome: event.outcome, isKept: true }
    case 'step-ended': {
      const { outcome, error = null, microUsd = 0 } = event
      const how = outcome === 'failed' ? { how: 'failed' as const, error } : { how: 'succeeded' as const }
      const last = endedAttempt(facts, at, { ...how, microUsd })
      return { ...last, endedAt: at, outcome, microUsd: facts.microUsd + microUsd }
    }
    default:
      return facts
  }
}

function begunAttempt(facts: StepFacts, number: number, beganAt: number, reserved: number): StepFacts {
  const attempt: Attempt = { number, beganAt, endedAt: null, how: 'goes on', error: null, microUsd: 0, reserved }
  return { ...facts, attempts: [...facts.attempts, attempt].slice(-mostAttempts) }
}

function endedAttempt(facts: StepFacts, endedAt: number, how: Partial<Attempt>): StepFacts {
  const last = facts.attempts.at(-1)
  if (!last || last.endedAt !== null) return facts
  return { ...facts, attempts: [...facts.attempts.slice(0, -1), { ...last, endedAt, ...how }] }
}

function withLines(facts: StepFacts, lines: readonly string[]): StepFacts {
  const all = [...facts.lines, ...lines]
  const left = Math.max(0, all.length - mostLines)
  return { ...facts, lines: all.slice(left), linesLeftOut: facts.linesLeftOut + left }
}
