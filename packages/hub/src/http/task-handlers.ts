/** Agent tasks: who may run in a project may give one to an agent there. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type ProjectId, parseId, parseRunId } from '@meshbook/core/ids.ts'
import type {
  NewTask,
  newTaskMessageSchema,
  repeatTaskSchema,
  Task,
  TaskDiff,
  taskControlSchema,
} from '@meshbook/core/tasks-api.ts'
import { cursorOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import type { Requester } from '../runs/runs.ts'
import { json, param, placeOf, type UserAsk } from './route.ts'

const idOf = (ask: UserAsk<unknown>) => parseRunId(param(ask, 'id'))

function requesterOf(ask: UserAsk<unknown>): Requester {
  const { org, user, name } = ask.who
  return { name, asker: { org, user }, source: ask }
}

export async function createTask(parts: Parts, ask: UserAsk<NewTask>): Promise<Response> {
  const { access, tasks } = parts
  const project = ask.body.project ?? (await firstProject(parts, ask))
  const { org } = await access.demand(ask.who, { kind: 'project', id: project }, 'run')
  if (ask.body.from) await mustSee(parts, ask, ask.body.from.task)
  const { task, created } = await tasks.submit(org, parseId('project', project), requesterOf(ask), ask.body)
  return json(task, created ? 201 : 200)
}

async function firstProject({ store }: Parts, { who }: UserAsk<unknown>): Promise<ProjectId> {
  const [first] = await store.query('listProjects', { org: who.org })
  if (!first) throw new MeshError('BAD_REQUEST', { detail: 'project: you have none yet' })
  return first.id
}

async function mustSee({ access }: Parts, ask: UserAsk<unknown>, task: string): Promise<void> {
  await access.demand(ask.who, { kind: 'run', id: task }, 'read')
}

export async function listTasks({ tasks, access }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const project = query.get('project') ?? undefined
  if (project !== undefined) await access.demand(who, { kind: 'project', id: project }, 'read')
  const before = cursorOf(query)
  const asker = { org: who.org, user: who.user }
  const { items, next } = await tasks.list({
    asker,
    project,
    open: query.get('open') === '1',
    before,
    rows: rowsOf(query),
  })
  return next === null ? { items } : { items, next }
}

export function getTask({ tasks }: Parts, ask: UserAsk<undefined>): Promise<Task> {
  return tasks.show(placeOf(ask).org, idOf(ask))
}

export async function sayToTask(
  { tasks }: Parts,
  ask: UserAsk<InferOutput<typeof newTaskMessageSchema>>,
): Promise<Response> {
  return json(await tasks.say(placeOf(ask).org, idOf(ask), ask.body, ask.who.name), 201)
}

export async function listTaskMessages({ tasks }: Parts, ask: UserAsk<undefined>): Promise<object> {
  return { items: await tasks.messages(placeOf(ask).org, idOf(ask)) }
}

export function controlTask({ tasks }: Parts, ask: UserAsk<InferOutput<typeof taskControlSchema>>): Promise<Task> {
  return tasks.control(placeOf(ask).org, idOf(ask), ask.body.action, ask.who.name)
}

export async function repeatTask(
  { tasks }: Parts,
  ask: UserAsk<InferOutput<typeof repeatTaskSchema>>,
): Promise<Response> {
  const { task, created } = await tasks.again(placeOf(ask).org, requesterOf(ask), idOf(ask), ask.body)
  return json(task, created ? 201 : 200)
}

export function taskDiff({ tasks }: Parts, ask: UserAsk<undefined>): Promise<TaskDiff> {
  return tasks.diff(placeOf(ask).org, idOf(ask))
}
