/** Agent tasks: who may run in a project may give one to an agent there. */
import { Readable } from 'node:stream'
import { MeshError } from '@meshbook/core/errors.ts'
import { type ProjectId, parseId, parseRunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import {
  type NewTask,
  type newTaskMessageSchema,
  type repeatTaskSchema,
  type Task,
  type TaskDiff,
  type TaskExport,
  type TaskFile,
  type TaskFolder,
  type taskControlSchema,
  taskExports,
  taskStates,
} from '@meshbook/core/tasks-api.ts'
import { attachmentNamed } from '@meshbook/relay/serve/content-disposition.ts'
import { cursorOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import type { Requester } from '../runs/runs.ts'
import { json, param, placeOf, type UserAsk } from './route.ts'

const idOf = (ask: UserAsk<unknown>) => parseRunId(param(ask, 'id'))

export function requesterOf(ask: UserAsk<unknown>): Requester {
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

export async function firstProject({ store }: Parts, { who }: UserAsk<unknown>): Promise<ProjectId> {
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
    find: wordsOf(query.get('find') ?? ''),
    state: stateOf(query.get('state')),
    before,
    rows: rowsOf(query),
  })
  return next === null ? { items } : { items, next }
}

const mostWords = 10

function wordsOf(text: string): string[] {
  if (text.length > limits.nameChars)
    throw new MeshError('BAD_REQUEST', { detail: `find: at most ${limits.nameChars} characters` })
  return text.split(/\s+/).filter(Boolean).slice(0, mostWords)
}

function stateOf(text: string | null): Task['state'] | undefined {
  const state = taskStates.find(one => one === text)
  if (text === null || text === '' || state) return state
  throw new MeshError('BAD_REQUEST', { detail: `state: expected one of ${taskStates.join(', ')}` })
}

export function listTaskAgents({ tasks }: Parts): object {
  return { items: tasks.agents().map(name => ({ name })) }
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

export function getTaskFolder({ tasks }: Parts, ask: UserAsk<undefined>): Promise<TaskFolder> {
  return tasks.folder(placeOf(ask).org, idOf(ask), ask.query.get('path') ?? '')
}

export function getTaskFile({ tasks }: Parts, ask: UserAsk<undefined>): Promise<TaskFile> {
  return tasks.file(placeOf(ask).org, idOf(ask), ask.query.get('path') ?? '')
}

const endings: Record<TaskExport, [string, string]> = {
  markdown: ['md', 'text/markdown; charset=utf-8'],
  json: ['json', 'application/json'],
}

export async function exportTask({ tasks }: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const wanted = ask.query.get('as') ?? 'markdown'
  const as = taskExports.find(one => one === wanted)
  if (!as) throw new MeshError('BAD_REQUEST', { detail: `as: expected ${taskExports.join(' or ')}` })
  const id = idOf(ask)
  const text = Readable.from(await tasks.export(placeOf(ask).org, id, as), { objectMode: false })
  const [ending, type] = endings[as]
  return new Response(Readable.toWeb(text) as ReadableStream<Uint8Array>, {
    headers: {
      'content-type': type,
      'content-disposition': attachmentNamed(`${id}.${ending}`),
      'cache-control': 'no-store',
    },
  })
}

export function deleteTask({ tasks }: Parts, ask: UserAsk<undefined>): Promise<void> {
  return tasks.delete(ask, placeOf(ask).org, idOf(ask))
}
