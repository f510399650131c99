/** Gates of steps as gates of the run (WQ21): the events of the run that stand beside those of the workflow. */
import type { GateId } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import { openGates } from '@meshbook/engine/workflow/hear.ts'

type Of<T extends WorkflowEvent['type']> = Extract<WorkflowEvent, { type: T }>

const titleChars = 200

export class GateEvents {
  readonly #newNonce: () => string
  /** Open gates by their id, with the path of their step. */
  readonly #open: Map<string, string>

  constructor(state: WorkflowState, newNonce: () => string) {
    this.#newNonce = newNonce
    this.#open = new Map(openGates(state.root, '').map(({ path, gate }) => [gate.gate, path]))
  }

  /** With what belongs to them. A gate whose step, or one around it, ends without a decision is over. */
  beside(events: readonly RunEvent[]): RunEvent[] {
    return events.flatMap(event => (event.type === 'workflow' ? [event, ...this.#of(event.event, event.at)] : [event]))
  }

  #of(event: WorkflowEvent, at: number): RunEvent[] {
    if (event.type === 'gate-opened') return [this.#opened(event, at)]
    if (event.type === 'gate-decided') return this.#decided(event, at)
    if (event.type !== 'step-ended' && event.type !== 'scope-ended') return []
    return [...this.#open].flatMap(([gate, path]) => (isWithin(path, event.path) ? [this.#over(gate, at)] : []))
  }

  #opened({ gate, path, shown, expiresAt, choices, form }: Of<'gate-opened'>, at: number): RunEvent {
    this.#open.set(gate, path)
    return {
      ...{ type: 'gate-opened', at, gate: gate as GateId, nonce: this.#newNonce(), title: titleOf(shown, path) },
      ...{ shown, expiresAt },
      ...(choices && { choices }),
      ...(form && { form }),
    }
  }

  #decided({ gate, verdict, by, inbox }: Of<'gate-decided'>, at: number): RunEvent[] {
    if (inbox === undefined) return [this.#over(gate, at)]
    this.#open.delete(gate)
    return [{ type: 'gate-decided', at, gate: gate as GateId, decision: verdict, ...(by !== undefined && { by }) }]
  }

  #over(gate: string, at: number): RunEvent {
    this.#open.delete(gate)
    return { type: 'gate-decided', at, gate: gate as GateId, decision: 'expired' }
  }
}

function isWithin(path: string, around: string): boolean {
  return path === around || path.startsWith(`${around}.`) || path.startsWith(`${around}[`)
}

/** The first line of what is asked. */
function titleOf(shown: string, path: string): string {
  const line = shown.split('\n', 1)[0]!.replaceAll(/\p{C}/gu, ' ').trim()
  return line.slice(0, titleChars) || path
}
