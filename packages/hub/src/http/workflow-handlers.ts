/** Runs of workflows: who may run in a project may run a workflow there. */
import { type cancelSchema, runStatuses } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type OrgId, parseId, parseRunId, type RunId } from '@meshbook/core/ids.ts'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import type {
  forkSchema,
  NewWorkflowRun,
  signalSchema,
  WorkflowFiles,
  WorkflowRun,
  workflowBudgetSchema,
} from '@meshbook/core/workflows-api.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import { json, param, placeOf, type UserAsk } from './route.ts'
import { firstProject, requesterOf } from './task-handlers.ts'

const named = (ask: UserAsk<unknown>): [OrgId, RunId] => [placeOf(ask).org, parseRunId(param(ask, 'id'))]

export async function createWorkflowRun(parts: Parts, ask: UserAsk<NewWorkflowRun>): Promise<Response> {
  const { access, workflows } = parts
  const project = ask.body.project ?? (await firstProject(parts, ask))
  const { org } = await access.demand(ask.who, { kind: 'project', id: project }, 'run')
  const { run, created } = await workflows.submit(org, parseId('project', project), requesterOf(ask), ask.body)
  return json(run, created ? 201 : 200)
}

export async function listWorkflowRuns(
  { workflows, access }: Parts,
  { who, query }: UserAsk<undefined>,
): Promise<object> {
  const project = query.get('project') ?? undefined
  if (project !== undefined) await access.demand(who, { kind: 'project', id: project }, 'read')
  const asker = { org: who.org, user: who.user }
  const open = query.get('open') === '1'
  const wanted = query.get('status')
  const status = runStatuses.find(name => name === wanted)
  if (wanted !== null && status === undefined)
    throw new MeshError('BAD_REQUEST', { detail: `status: expected one of ${runStatuses.join(', ')}` })
  const find = query.get('find')?.trim().slice(0, 200) || undefined
  const page = { asker, project, open, status, find, before: cursorOf(query), rows: rowsOf(query) }
  const { items, next } = await workflows.list(page)
  return pageOf(items, next)
}

export function getWorkflowRun({ workflows }: Parts, ask: UserAsk<undefined>): Promise<WorkflowRun> {
  return workflows.show(...named(ask))
}

export function getWorkflowFiles({ workflows }: Parts, ask: UserAsk<undefined>): Promise<WorkflowFiles> {
  return workflows.files(...named(ask))
}

export function cancelWorkflowRun(
  { workflows }: Parts,
  ask: UserAsk<InferOutput<typeof cancelSchema>>,
): Promise<WorkflowRun> {
  const reason = ask.body.reason ?? 'cancelled'
  return workflows.send(...named(ask), { type: 'cancel', by: ask.who.name, reason }, null)
}

export function signalWorkflowRun(
  { workflows }: Parts,
  ask: UserAsk<InferOutput<typeof signalSchema>>,
): Promise<WorkflowRun> {
  const { id, name, value = null } = ask.body
  const key = id === undefined ? null : `signal ${id}`
  return workflows.send(...named(ask), { type: 'signal', name, value: value as Json }, key)
}

export function raiseWorkflowBudget(
  { workflows }: Parts,
  ask: UserAsk<InferOutput<typeof workflowBudgetSchema>>,
): Promise<WorkflowRun> {
  const { microUsd } = ask.body
  return workflows.send(...named(ask), { type: 'budget', microUsd, by: ask.who.name }, null)
}

export async function forkWorkflowRun(
  { workflows }: Parts,
  ask: UserAsk<InferOutput<typeof forkSchema>>,
): Promise<Response> {
  const [org, id] = named(ask)
  const { run, created } = await workflows.fork(org, requesterOf(ask), id, ask.body)
  return json(run, created ? 201 : 200)
}
