/** Runs of workflows as people see them (WQ1–WQ3, WQ20–WQ22): asked for, shown, spoken to, forked. */
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
import { limits } from '@meshbook/core/limits.ts'
import type { RunError, RunEvent } from '@meshbook/core/run.ts'
import { ExpressionError } from '@meshbook/core/workflow/expression.ts'
import type { WorkflowEvent } from '@meshbook/core/workflow/workflow-events.ts'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import { noWorkflowState, stepWorkflow, type WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import type { NewWorkflowRun, WorkflowFiles, WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { keptFor } from '@meshbook/engine/workflow/fork.ts'
import { definitionsOf, type PinnedFiles } from '@meshbook/engine/workflow/pinned-files.ts'
import { inputsFor } from '@meshbook/engine/workflow/plan.ts'
import { sentSchema } from '@meshbook/engine/workflow/sent.ts'
import * as v from 'valibot'
import { credentialOf, type Requester } from '../runs/runs.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { NewSent } from '../store/workflow-inbox.ts'
import type { WorkflowRunRow } from '../store/workflow-runs.ts'
import { refuseUnavailable } from './hub-steps.ts'
import { namedFiles } from './named-files.ts'
import { type Kept, newRun } from './new-run.ts'
import { pinFiles } from './pin-files.ts'

export interface WorkflowsPorts {
  store: HubStore
  now: Now
  random: RandomBytes
  /** A run is new, or something was sent to it. */
  wanted(org: OrgId, id: RunId): void
}

type Inputs = { [name: string]: Json }

interface Opening {
  id: RunId | undefined
  files: PinnedFiles
  inputs: Inputs
  fork?: { run: RunId; step: string; kept: Kept[] }
}

export class Workflows {
  readonly #ports: WorkflowsPorts

  constructor(ports: WorkflowsPorts) {
    this.#ports = ports
  }

  submit(
    org: OrgId,
    project: ProjectId,
    requester: Requester,
    { id, file, files, inputs = {} }: NewWorkflowRun,
  ): Promise<{ run: WorkflowRun; created: boolean }> {
    const opening = { id: id === undefined ? undefined : parseRunId(id), files: pinFiles(file, files) }
    return this.#open(org, project, requester, { ...opening, inputs: inputs as Inputs })
  }

  async #open(
    org: OrgId,
    project: ProjectId,
    requester: Requester,
    { id: wanted, files, inputs, fork }: Opening,
  ): Promise<{ run: WorkflowRun; created: boolean }> {
    const { store, now, random } = this.#ports
    const definitions = definitionsOf(files)
    refuseUnavailable(definitions.all)
    const at = now()
    const id = wanted ?? parseRunId(newId('run', at, random))
    const workflow = definitions.of(files.hash)
    const opening = { id, project, files, workflow, inputs: checkedInputs(() => inputsFor(workflow, inputs)) }
    const { name, asker, source } = requester
    const { run, created } = await store.call('createWorkflowRun', {
      ...newRun({ ...opening, org, name, asker, credential: credentialOf(source), fork }, { now: at, random }),
    })
    if (created) this.#ports.wanted(org, id)
    return { run: shown(run), created }
  }

  async show(org: OrgId, id: RunId): Promise<WorkflowRun> {
    return shown(await this.#row(org, id))
  }

  async files(org: OrgId, id: RunId): Promise<WorkflowFiles> {
    await this.#row(org, id)
    const page = await this.#ports.store.query('readEvents', { org, id, after: 0, mostBytes: 1 })
    const began = page?.events.map(({ text }) => stepWorkflow(noWorkflowState, JSON.parse(text) as RunEvent).began)[0]
    if (!began) throw new MeshError('CONFLICT', { detail: `run ${id} has not begun` })
    return namedFiles(await this.#pinned(org, began))
  }

  async #pinned(
    org: OrgId,
    { definition: hash, children }: Extract<WorkflowEvent, { type: 'began' }>,
  ): Promise<PinnedFiles> {
    const hashes = [hash, ...children.map(child => child.definition)]
    return { hash, children, texts: new Map(await this.#ports.store.query('workflowDefinitions', { org, hashes })) }
  }

  async list(
    a: Parameters<typeof import('../store/workflow-runs.ts').listWorkflowRuns>[1],
  ): Promise<{ items: WorkflowRun[]; next: string | null }> {
    const { items, next } = await this.#ports.store.query('listWorkflowRuns', a)
    return { items: items.map(shown), next }
  }

  /** With a key, the same thing sent again changes nothing (WQ20). */
  async send(org: OrgId, id: RunId, item: NewSent, key: string | null): Promise<WorkflowRun> {
    const { store, now, wanted } = this.#ports
    const { success, output, issues } = v.safeParse(sentSchema, { ...item, inbox: 1 })
    if (!success) throw new MeshError('BAD_REQUEST', { detail: issues[0].message })
    if (JSON.stringify(output).length > limits.workflowInlineBytes)
      throw new MeshError('TOO_LARGE', {
        detail: `what is sent to a run has at most ${limits.workflowInlineBytes / 1024} KiB`,
      })
    await store.call('sendToWorkflow', { org, id, item, key, now: now() })
    wanted(org, id)
    return this.show(org, id)
  }

  /** A new run that keeps what is not behind the step. */
  async fork(
    org: OrgId,
    requester: Requester,
    of: RunId,
    {
      id,
      step,
      inputs = {},
    }: { id?: string | undefined; step: string; inputs?: { [name: string]: unknown } | undefined },
  ): Promise<{ run: WorkflowRun; created: boolean }> {
    const row = await this.#row(org, of)
    const { began, ...state } = await this.#state(org, of)
    if (!began) throw new MeshError('CONFLICT', { detail: `run ${of} has not begun` })
    const files = await this.#pinned(org, began)
    const { kept, inputs: before } = keptFor(definitionsOf(files).of(files.hash), { began, ...state }, step)
    return this.#open(org, row.project, requester, {
      id: id === undefined ? undefined : parseRunId(id),
      files,
      inputs: { ...before, ...(inputs as Inputs) },
      fork: { run: of, step, kept },
    })
  }

  async #state(org: OrgId, id: RunId): Promise<WorkflowState> {
    let state = noWorkflowState
    for (let after = 0; ; ) {
      const page = await this.#ports.store.query('readEvents', {
        ...{ org, id, after, mostBytes: limits.workflowLogPageBytes },
      })
      for (const { seq, text } of page?.events ?? []) {
        state = stepWorkflow(state, JSON.parse(text) as RunEvent)
        after = seq
      }
      if (!page || page.events.length === 0 || after >= page.seq) return state
    }
  }

  async #row(org: OrgId, id: RunId): Promise<WorkflowRunRow> {
    const run = await this.#ports.store.query('findWorkflowRun', { org, id })
    if (!run) throw new MeshError('NOT_FOUND', { detail: `run ${id}` })
    return run
  }
}

function checkedInputs<T>(inputs: () => T): T {
  try {
    return inputs()
  } catch (thrown) {
    if (thrown instanceof ExpressionError) throw new MeshError('BAD_WORKFLOW', { detail: thrown.message })
    throw thrown
  }
}

function shown(row: WorkflowRunRow): WorkflowRun {
  const { id, project, name, definition, status, seq, requestedBy, requestedAt, startedAt, endedAt, trigger } = row
  return {
    ...{ id, project, name, definition, status, seq, requestedBy, requestedAt, startedAt, endedAt, trigger },
    waits: row.waits === '' ? [] : row.waits.split(','),
    dueAt: row.executor === null ? row.dueAt : null,
    error: row.error === null ? null : (JSON.parse(row.error) as RunError),
  } as WorkflowRun
}
