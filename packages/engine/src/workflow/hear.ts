/** What was sent to a run from outside, as events of its log. The first valid decision about a gate counts. Pure. */
import { limits } from '@meshbook/core/limits.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { GateState, ScopeState, WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import { schemaFaults } from './json-schema.ts'
import type { Sent } from './sent.ts'

export function hear(state: WorkflowState, sent: readonly Sent[]): WorkflowEvent[] {
  const gates = sent.some(({ type }) => type === 'decide') ? openGates(state.root, '') : []
  const decided = new Set<string>()
  let signals = state.signals.length
  const asEvent = (one: Sent): WorkflowEvent => {
    const { inbox } = one
    switch (one.type) {
      case 'cancel':
        return { type: 'cancel-asked', reason: one.reason, inbox, ...(one.by !== null && { by: one.by }) }
      case 'budget':
        return { type: 'budget-raised', budget: one.microUsd, inbox, ...(one.by !== null && { by: one.by }) }
      case 'signal':
        if (++signals > limits.signalsPerRun) return { type: 'dropped', inbox, why: 'too many signals wait' }
        return { type: 'signalled', name: one.name, value: one.value, inbox }
      case 'decide': {
        const open = gates.find(({ gate }) => gate.gate === one.gate && !decided.has(one.gate))
        const why = open ? faultOf(open.gate, one) : 'it is decided, or not open any more'
        if (!open || why !== undefined) return { type: 'dropped', inbox, why: why ?? '' }
        decided.add(one.gate)
        const { gate, verdict, by, choice, form, comment } = one
        const said = {
          ...(by !== null && { by }),
          ...(choice !== null && { choice }),
          ...(form !== null && { form }),
          ...(comment !== null && { comment }),
        }
        return { type: 'gate-decided', path: open.path, gate, verdict, inbox, ...said }
      }
    }
  }
  return sent.map(one => asEvent(one))
}

type Decision = Omit<Extract<Sent, { type: 'decide' }>, 'inbox' | 'type' | 'by' | 'comment' | 'gate'>

/** Why this cannot be the decision about the gate. */
export function faultOf(gate: Pick<GateState, 'digest' | 'choices' | 'form'>, decision: Decision): string | undefined {
  if (decision.digest !== gate.digest) return 'it is about something else than what is shown'
  if (decision.verdict === 'rejected') return undefined
  if (gate.choices && (decision.choice === null || !gate.choices.includes(decision.choice)))
    return `one of ${gate.choices.join(', ')} must be chosen`
  if (!gate.choices && decision.choice !== null) return 'there is nothing to choose'
  if (!gate.form) return decision.form === null ? undefined : 'there is no form'
  if (decision.form === null) return 'the form must be filled in'
  const [fault] = schemaFaults(gate.form, decision.form)
  return fault
}

export interface OpenGate {
  path: string
  gate: GateState
}

export function openGates(scope: ScopeState, prefix: string): OpenGate[] {
  return Object.entries(scope.steps).flatMap(([id, step]) => {
    const path = `${prefix}${id}`
    const own = step.status === 'gate' && step.gate && !step.gate.decided ? [{ path, gate: step.gate }] : []
    const isChild = step.items === null && step.scopes.length === 1 && step.scopes[0]?.inputs !== null
    const inside = step.open.flatMap(index =>
      openGates(step.scopes[index]!, isChild ? `${path}.` : `${path}[${index}].`),
    )
    return [...own, ...inside]
  })
}
