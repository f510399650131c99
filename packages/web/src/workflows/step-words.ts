/** How a step and a run of a workflow stand: a word, a shape and a colour, everywhere the same. Pure. */
import { dollars } from '@meshbook/core/task-words.ts'
import type { Step } from '@meshbook/core/workflow/workflow-schema.ts'
import { kindOf } from '@meshbook/core/workflow/workflow-schema.ts'
import type { StepState } from '@meshbook/core/workflow/workflow-state.ts'
import type { WorkflowRun } from '@meshbook/core/workflows-api.ts'
import type { ShownRun, StepFacts } from './shown-run.ts'

export const standings = [
  'pending',
  'running',
  'retrying',
  'paused',
  'gate',
  'waiting',
  'succeeded',
  'failed',
  'skipped',
  'blocked',
  'kept',
  'stopped',
] as const
export type Standing = (typeof standings)[number]

export const standingWords: Record<Standing, string> = {
  pending: 'Not begun',
  running: 'Running',
  retrying: 'Tries again',
  paused: 'Over the budget',
  gate: 'Asks you',
  waiting: 'Waits',
  succeeded: 'Done',
  failed: 'Failed',
  skipped: 'Skipped',
  blocked: 'Blocked',
  kept: 'Kept',
  stopped: 'Stopped',
}

export const standingTones: Record<Standing, '' | 'accent' | 'warn' | 'ok' | 'bad'> = {
  pending: '',
  running: 'accent',
  retrying: 'warn',
  paused: 'warn',
  gate: 'warn',
  waiting: 'accent',
  succeeded: 'ok',
  failed: 'bad',
  skipped: '',
  blocked: '',
  kept: 'ok',
  stopped: '',
}

/** Strokes on a 16-unit grid; no two standings have the same. */
export const standingShapes: Record<Standing, string> = {
  pending: 'M8 13A5 5 0 1 0 8 3a5 5 0 0 0 0 10z',
  running: 'M8 2.5a5.5 5.5 0 1 0 5.5 5.5M8 5.4V8l1.8 1.6',
  retrying: 'M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3',
  paused: 'M5.5 3.5v9M10.5 3.5v9',
  gate: 'M8 1.8L14.2 8 8 14.2 1.8 8zM8 5.4v3M8 10.6v.1',
  waiting:
    'M4 2.5h8M4 13.5h8M4.8 2.5c0 3.2 3.2 3.4 3.2 5.5s-3.2 2.3-3.2 5.5M11.2 2.5c0 3.2-3.2 3.4-3.2 5.5s3.2 2.3 3.2 5.5',
  succeeded: 'M3 8.5l3.2 3.2L13 5',
  failed: 'M4 4l8 8M12 4l-8 8',
  skipped: 'M3.5 4l4 4-4 4M8.5 4l4 4-4 4',
  blocked: 'M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM4.2 4.2l7.6 7.6',
  kept: 'M4.5 2.2h7v11.6L8 11l-3.5 2.8z',
  stopped: 'M4 4h8v8H4z',
}

export function standingOf(step: StepState | undefined, facts: StepFacts | undefined, run: ShownRun): Standing {
  const outcome = step?.ended?.outcome ?? facts?.outcome
  if (outcome) return facts?.isKept && outcome === 'succeeded' ? 'kept' : outcome
  if (run.state.ended) return step ? 'stopped' : 'pending'
  if (!step) return 'pending'
  return step.status === 'open' || step.status === 'ended' ? 'running' : step.status
}

/** `3 of 10`, `Round 2`; nothing for what has nothing inside it. */
export function countWords(kind: string, step: StepState | undefined, facts: StepFacts | undefined): string {
  const { began = 0, succeeded = 0, failed = 0 } = facts?.scopes ?? {}
  const bad = failed > 0 ? `, ${failed} failed` : ''
  if (kind === 'map') {
    const all = step?.count || began
    return all === 0 ? '' : `${succeeded + failed} of ${all}${bad}`
  }
  if (kind === 'repeat') return began === 0 ? '' : `${began} ${began === 1 ? 'round' : 'rounds'}${bad}`
  return ''
}

/** What a step is about, short enough for a line. */
export function aboutStep(step: Step): string {
  const kind = kindOf(step)
  if (kind === 'http') return `${step.http!.method ?? 'GET'} ${step.http!.url}`
  if (kind === 'gate') return step.gate!.ask
  if (kind === 'workflow') return step.workflow!.file
  if (kind === 'wait') return step.wait!.signal ? `for the signal ${step.wait!.signal}` : `for ${step.wait!.for}`
  if (kind === 'prompt') return step.prompt!.models.join(', ')
  return ''
}

export type RunStanding = Pick<WorkflowRun, 'status' | 'waits'>
const waitWords: Record<string, string> = {
  gate: 'Asks you',
  signal: 'Waits for a signal',
  budget: 'Over its budget',
  place: 'Waits for its place',
}
const statusWords: Record<string, string> = {
  queued: 'Begins',
  leased: 'Begins',
  running: 'Running',
  'waiting-for-gate': 'Asks you',
  completed: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
  interrupted: 'Interrupted',
}
const statusTones: Record<string, string> = {
  completed: 'ok',
  failed: 'bad',
  'waiting-for-gate': 'warn',
  interrupted: 'warn',
}

export function runStanding({ status, waits }: RunStanding): { word: string; tone: string } {
  const waited = waits.map(one => waitWords[one]).find(word => word !== undefined)
  const isOver = ['completed', 'failed', 'cancelled', 'interrupted'].includes(status)
  if (waited !== undefined && !isOver) return { word: waited, tone: 'warn' }
  return { word: statusWords[status] ?? status, tone: statusTones[status] ?? (isOver ? '' : 'accent') }
}

/** `$0.12 of $2.00`; nothing where nothing cost and nothing may. */
export function spentWords({ spent, held, budget }: { spent: number; held: number; budget: number | null }): string {
  if (spent === 0 && held === 0 && budget === null) return 'Nothing'
  const of = budget === null ? '' : ` of ${dollars(budget)}`
  return `${dollars(spent)}${of}${held > 0 ? `, ${dollars(held)} held` : ''}`
}
