/** The inputs of a run from the event that starts it (WF108). Pure. */
import { renderAll } from '@meshbook/core/workflow/template.ts'
import type { Json, TriggerKind, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { inputsFor } from '../plan.ts'

/** Throws an `ExpressionError` where the event has not what they need. */
export function eventInputs(workflow: Workflow, kind: TriggerKind, event: Json): { [name: string]: Json } {
  const given = workflow.on?.[kind]?.inputs ?? {}
  const names = { inputs: {}, steps: {}, run: { id: '', name: workflow.name }, event }
  return inputsFor(workflow, renderAll(given, names) as { [name: string]: Json })
}
