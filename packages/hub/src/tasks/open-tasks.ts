/** The parts of the hub that work on tasks, put together: queue, channels of workers, and what people do with tasks. */
import type { TaskOrder, TaskProgram, TaskToolServer } from '@meshbook/core/broker.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, Now, OrgId, RandomBytes, RunId, WorkerId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { WebSocket } from 'ws'
import { collectRegularly } from '../assets/collect-regularly.ts'
import type { HubEvents } from '../hub-events.ts'
import type { Log } from '../log.ts'
import type { RunFeeds } from '../runs/run-feeds.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TaskRow } from '../store/tasks.ts'
import { clearLeftTasks } from './left-tasks.ts'
import type { Delivery, TaskPlaces, WorkerLines } from './places.ts'
import { TaskCells, type TaskCellsPorts } from './task-cells.ts'
import { TaskChannel } from './task-channel.ts'
import { TaskQueue } from './task-queue.ts'
import { Tasks, type TasksPorts } from './tasks.ts'

export interface TaskAssets {
  keep(task: TaskRow, asset: AssetId, bytes: Uint8Array): Promise<void>
  load(org: OrgId, asset: AssetId): Promise<Uint8Array | null>
}

/** What is outside of the store; made with the name of this hub and with who takes the channels of workers. */
export interface TaskWork {
  places: TaskPlaces
  /** Looks after its workers until the returned function is called. */
  begin?(): () => Promise<void>
  /** The broker's half of a worker on another host; false for who is not that worker. */
  admit?(who: { worker: WorkerId; token: string }, socket: WebSocket): Promise<boolean>
  delivery: Delivery
  wireOf(model: string): TaskOrder['wire']
  spent: TasksPorts['spent']
  /** How the worker's git reaches its repository. */
  repoOf(task: TaskRow): string
  /** Bytes that are too large for an event; null for what is not there. */
  assets: TaskAssets
}
export type OpenTaskWork = (hub: string, accept: (worker: WorkerId, lines: WorkerLines) => void) => TaskWork

export interface OpenTasksPorts {
  hub: string
  most: number
  defaults: TasksPorts['defaults']
  agents: ReadonlyMap<string, TaskProgram>
  toolServers: readonly TaskToolServer[]
  store: HubStore
  audit: TasksPorts['audit']
  events: HubEvents
  feeds: RunFeeds
  times: Limits
  now: Now
  random: RandomBytes
  log: Log
  gatesChanged(org: OrgId, run: RunId): void
  grewElsewhere(org: OrgId, run: RunId): void
  access: TaskCellsPorts['access']
  documents: TaskCellsPorts['documents']
  runs: TaskCellsPorts['runs']
  /** Absent where this hub works on none. */
  work: OpenTaskWork | undefined
}

export interface OpenTasks {
  tasks: Tasks
  /** Something about a task has changed, here or at another hub. */
  heardOf(id: RunId): void
  begin(): () => Promise<void>
  admit: NonNullable<TaskWork['admit']>
}

export function openTasks(ports: OpenTasksPorts): OpenTasks {
  const { store, log, now, feeds, events, gatesChanged, grewElsewhere } = ports
  const channels = new Map<WorkerId, TaskChannel>()
  const work = (ports.work ?? noWork)(ports.hub, accept)
  const lookAt = (id: RunId): void => {
    for (const channel of channels.values())
      if (channel.task?.id === id)
        channel
          .look()
          .catch((thrown: unknown) => log.warn({ err: asMeshError(thrown), task: id }, 'an agent was not told'))
  }
  const show = (org: OrgId, id: RunId): void => {
    feeds.grew(org, id)
    grewElsewhere(org, id)
    store
      .query('showRun', { org, id })
      .then(run => {
        if (!run) return
        const { code: _, ...shown } = run
        events.publish(org, { type: 'run', run: shown })
      })
      .catch((thrown: unknown) => log.warn({ err: asMeshError(thrown), task: id }, 'a task was not shown'))
  }
  const cells = new TaskCells(ports)
  const settleCells = (org: OrgId, id: RunId): Promise<void> => cells.settle(org, id, 'its task has ended')
  const queue = new TaskQueue({
    ...ports,
    ...work,
    settleCells,
    lookAtCells: () => cells.look(),
    changed: show,
    closed: worker => {
      channels.get(worker)?.close()
      channels.delete(worker)
    },
  })
  const orderOf = (task: TaskRow): TaskOrder => ({
    ...{ task: task.id, fence: task.fence!, prompt: task.prompt, by: task.requestedBy, agent: task.agent },
    ...(task.asker !== null && { asker: task.asker }),
    ...{ model: task.model, wire: work.wireOf(task.model), repo: work.repoOf(task), budget: task.budget },
    forked: task.from !== null,
    ...{ branch: task.branch, base: task.baseCommit!, tools: task.tools },
    ...programsOf(task, ports),
  })
  function accept(worker: WorkerId, lines: WorkerLines): void {
    channels.get(worker)?.close()
    const channel = new TaskChannel(
      {
        ...{ store, now, log, orderOf, assets: work.assets, cells },
        heard: who => queue.heard(who),
        appended: (org, id, done) => {
          show(org, id)
          if (done.gates) gatesChanged(org, id)
          if (done.state.finished || done.ended) queue.lookSoon()
        },
      },
      worker,
      lines,
    )
    channels.set(worker, channel)
    void channel.serve().finally(() => {
      if (channels.get(worker) === channel) channels.delete(worker)
      queue.lookSoon()
    })
  }
  const wanted = (org: OrgId, id: RunId): void => {
    show(org, id)
    lookAt(id)
    cells
      .heardOf(org, id)
      .catch((thrown: unknown) => log.warn({ err: asMeshError(thrown), task: id }, 'cells of a task were not stopped'))
    queue.lookSoon()
  }
  return {
    tasks: new Tasks({ ...ports, delivery: work.delivery, spent: work.spent, wanted }),
    heardOf: id => {
      lookAt(id)
      queue.lookSoon()
    },
    admit: async (who, socket) => (await work.admit?.(who, socket)) ?? false,
    begin: () => {
      const [endQueue, endWork] = [queue.begin(), work.begin?.()]
      const clear = () => clearLeftTasks({ store, delivery: work.delivery, isBusy: id => queue.isBusy(id) })
      const endClearing = collectRegularly(ports.times.taskFoldersLookMs, clear, log)
      return async () => {
        endClearing()
        await endQueue()
        await endWork?.()
      }
    },
  }
}

/** One that the hub does not know any more has no program, and the worker says so. */
function programsOf({ agent }: TaskRow, { agents, toolServers }: OpenTasksPorts) {
  const program = agents.get(agent)
  if (program) return { program }
  return toolServers.length > 0 ? { toolServers: [...toolServers] } : {}
}

/** A hub that works on no tasks keeps them until one does, and says what is missing. */
const noWork: OpenTaskWork = () => {
  const none = (): never => {
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'this hub makes no workers' })
  }
  return {
    places: {
      problem: async () => ({
        problem: 'This hub makes no workers.',
        fix: 'Set MESHBOOK_COMPUTE, as docs/tasks.md says.',
      }),
      open: none,
      resume: async () => undefined,
      settle: async () => undefined,
      close: async () => undefined,
      list: async () => [],
    },
    delivery: {
      push: async () => null,
      pullRequest: async () => null,
      forget: async () => undefined,
      kept: () => [],
      drop: async () => undefined,
      diff: none,
      folder: none,
      file: none,
    },
    wireOf: () => 'anthropic',
    spent: async () => 0,
    repoOf: none,
    assets: { keep: none, load: none },
  }
}
