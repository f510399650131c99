/** A run of a workflow as lines for people: what happened, one line each, or a tree of where it stands now. */
import { exactText } from '@meshbook/core/exact-text.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { ScopeState, StepState, WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'

/** Nothing of it steers the terminal. */
function shown(text: string): string {
  return exactText(text.replaceAll('\n', ' ')).slice(0, 300)
}

export function lineOf(event: RunEvent): string | undefined {
  if (event.type === 'workflow') return lineOfEvent(event.event)
  if (event.type === 'completed') return `✔ completed in ${seconds(event.durationMs)}`
  if (event.type === 'failed') return `✖ failed: ${shown(event.error.message)}`
  return event.type === 'cancelled' ? `✖ cancelled: ${shown(event.reason)}` : undefined
}

function lineOfEvent(event: WorkflowEvent): string | undefined {
  switch (event.type) {
    case 'attempt-began':
      return `▶ ${event.path}${event.attempt > 1 ? ` (attempt ${event.attempt})` : ''}`
    case 'attempt-failed':
      return `↻ ${event.path}: ${shown(event.error.message)}`
    case 'attempt-interrupted':
      return `↻ ${event.path} was interrupted and is begun again`
    case 'printed':
      return `  ${event.path}: ${shown(event.text)}`
    case 'step-ended':
      return `${marks[event.outcome]} ${event.path}${event.error ? `: ${shown(event.error.message)}` : ''}`
    case 'gate-opened':
      return `? ${event.path} asks (${event.gate}): ${shown(event.shown)}`
    case 'gate-decided':
      return `  ${event.path}: ${event.verdict}${event.by ? ` by ${shown(event.by)}` : ''}`
    case 'wait-began':
      return `… ${event.path} waits${event.signal ? ` for the signal "${event.signal}"` : ''}${event.until ? ` until ${new Date(event.until).toISOString()}` : ''}`
    case 'budget-reached':
      return `… ${event.path} waits for a larger budget: $${(event.needed / 1_000_000).toFixed(4)} would be needed`
    case 'notice':
      return `  ${shown(event.text)}`
    case 'dropped':
      return `  not taken: ${shown(event.why)}`
    case 'queued':
      return `… another run may have "${shown(event.key)}"; this one waits for its place`
    default:
      return undefined
  }
}

const marks = { succeeded: '✔', failed: '✖', skipped: '○', blocked: '○' } as const
const signs: Record<Exclude<StepState['status'], 'ended'>, string> = {
  running: '▶',
  retrying: '↻',
  paused: '…',
  gate: '?',
  waiting: '…',
  open: '▶',
}
const mostLines = 40

/** Where it stands, as a tree. */
export function treeOf(state: WorkflowState): string[] {
  const lines = scopeLines(state.root, '')
  const rest = lines.length - mostLines
  return rest > 0 ? [...lines.slice(0, mostLines), `… ${rest} more`] : lines
}

function scopeLines(scope: ScopeState, indent: string): string[] {
  return Object.entries(scope.steps).flatMap(([id, step]) => {
    const mark = step.ended ? marks[step.ended.outcome] : signs[step.status as keyof typeof signs]
    const done = step.count > 0 && !step.ended ? ` ${step.scopes.filter(one => one?.ended).length}/${step.count}` : ''
    const error = step.ended?.error ?? (step.status === 'retrying' ? step.lastError : null)
    const asked = step.gate && !step.ended ? ` ${step.gate.gate}: ${shown(step.gate.shown)}` : ''
    const own = `${indent}${mark} ${id}${done}${asked}${error ? `  ${shown(error.message)}` : ''}`
    const inside = step.open.flatMap(index => {
      const label = step.count > 0 || index > 0 ? [`${indent}  [${index}]`] : []
      return [...label, ...scopeLines(step.scopes[index]!, `${indent}  ${label.length > 0 ? '  ' : ''}`)]
    })
    return [own, ...inside]
  })
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
