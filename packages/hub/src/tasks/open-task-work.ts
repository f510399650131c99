/** Real places for tasks: a checkout and a repository of git, the sockets of a broker, and a worker of a driver (TK10, TK33). */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, RandomBytes, RunId, UserId, WorkerId } from '@meshbook/core/ids.ts'
import { wireNamed } from '@meshbook/core/model-wires.ts'
import type { TaskDriver, TaskWorkerLimits } from '../compute/port.ts'
import { taskUsers } from '../compute/task-users.ts'
import type { ModelGateway } from '../gateway/model-gateway.ts'
import { modelsDoor } from '../gateway/models-door.ts'
import { gatewayPath } from '../git/git-gateway.ts'
import type { Git } from '../git/open-git.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TaskRow } from '../store/tasks.ts'
import type { BrokerPorts } from './broker-sockets.ts'
import type { OpenTaskWork, TaskWork } from './open-tasks.ts'
import { packagesProxy } from './packages-proxy.ts'
import { TaskWorkers } from './task-workers.ts'

export interface TaskWorkPorts {
  /** Short, since paths of sockets are. */
  folder: string
  driver: TaskDriver
  limits: TaskWorkerLimits
  git: Git
  gateway: Pick<ModelGateway, 'answer'>
  /** Hosts from which workers may fetch packages. */
  packagesFrom: readonly string[]
  store: HubStore
  assets: TaskWork['assets']
  /** So many workers wait for a task, of so many that there may be. */
  warm: number
  most: number
  lookMs: number
  now: Now
  random: RandomBytes
  log: Log
}

/** Behind the sockets of a worker there is one host, and this is what it is called there. */
const brokerHost = 'http://git'

export function openTaskWork(ports: TaskWorkPorts): OpenTaskWork {
  const { driver, git, store, log } = ports
  return (_hub, accept) => {
    const workers = new TaskWorkers({
      ...ports,
      isTokenOf: async (worker, tokenHash) => (await store.query('taskOfWorker', { worker, tokenHash })) !== null,
    })
    const doorsOf = async (task: TaskRow, worker: WorkerId): Promise<BrokerPorts> => {
      const user = await payerOf(store, task)
      return {
        accept: lines => accept(worker, lines),
        models: modelsDoor(ports, { org: task.org, user, task: task.id, budget: () => task.budget }),
        git: git.gateway.handlerFor({ org: task.org, repo: task.repo, task: task.id }),
        packages: packagesProxy({
          allowed: ports.packagesFrom,
          onBlocked: host => log.info({ task: task.id, host }, 'a worker was kept from a host'),
        }),
      }
    }
    return {
      places: {
        problem: async () => {
          const found = await driver.describe()
          return found.ready ? null : { problem: found.problem, fix: found.fix }
        },
        spare: () => workers.spare(),
        open: async (task, worker, token, noteBase) => {
          const doors = await doorsOf(task, worker)
          const { base } = await git.begin(task, await goesOnFrom(store, task))
          await noteBase(base)
          await workers.open({ worker, token }, () => checkedOut(ports, task, worker, task.state.commit ?? base), doors)
        },
        resume: async (task, worker) => workers.resume(worker, await doorsOf(task, worker)),
        settle: async tasks => {
          const live = new Set(tasks.map(({ org, id }) => `${org} ${id}`))
          await git.checkouts.settle((org, id) => live.has(`${org} ${id}`))
        },
        close: async ({ org, id }, worker) => {
          const said = await workers.close(worker)
          if (said !== '') log.debug({ task: id, worker, said }, 'a worker has ended')
          // Of a worker that belongs to no task, nobody knows a checkout.
          if (id !== '') await git.checkouts.release(org, id)
        },
        list: async () => (await workers.list()).map(({ id, state }) => ({ worker: id, state })),
      },
      begin: () => workers.begin(),
      admit: (who, socket) => workers.admit(who, socket),
      delivery: git.delivery,
      wireOf: model => wireNamed(model) ?? 'anthropic',
      spent: async (org, task) => (await store.query('modelSpending', { org, task })).microUsd,
      repoOf: () => `${brokerHost}${gatewayPath}`,
      assets: ports.assets,
    }
  }
}

/** A prepared checkout where the driver can give one; else the worker clones through its broker. */
async function checkedOut(
  { driver, git, limits: most, log }: TaskWorkPorts,
  task: TaskRow,
  worker: WorkerId,
  commit: string,
) {
  const { org, id, repo, branch } = task
  try {
    const room = await driver.room(worker, most.diskBytes)
    if (room === null) return { from: 'nothing' } as const
    const order = { org, repo, task: id, base: commit, branch, origin: `${brokerHost}${gatewayPath}` }
    const { folder } = await git.checkouts.prepare({ ...order, owner: taskUsers.tools, room })
    return { from: 'folder', folder } as const
  } catch (thrown) {
    log.warn({ err: asMeshError(thrown), task: id }, 'a checkout was not prepared; the worker clones')
    return { from: 'nothing' } as const
  }
}

/** A fork begins where the other task had its last checkpoint by then (TK23). */
async function goesOnFrom(
  store: HubStore,
  { org, from }: TaskRow,
): Promise<{ task: RunId; commit: string } | undefined> {
  if (!from) return undefined
  const commit = await store.query('checkpointAt', { org, id: from.task, turn: from.turn })
  return commit === null ? undefined : { task: from.task, commit }
}

async function payerOf(store: HubStore, { org, askedOrg, askedBy, project }: TaskRow): Promise<UserId> {
  if (askedBy !== null && askedOrg === org) return askedBy
  const owner = await store.query('ownerOfProject', { org, project })
  if (!owner) throw new MeshError('NOT_FOUND', { detail: 'the owner of the project' })
  return owner
}
