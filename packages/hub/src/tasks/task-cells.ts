/**
 * Cells that agents ask for (TK50–TK57): decides whether one may run, has it run in the name of the user who asked for
 * the task, and tells what became of it. It believes nothing of the worker but which call it asks for.
 */
import { createHash } from 'node:crypto'
import type { Run } from '@meshbook/core/api.ts'
import type { FromWorker, ToWorker } from '@meshbook/core/broker.ts'
import { type CellRequest, cellMs, cellWords } from '@meshbook/core/cell-request.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId, Fence, Now, OrgId, ProjectId, RunId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { RunRequest } from '@meshbook/core/messages.ts'
import { demandsOf } from '@meshbook/core/notebook/demands.ts'
import { findFrontMatter, readFrontMatter } from '@meshbook/core/notebook/front-matter.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import { Wake } from '@meshbook/relay/serve/wake.ts'
import type { Access, Place } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import type { Documents } from '../documents/documents.ts'
import type { Log } from '../log.ts'
import { type AskerOfRun, askerOfRun } from '../runs/asker-of-run.ts'
import type { RunFeeds } from '../runs/run-feeds.ts'
import type { Requester, Runs } from '../runs/runs.ts'
import { checkStands } from '../runs/standing-cell.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { OpenTaskCell, TaskCell } from '../store/task-cells.ts'
import { outputOfRun } from './cell-output.ts'
import { whyStop } from './next-step.ts'

type Ask = Extract<FromWorker, { type: 'cell' }>
export type CellAnswer = Extract<ToWorker, { type: 'cell-began' | 'cell-ended' | 'cell-refused' }>
type Tell = (answer: CellAnswer) => Promise<void>

export interface TaskOfWorker {
  org: OrgId
  id: RunId
  fence: Fence
}

export interface TaskCellsPorts {
  store: HubStore
  access: Pick<Access, 'demand'>
  documents: Pick<Documents, 'at' | 'content'>
  runs: Pick<Runs, 'submit' | 'cancel'>
  feeds: RunFeeds
  times: Pick<Limits, 'taskStopMs' | 'workerLookMs'>
  now: Now
  log: Log
}

/** Paths that are named where there is no notebook at the one that was asked for. */
const namedPaths = 30

export class TaskCells {
  readonly #ports: TaskCellsPorts

  constructor(ports: TaskCellsPorts) {
    this.#ports = ports
  }

  /** It may run, and does, or did before: throws why not (TK50–TK53). */
  async begin(task: TaskOfWorker, { call, request }: Ask): Promise<TaskCell> {
    const { store, now } = this.#ports
    const asker = await this.#askerOf(task)
    const row = await store.query('findTask', { org: task.org, id: task.id })
    if (!row) throw new MeshError('NOT_FOUND', { detail: `task ${task.id}` })
    const place = await this.#ports.access.demand(asker.who, { kind: 'project', id: row.project }, 'run')
    const { org } = task
    if (place.org !== org) throw new MeshError('FORBIDDEN', { detail: 'the project of the task is of somebody else' })
    const digest = createHash('sha256').update(cellWords(request)).digest('hex')
    const asked = { org, task: task.id, fence: task.fence, call, digest }
    // Before anything is looked up: whoever may not run it learns nothing of the project.
    const known = await store.query('judgeTaskCell', asked)
    // One that runs already needs no notebook: that may have been moved since.
    const isThere = known !== null && (await this.#shown(known)) !== null
    const whole = isThere ? undefined : await this.#requestOf(place, row.project, asker.who, request)
    const at = now()
    const cell = await store.call('allowTaskCell', { ...asked, now: at, endsAt: at + cellMs(request) })
    if (whole) await this.#submit(cell, asker, whole)
    return cell
  }

  /** Tells what becomes of it until the worker is gone; the run goes on then, and whoever asks next is told (TK54). */
  async follow(cell: TaskCell, tell: Tell, gone: AbortSignal): Promise<void> {
    const run = await this.#ended(cell, tell, gone)
    if (run && !gone.aborted) await tell(await this.#told(cell, run))
  }

  /** Nobody waits for it any more (TK56). */
  async stop({ org, id: task }: TaskOfWorker, call: string, why: string): Promise<CellAnswer> {
    const cell = await this.#ports.store.query('findTaskCell', { org, task, call })
    const run = cell && (await this.#shown(cell))
    if (!cell || !run) throw new MeshError('NOT_FOUND', { detail: 'it had not begun' })
    if (!hasEnded(run.status)) await this.#cancel(cell, why)
    return this.#told(cell, (await this.#shown(cell)) ?? run)
  }

  /** The task ends: so does what it has under way. */
  async settle(org: OrgId, task: RunId, why: string): Promise<void> {
    for (const cell of await this.#ports.store.query('openTaskCells', { org, task })) await this.#end(cell, () => why)
  }

  /** Somebody wants something of the task. */
  async heardOf(org: OrgId, id: RunId): Promise<void> {
    const task = await this.#ports.store.query('findTask', { org, id })
    const stop = task && whyStop(task)
    if (stop) await this.settle(org, id, `its task was ${stop}`)
  }

  /** Ends those whose time is over, whoever waits for them (TK55). */
  async look(): Promise<void> {
    const { store, now } = this.#ports
    for (const cell of await store.query('overdueTaskCells', { now: now() })) await this.#end(cell, whyLate)
  }

  /** A stop may have come since it was allowed (TK56). */
  async #submit(cell: TaskCell, asker: Requester, request: RunRequest): Promise<void> {
    const { store, runs, now } = this.#ports
    if (cell.endsAt <= now()) throw new MeshError('TIMEOUT', { detail: 'its time was over before it began' })
    // Where it waits beyond its time it is cancelled, so that it never asks whether it is still wanted.
    const expiresAt = cell.endsAt + limits.runAskMs
    await runs.submit(cell.org, asker, { ...request, id: cell.run, expiresAt })
    const task = await store.query('findTask', { org: cell.org, id: cell.task })
    const isOver = !task || hasEnded(task.status) || task.state.finished !== null
    if (isOver || whyStop(task) !== undefined) await this.#cancel(cell, 'its task ends')
  }

  /** With the rights of then (TK53). */
  async #askerOf({ org, id }: TaskOfWorker): Promise<AskerOfRun> {
    const asker = await askerOfRun(this.#ports.store, org, id)
    if (!asker) throw new MeshError('FORBIDDEN', { detail: 'whoever asked for the task, or the token for it, is gone' })
    return asker
  }

  async #requestOf(
    { org, rights }: Place,
    project: ProjectId,
    who: Principal,
    request: CellRequest,
  ): Promise<RunRequest> {
    const { access, documents } = this.#ports
    const document = await documents.at(org, project, request.notebook)
    if (document === undefined) throw await this.#noNotebook(org, project, request.notebook)
    await access.demand(who, { kind: 'document', id: document }, 'run')
    const text = await documents.content(org, document)
    if (!rights.has('write')) checkStands(text, request)
    return runRequestOf(document, text, request)
  }

  async #noNotebook(org: OrgId, project: ProjectId, path: string): Promise<MeshError> {
    const page = await this.#ports.store.query('listDocuments', { org, project, after: '', rows: namedPaths })
    const paths = page.items.map(item => item.path)
    const there = paths.length === 0 ? 'it has none' : `there are: ${paths.join(', ')}`
    return new MeshError('NOT_FOUND', { detail: `no notebook ${path} in the project; ${there}` })
  }

  /** Undefined where the worker has gone before. A device that does not stop is not waited for. */
  async #ended(cell: TaskCell, tell: Tell, gone: AbortSignal): Promise<Run | undefined> {
    const { feeds, times, now } = this.#ports
    const wake = new Wake()
    let grew = false
    const stopWatching = feeds.watch(cell.org, cell.run, grown => {
      if (grown && !grown.ended) return
      grew = true
      wake.wake()
    })
    try {
      let told = ''
      let isLate = false
      while (!gone.aborted) {
        grew = false
        const run = await this.#shown(cell)
        if (!run) throw new MeshError('NOT_FOUND', { detail: `run ${cell.run}` })
        const left = cell.endsAt - now()
        if (hasEnded(run.status) || left <= -times.taskStopMs) return run
        const words = JSON.stringify(whyItWaits(run))
        if (words !== told) await tell({ type: 'cell-began', call: cell.call, run: cell.run, reasons: whyItWaits(run) })
        told = words
        if (left <= 0 && !isLate) await this.#cancel(cell, whyLate(run))
        isLate = left <= 0
        const pauseMs = left > 0 ? Math.min(left, times.workerLookMs) : times.workerLookMs
        if (!grew) await wake.sleep(AbortSignal.any([gone, AbortSignal.timeout(Math.ceil(pauseMs))]))
      }
      return undefined
    } finally {
      stopWatching()
    }
  }

  async #told(cell: TaskCell, run: Run): Promise<Extract<CellAnswer, { type: 'cell-ended' }>> {
    const { store } = this.#ports
    const { org, task, call } = cell
    const { text, reason } = await outputOfRun(store, org, run.id)
    const isOver = hasEnded(run.status)
    if (isOver) await store.call('closeTaskCell', { org, task, call })
    const why = isOver ? reason : 'It was told to stop, and its device does not answer: it may go on there.'
    return {
      ...{ type: 'cell-ended', call, run: run.id, status: run.status, device: run.deviceName, text },
      reason: why || (run.status === 'completed' ? '' : (run.error?.message ?? run.reasons.join(' '))),
    }
  }

  #shown({ org, run }: TaskCell): Promise<Run | null> {
    return this.#ports.store.query('showRun', { org, id: run })
  }

  async #end(cell: OpenTaskCell, why: (run: Run) => string): Promise<void> {
    const { org, task, call, isCancelled, endsAt } = cell
    const { store, now, times } = this.#ports
    const run = await this.#shown(cell)
    // One that was allowed a moment ago may be on its way: whoever brings it looks at the task once more.
    const isNone = run === null && endsAt + times.taskStopMs < now()
    if (isNone || (run && hasEnded(run.status))) await store.call('closeTaskCell', { org, task, call })
    else if (run && !isCancelled) await this.#cancel(cell, why(run))
  }

  /** One that has ended meanwhile has ended. */
  async #cancel({ org, run }: TaskCell, why: string): Promise<void> {
    try {
      await this.#ports.runs.cancel(org, run, why.trim())
    } catch (thrown) {
      const error = asMeshError(thrown)
      if (error.code !== 'RUN_ENDED') throw error
    }
  }
}

/** What it waited for is why nothing came of it. */
function whyLate({ status, reasons }: Run): string {
  return status === 'queued'
    ? `It had not begun when its time was over. ${reasons.join(' ')}`
    : 'It took longer than it may.'
}

function whyItWaits({ status, reasons }: Run): string[] {
  if (status === 'queued') return reasons
  if (status === 'waiting-for-input') return ['It asks for input, which a person may give.']
  if (status === 'waiting-for-gate') return ['It asks for a decision of a person.']
  return []
}

/** The notebook says where it runs; what was asked for goes before that. It is begun once, whatever the notebook says. */
function runRequestOf(document: DocumentId, text: string, request: CellRequest): RunRequest {
  const { language, code, device } = request
  const found = findFrontMatter(text)
  const frontMatter = found && readFrontMatter(found.yaml)
  const session = request.session ?? frontMatter?.session
  const demands = demandsOf(frontMatter, language)
  return {
    ...{ document, language, code, timeoutMs: cellMs(request) },
    ...demands,
    ...(session !== undefined && { session }),
    ...(device !== undefined && { runsOn: device }),
    onLoss: demands.onLoss === 'resume' ? 'resume' : 'interrupt',
  }
}
