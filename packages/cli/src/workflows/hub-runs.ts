/** Runs of workflows that a hub carries on: given to it, shown as they go there, and told what people want of them. */
import { randomBytes } from 'node:crypto'
import { listOf } from '@meshbook/core/api.ts'
import { asMeshError, exitCodes, MeshError } from '@meshbook/core/errors.ts'
import { newId } from '@meshbook/core/ids.ts'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import { noWorkflowState, stepWorkflow, type WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import {
  type WorkflowFiles,
  type WorkflowRun,
  workflowFilesSchema,
  workflowRunSchema,
} from '@meshbook/core/workflows-api.ts'
import type { PinnedFiles } from '@meshbook/engine/workflow/pinned-files.ts'
import { namedFiles } from '@meshbook/hub/workflows/named-files.ts'
import { type ApiClient, findHub } from '../api-client.ts'
import type { DataFolder } from '../data-folder.ts'
import { printJson, say } from '../print.ts'
import { exitOf, sayWaits } from './run-end.ts'
import { onSignals } from './run-signals.ts'
import { type RunView, runView } from './run-view.ts'

export interface Following {
  json: boolean
  /** Whether the end is waited for where only people can go on. */
  waiting: 'stay' | 'leave'
}

/** A run that says nothing for so long is asked whether it waits for people. */
const quietMs = 1_000
const route = '/workflow-runs'

export class HubRuns {
  readonly #client: ApiClient
  readonly #hub: string

  constructor(client: ApiClient, hub: string) {
    this.#client = client
    this.#hub = hub
  }

  /** Throws UNREACHABLE, which names the switch: what was to run at a hub runs nowhere else by itself. */
  static async open(folder: DataFolder, make: (hub: { hub: string; token: string }) => ApiClient): Promise<HubRuns> {
    try {
      const found = await findHub({}, folder)
      return new HubRuns(make(found), found.hub)
    } catch (thrown) {
      throw withSwitch(asMeshError(thrown))
    }
  }

  /** Answers with the exit code. */
  async start(
    { files, inputs }: { files: PinnedFiles; inputs: { [name: string]: Json } },
    following: Following,
  ): Promise<number> {
    const body = { id: newId('run', Date.now(), randomBytes), ...namedFiles(files), inputs }
    const run = await this.#client.post(route, body, workflowRunSchema).catch(thrown => {
      throw withSwitch(asMeshError(thrown))
    })
    if (!following.json) say(`${run.name} is ${run.id} at ${this.#hub}`)
    return this.follow(run.id, following)
  }

  /** From its beginning on, to its end, or to where only people can go on. */
  async follow(id: string, following: Following): Promise<number> {
    const view = runView(id, { json: following.json, written: 0 })
    const stop = new AbortController()
    const undo = onSignals(() => this.#tell(id, 'cancel', { reason: 'cancelled at the terminal' }), stop, view)
    try {
      return await this.#watch(id, following, view, stop.signal)
    } finally {
      stop.abort()
      undo()
    }
  }

  list(): Promise<{ items: WorkflowRun[] }> {
    return this.#client.get(route, listOf(workflowRunSchema))
  }

  /** What it is pinned to. */
  files(id: string): Promise<WorkflowFiles> {
    return this.#client.get(`${route}/${encodeURIComponent(id)}/files`, workflowFilesSchema)
  }

  cancel(id: string): Promise<WorkflowRun> {
    return this.#tell(id, 'cancel', { reason: 'cancelled' })
  }

  /** The same `key` again changes nothing. */
  signal(id: string, name: string, value: Json, key: string): Promise<WorkflowRun> {
    return this.#tell(id, 'signals', { id: key, name, value })
  }

  budget(id: string, microUsd: number): Promise<WorkflowRun> {
    return this.#tell(id, 'budget', { microUsd })
  }

  async fork(id: string, step: string, inputs: { [name: string]: Json }, following: Following): Promise<number> {
    const run = await this.#tell(id, 'fork', { id: newId('run', Date.now(), randomBytes), step, inputs })
    if (!following.json) say(`${run.name} is ${run.id} at ${this.#hub}`)
    return this.follow(run.id, following)
  }

  #tell(id: string, what: string, body: object): Promise<WorkflowRun> {
    return this.#client.post(`${route}/${encodeURIComponent(id)}/${what}`, body, workflowRunSchema)
  }

  async #watch(id: string, { json, waiting }: Following, view: RunView, signal: AbortSignal): Promise<number> {
    const events = this.#client.events(id, 0, signal)
    let state: WorkflowState = noWorkflowState
    let seq = 0
    let next = events.next()
    for (;;) {
      const came = waiting === 'stay' ? await next : await within(quietMs, next)
      if (came === undefined) {
        const waits = await this.#waitsForPeople(id, seq)
        if (waits.length > 0) return leftWith(id, waits, json)
        continue
      }
      if (came.done) return this.#leftAt(id, state, json)
      const { seq: number, event } = came.value
      seq = number
      state = stepWorkflow(state, event)
      view.events([event], state)
      next = events.next()
      if (state.isOver) return said(state, json)
    }
  }

  /** What only people can change, of a run that has told all it has to tell. */
  async #waitsForPeople(id: string, seq: number): Promise<string[]> {
    const run = await this.#client.get(`${route}/${encodeURIComponent(id)}`, workflowRunSchema)
    return run.seq > seq ? [] : run.waits.filter(wait => wait !== 'place')
  }

  #leftAt(id: string, state: WorkflowState, json: boolean): number {
    if (state.isOver) return exitOf(state)
    if (json) printJson({ run: id, status: 'left', waits: [] })
    else say(`It goes on at ${this.#hub}. \`meshbook workflow resume ${id} --execution cloud\` follows it again.`)
    return exitCodes.interrupted
  }
}

/** Undefined where it takes longer; it goes on then. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, ms, undefined)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

function withSwitch(error: MeshError): MeshError {
  if (error.code !== 'UNREACHABLE') return error
  const detail = `${error.detail ?? 'no hub answers'}; \`--execution local\` runs it on this machine`
  return new MeshError('UNREACHABLE', { detail, cause: error })
}

function leftWith(id: string, waits: readonly string[], json: boolean): number {
  if (json) printJson({ run: id, status: 'waits', waits })
  else sayWaits(id, waits, 'hub')
  return exitCodes.waitsForGate
}

function said(state: WorkflowState, json: boolean): number {
  const { output } = state.ended!
  if (!json && output && 'value' in output) process.stdout.write(`${JSON.stringify(output.value, null, 2)}\n`)
  return exitOf(state)
}
