/** The routes of triggers of workflows. What a webhook is sent comes to `/hooks/:id`, like that of other hooks. */
import { listOf } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import {
  changeTriggerSchema,
  newTriggerSchema,
  nextTimesSchema,
  triggerOutcomeSchema,
  triggerSchema,
} from '@meshbook/core/workflow/trigger-info.ts'
import { workflowRunSchema } from '@meshbook/core/workflows-api.ts'
import type { Parts } from '../parts.ts'
import { type Route, userRoute } from './route.ts'
import {
  changeTrigger,
  getTrigger,
  listOutcomes,
  listTriggerRuns,
  listTriggers,
  nextTimes,
  pinTrigger,
  removeTrigger,
} from './trigger-handlers.ts'

const triggers = '/api/v1/triggers'
const page = { limit: 'rows of a page, at most 200', cursor: '`next` of the page before' }
const one = { the: 'trigger', named: 'id' } as const
const change = { about: { ...one, right: 'run' }, scope: 'all' } as const

export function triggerRoutes(parts: Parts): Route[] {
  return [
    userRoute({
      ...{ method: 'GET', path: triggers, about: 'shared', scope: 'read', answer: listOf(triggerSchema) },
      summary: 'What starts workflows by itself, newest first',
      query: { project: 'of one project', ...page },
      handle: ask => listTriggers(parts, ask),
    }),
    userRoute({
      ...{ method: 'POST', path: triggers, scope: 'all', answer: triggerSchema, status: 201 },
      about: { the: 'project', named: 'project', in: 'body', right: 'run' },
      summary: 'Pin a workflow to what its file says starts it; the same file again is the same trigger',
      rate: 'heavy',
      body: newTriggerSchema,
      bodyBytes: limits.workflowRequestBytes,
      handle: ask => pinTrigger(parts, ask),
    }),
    userRoute({
      ...{ method: 'GET', path: `${triggers}/:id`, about: one, scope: 'read', answer: triggerSchema },
      summary: 'One trigger',
      handle: ask => getTrigger(parts, ask),
    }),
    userRoute({
      ...{ ...change, method: 'PATCH', path: `${triggers}/:id`, answer: triggerSchema },
      summary: 'Turn a trigger on or off; what happens while it is off starts nothing',
      body: changeTriggerSchema,
      handle: ask => changeTrigger(parts, ask),
    }),
    userRoute({
      ...{ ...change, method: 'DELETE', path: `${triggers}/:id` },
      summary: 'Remove a trigger; runs that it started go on',
      handle: ask => removeTrigger(parts, ask),
    }),
    userRoute({
      ...{ method: 'GET', path: `${triggers}/:id/next`, about: one, scope: 'read', answer: nextTimesSchema },
      summary: 'The next times of a schedule that is on',
      query: { count: `how many, at most ${limits.timesPerTrigger}; 5 without` },
      handle: ask => nextTimes(parts, ask),
    }),
    userRoute({
      ...{ method: 'GET', path: `${triggers}/:id/outcomes`, about: one, scope: 'read' },
      summary: 'What became of the last events of a trigger, newest first',
      answer: listOf(triggerOutcomeSchema),
      handle: ask => listOutcomes(parts, ask),
    }),
    userRoute({
      ...{ method: 'GET', path: `${triggers}/:id/runs`, about: one, scope: 'read' },
      summary: 'Runs that a trigger started, newest first',
      query: page,
      answer: listOf(workflowRunSchema),
      handle: ask => listTriggerRuns(parts, ask),
    }),
  ]
}
