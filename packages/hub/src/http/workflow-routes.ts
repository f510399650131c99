/** The routes of runs of workflows. Their logs, gates and ends are those of runs. */
import { cancelSchema, listOf } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import {
  forkSchema,
  newWorkflowRunSchema,
  signalSchema,
  workflowBudgetSchema,
  workflowFilesSchema,
  workflowRunSchema,
} from '@meshbook/core/workflows-api.ts'
import type { Parts } from '../parts.ts'
import { type Route, userRoute } from './route.ts'
import {
  cancelWorkflowRun,
  createWorkflowRun,
  forkWorkflowRun,
  getWorkflowFiles,
  getWorkflowRun,
  listWorkflowRuns,
  raiseWorkflowBudget,
  signalWorkflowRun,
} from './workflow-handlers.ts'

const runs = '/api/v1/workflow-runs'
const one = { the: 'run', named: 'id' } as const

export function workflowRoutes(parts: Parts): Route[] {
  return [
    userRoute({
      method: 'POST',
      path: runs,
      about: 'shared',
      scope: 'run',
      rate: 'heavy',
      summary: 'Run a workflow: its file, those that it names, and its inputs',
      body: newWorkflowRunSchema,
      bodyBytes: limits.workflowRequestBytes,
      answer: workflowRunSchema,
      status: 201,
      handle: ask => createWorkflowRun(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: runs,
      about: 'shared',
      scope: 'read',
      summary: 'Runs of workflows, newest first',
      query: {
        project: 'of one project',
        open: '1: only those that have not ended',
        status: 'only those that stand like this',
        find: 'what the name has',
        cursor: 'where the page before ended',
      },
      answer: listOf(workflowRunSchema),
      handle: ask => listWorkflowRuns(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${runs}/:id`,
      about: one,
      scope: 'read',
      summary: 'One run of a workflow. What happens in it is the log of the run of the same id',
      answer: workflowRunSchema,
      handle: ask => getWorkflowRun(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${runs}/:id/files`,
      about: one,
      scope: 'read',
      summary: 'The files that a run of a workflow is pinned to, as they could be sent again',
      answer: workflowFilesSchema,
      handle: ask => getWorkflowFiles(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${runs}/:id/cancel`,
      about: one,
      scope: 'run',
      summary: 'Cancel a run of a workflow, with all that goes on in it',
      body: cancelSchema,
      answer: workflowRunSchema,
      handle: ask => cancelWorkflowRun(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${runs}/:id/signals`,
      about: one,
      scope: 'run',
      summary: 'Send a signal to a run of a workflow, for which it may wait',
      body: signalSchema,
      answer: workflowRunSchema,
      handle: ask => signalWorkflowRun(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${runs}/:id/budget`,
      about: one,
      scope: 'run',
      summary: 'Say what a run of a workflow may cost in all',
      body: workflowBudgetSchema,
      answer: workflowRunSchema,
      handle: ask => raiseWorkflowBudget(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${runs}/:id/fork`,
      about: one,
      scope: 'run',
      rate: 'heavy',
      summary: 'A new run of the same workflow from one of its steps on, with the results before it',
      body: forkSchema,
      answer: workflowRunSchema,
      status: 201,
      handle: ask => forkWorkflowRun(parts, ask),
    }),
  ]
}
