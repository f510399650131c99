/** Agent tasks as people see them (TK1, TK20–TK23): asked for, shown, spoken to, stopped, repeated. */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type Now,
  newId,
  type OrgId,
  type ProjectId,
  parseRunId,
  type RandomBytes,
  type RunId,
} from '@meshbook/core/ids.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type {
  NewTask,
  Task,
  TaskDiff,
  TaskExport,
  TaskFile,
  TaskFolder,
  TaskMessage,
} from '@meshbook/core/tasks-api.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import { credentialOf, type Requester } from '../runs/runs.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TaskRow, TaskWish } from '../store/tasks.ts'
import type { Delivery } from './places.ts'
import { exportTask } from './task-export.ts'

export interface TasksPorts {
  store: HubStore
  delivery: Pick<Delivery, 'diff' | 'folder' | 'file' | 'drop'>
  audit: Pick<Audit, 'call' | 'note'>
  /** Where a task says nothing. */
  defaults: { model: string; agent: string; budgetMicroUsd: number }
  /** Beside that of the hub, by their names. */
  agents: ReadonlyMap<string, unknown>
  now: Now
  random: RandomBytes
  /** What was spent for it so far, in millionths of a dollar, by the ledger. */
  spent(org: OrgId, id: RunId): Promise<number>
  /** People wanted something of it. */
  wanted(org: OrgId, id: RunId): void
}

const slugLength = 40

export class Tasks {
  readonly #ports: TasksPorts

  constructor(ports: TasksPorts) {
    this.#ports = ports
  }

  async submit(
    org: OrgId,
    project: ProjectId,
    requester: Requester,
    asked: NewTask,
  ): Promise<{ task: Task; created: boolean }> {
    const { store, now, random, defaults } = this.#ports
    const at = now()
    const id = asked.id ?? parseRunId(newId('run', at, random))
    this.#mustBeAgent(asked.agent ?? defaults.agent)
    if (asked.from) await this.#mustBe(org, asked.from.task, asked.from.turn)
    const words = {
      repo: asked.repo,
      prompt: asked.prompt,
      base: asked.base ?? null,
      branch: `meshbook/${id}/${asked.branch ?? slugOf(asked.prompt)}`,
      agent: asked.agent ?? defaults.agent,
      model: asked.model ?? defaults.model,
      budget: { microUsd: defaults.budgetMicroUsd, ...asked.budget },
      tools: asked.tools ?? {},
      pullRequest: asked.pullRequest ?? true,
      from: asked.from ?? null,
    }
    const { branch: _, ...asHashed } = words
    const hash = createHash('sha256')
      .update(JSON.stringify([asHashed, asked.branch ?? null]))
      .digest('hex')
    const done = await store.call('createTask', {
      ...words,
      ...{ org, id, project, hash, now: at },
      newSession: newId('session', at, random),
      requestedBy: requester.name,
      asker: requester.asker,
      credential: credentialOf(requester.source),
    })
    if (done.created) this.#ports.wanted(org, id)
    return { task: await this.#shown(done.task), created: done.created }
  }

  /** What a task may name here; the first does what names none (TK40). */
  agents(): string[] {
    return [this.#ports.defaults.agent, ...this.#ports.agents.keys()]
  }

  async show(org: OrgId, id: RunId): Promise<Task> {
    return this.#shown(await this.#row(org, id))
  }

  async list(
    a: Parameters<typeof import('../store/tasks.ts').listTasks>[1],
  ): Promise<{ items: Task[]; next: string | null }> {
    const { items, next } = await this.#ports.store.query('listTasks', a)
    return { items: await Promise.all(items.map(task => this.#shown(task))), next }
  }

  async say(org: OrgId, id: RunId, message: { id: string; text: string }, by: string): Promise<TaskMessage> {
    const { store, now, wanted } = this.#ports
    const said = await store.call('sayToTask', { org, id, message: message.id, text: message.text, by, now: now() })
    wanted(org, id)
    return said
  }

  async messages(org: OrgId, id: RunId): Promise<TaskMessage[]> {
    await this.#row(org, id)
    return this.#ports.store.query('messagesOf', { org, id })
  }

  async control(org: OrgId, id: RunId, action: TaskWish['action'], by: string): Promise<Task> {
    const { store, now, wanted } = this.#ports
    const task = await store.call('wishOfTask', { org, id, action, by, now: now() })
    wanted(org, id)
    return this.#shown(task)
  }

  async answer(org: OrgId, id: RunId, input: string | undefined, text: string): Promise<void> {
    await this.#ports.store.call('answerTask', { org, id, input, text })
    this.#ports.wanted(org, id)
  }

  /** The same words again, as a task of its own; or what came after one of its turns said otherwise (TK23). */
  async again(
    org: OrgId,
    requester: Requester,
    of: RunId,
    { id, turn, prompt }: { id?: string | undefined; turn?: number | undefined; prompt?: string | undefined },
  ): Promise<{ task: Task; created: boolean }> {
    const row = await this.#row(org, of)
    const { project, repo, base, agent, model, budget, tools, pullRequest } = row
    const from = turn === undefined ? row.from : { task: of, turn }
    return this.submit(org, project, requester, {
      ...{ repo, prompt: prompt ?? row.prompt, agent, model, budget, tools, pullRequest },
      ...(id !== undefined && { id: parseRunId(id) }),
      ...(base !== null && { base }),
      ...(from !== null && { from }),
    })
  }

  async diff(org: OrgId, id: RunId): Promise<TaskDiff> {
    const task = await this.#row(org, id)
    if (task.state.commit === null) throw new MeshError('NOT_FOUND', { detail: 'the agent has changed nothing so far' })
    return this.#ports.delivery.diff(task)
  }

  async folder(org: OrgId, id: RunId, path: string): Promise<TaskFolder> {
    return this.#ports.delivery.folder(await this.#row(org, id), path)
  }

  async file(org: OrgId, id: RunId, path: string): Promise<TaskFile> {
    return this.#ports.delivery.file(await this.#row(org, id), path)
  }

  async export(org: OrgId, id: RunId, as: TaskExport): Promise<AsyncGenerator<string>> {
    const { store } = this.#ports
    const [task, messages] = [await this.show(org, id), await store.query('messagesOf', { org, id })]
    return exportTask({ store, org, task, messages }, as)
  }

  /** The record first: whatever is killed then, what is left of it is a folder that is swept (TK46). */
  async delete(source: AuditSource, org: OrgId, id: RunId): Promise<void> {
    const { audit, delivery } = this.#ports
    const note = audit.note('task-deleted', source, { org, target: id })
    const gone = await audit.call('deleteTask', { org, id }, note)
    if (!gone) throw new MeshError('NOT_FOUND', { detail: `task ${id}` })
    await delivery.drop({ org, id })
  }

  #mustBeAgent(name: string): void {
    const known = this.agents()
    if (!known.includes(name))
      throw new MeshError('AGENT_UNKNOWN', { detail: `${name}; there are: ${known.join(', ')}` })
  }

  async #mustBe(org: OrgId, id: RunId, turn: number): Promise<void> {
    const { state } = await this.#row(org, id)
    if (turn > state.turn) throw new MeshError('BAD_REQUEST', { detail: `task ${id} has ${state.turn} turns` })
  }

  async #row(org: OrgId, id: RunId): Promise<TaskRow> {
    const task = await this.#ports.store.query('findTask', { org, id })
    if (!task) throw new MeshError('NOT_FOUND', { detail: `task ${id}` })
    return task
  }

  async #shown(row: TaskRow): Promise<Task> {
    const { state } = row
    return {
      ...{ id: row.id, project: row.project, repo: row.repo, prompt: row.prompt, base: row.base, branch: row.branch },
      ...{ agent: row.agent, model: row.model, budget: row.budget, reasons: row.reasons, from: row.from },
      ...{ requestedBy: row.requestedBy, requestedAt: row.requestedAt, startedAt: row.startedAt, endedAt: row.endedAt },
      state: stateOf(row),
      queuePosition: row.position,
      turn: state.turn,
      usage: state.usage,
      microUsd: await this.#ports.spent(row.org, row.id),
      commit: state.commit,
      changed: state.changed,
      pullRequest: state.pullRequest,
    } as Task
  }
}

function stateOf({ status, state }: TaskRow): Task['state'] {
  if (hasEnded(status)) return status as Task['state']
  if (status === 'queued') return 'queued'
  if (status === 'leased') return 'starting'
  if (status === 'waiting-for-gate' || status === 'waiting-for-input') return 'waiting'
  return state.paused ? 'paused' : 'working'
}

/** A few words of the prompt, as a branch may be called. */
export function slugOf(prompt: string): string {
  const words = prompt
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  return words.slice(0, slugLength).replaceAll(/-+$/g, '') || 'work'
}
