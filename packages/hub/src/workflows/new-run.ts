/** What the store is given for a run that begins, whoever wants it: a person, or a trigger (WQ1, WQ62). Pure but for ids. */
import { createHash } from 'node:crypto'
import { newId, type OrgId, type ProjectId, type RandomBytes, type RunId, type UserId } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { Json, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import type { PinnedFiles } from '@meshbook/engine/workflow/pinned-files.ts'
import type { NewWorkflowRun } from '../store/workflow-runs.ts'

export type Kept = Extract<WorkflowEvent, { type: 'kept' }>

export interface WantedRun {
  org: OrgId
  id: RunId
  project: ProjectId
  files: PinnedFiles
  /** That of `files` which is started. */
  workflow: Workflow
  /** All of them, checked. */
  inputs: { [name: string]: Json }
  fork?: { run: RunId; step: string; kept: Kept[] } | undefined
  /** Who wants it. */
  name: string
  asker: { org: OrgId; user: UserId } | null
  credential: string | null
}

export function newRun(
  { org, id, project, files, workflow, inputs, fork, name, asker, credential }: WantedRun,
  { now, random }: { now: number; random: RandomBytes },
): NewWorkflowRun {
  const began: WorkflowEvent = {
    ...{ type: 'began', name: workflow.name, definition: files.hash, children: files.children, inputs },
    ...(workflow.budget && { budget: Math.round(workflow.budget.usd * 1_000_000) }),
    ...(fork && { forkedFrom: { run: fork.run, step: fork.step } }),
  }
  const asked = [project, files.hash, files.children, inputs, began.forkedFrom ?? null]
  return {
    ...{ org, id, project, name: workflow.name, definition: files.hash, texts: [...files.texts], now },
    opening: [began, ...(fork?.kept ?? [])].map((event): RunEvent => ({ type: 'workflow', at: now, event })),
    hash: createHash('sha256').update(JSON.stringify(asked)).digest('hex'),
    newSession: newId('session', now, random),
    requestedBy: name,
    asker,
    credential,
  }
}
