/** A fork: a new run of the same definition that keeps the results of all steps that are not behind one of them. Pure. */
import { MeshError } from '@meshbook/core/errors.ts'
import { upstreamIn } from '@meshbook/core/workflow/check-workflow.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { Json, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import type { WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'

type Kept = Extract<WorkflowEvent, { type: 'kept' }>

export function keptFor(
  workflow: Workflow,
  state: WorkflowState,
  step: string,
): { kept: Kept[]; inputs: { [name: string]: Json } } {
  const before = upstreamIn(workflow.steps)
  if (!before.has(step))
    throw new MeshError('NOT_FOUND', {
      detail: `the workflow has no step "${step}"; it has ${[...before.keys()].join(', ')}`,
    })
  const isAgain = (id: string): boolean => id === step || before.get(id)!.has(step)
  const kept = Object.entries(state.root.steps).flatMap(([path, { ended }]): Kept[] => {
    if (!ended || isAgain(path)) return []
    const { outcome, output, error } = ended
    return [{ type: 'kept', path, outcome, ...(output && { output }), ...(error && { error }) }]
  })
  const lacking = [...before.get(step)!].filter(id => !kept.some(({ path }) => path === id))
  if (lacking.length > 0) throw new MeshError('CONFLICT', { detail: `${lacking.join(', ')} had not ended in that run` })
  return { kept, inputs: state.began!.inputs }
}
