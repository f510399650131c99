/** The routes of runs of workflows, typed. */
import { listOf } from '@meshbook/core/api.ts'
import {
  type NewWorkflowRun,
  type WorkflowFiles,
  type WorkflowRun,
  workflowFilesSchema,
  workflowRunSchema,
} from '@meshbook/core/workflows-api.ts'
import { request } from '../api/http.ts'

const named = (id: string): string => `/workflow-runs/${encodeURIComponent(id)}`
const change = (id: string, what: string, body: object): Promise<WorkflowRun> =>
  request('POST', `${named(id)}/${what}`, workflowRunSchema, { body })

export const workflowsApi = {
  page: (query: Readonly<Record<string, string>>): Promise<{ items: WorkflowRun[]; next?: string | undefined }> =>
    request('GET', `/workflow-runs?${new URLSearchParams({ limit: '50', ...query })}`, listOf(workflowRunSchema)),
  run: (id: string): Promise<WorkflowRun> => request('GET', named(id), workflowRunSchema),
  files: (id: string): Promise<WorkflowFiles> => request('GET', `${named(id)}/files`, workflowFilesSchema),
  start: (body: NewWorkflowRun): Promise<WorkflowRun> => request('POST', '/workflow-runs', workflowRunSchema, { body }),
  cancel: (id: string): Promise<WorkflowRun> => change(id, 'cancel', { reason: 'cancelled in the portal' }),
  signal: (id: string, body: { id: string; name: string; value: unknown }): Promise<WorkflowRun> =>
    change(id, 'signals', body),
  budget: (id: string, microUsd: number): Promise<WorkflowRun> => change(id, 'budget', { microUsd }),
  fork: (id: string, body: { id: string; step: string; inputs: object }): Promise<WorkflowRun> =>
    change(id, 'fork', body),
}
