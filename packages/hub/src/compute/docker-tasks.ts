/**
 * Task workers in containers of a Docker engine (CP60–CP65). What such a container may do stands in `containerOf` and
 * nowhere else. Its first process is root with four capabilities, to become runner and tools and to end them; neither
 * can become root again.
 */
import { join } from 'node:path'
import { taskPlaces } from '@meshbook/core/broker.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { WorkerId } from '@meshbook/core/ids.ts'
import { type ContainersOptions, DockerContainers, labels, nameOf } from './docker-driver.ts'
import type { DockerEngine } from './docker-engine.ts'
import { canMount } from './mounting.ts'
import type { ComputeDescription, FoundWorker, TaskDriver, TaskWorkerSpec, TaskWorkspace } from './port.ts'
import { TaskDisks } from './task-disks.ts'
import { taskUsers } from './task-users.ts'
import { leaveToken } from './worker-token.ts'

export interface DockerTasksOptions extends ContainersOptions {
  /** The first process of a container. */
  command(spec: TaskWorkerSpec): readonly string[]
  /** For the disks of the workers; unused where there can be none. */
  disksFolder: string
}

const temporaryBytes = 64 * 1024 ** 2
const privateBytes = 64 * 1024
const noDisk =
  'Disk is not limited, and prepared checkouts are not used: that needs a hub that runs as root on the machine of the engine.'

export class DockerTasks implements TaskDriver {
  readonly #containers: DockerContainers<TaskWorkerSpec>
  readonly #disks: TaskDisks | undefined

  constructor(engine: DockerEngine, options: DockerTasksOptions) {
    // A label of its own: what looks after sessions must not stop tasks (CP60).
    const hub = `${options.hub}-tasks`
    const disks = canMount ? new TaskDisks(options.disksFolder) : undefined
    this.#disks = disks
    this.#containers = new DockerContainers(engine, { ...options, hub }, async spec =>
      containerOf(spec, { ...options, hub }, await disks?.make(spec.id, spec.limits.diskBytes)),
    )
  }

  async describe(): Promise<ComputeDescription> {
    const found = await this.#containers.describe()
    return found.ready && !this.#disks ? { ...found, weaker: [noDisk] } : found
  }

  async start(spec: TaskWorkerSpec): Promise<void> {
    await leaveToken(spec)
    try {
      await this.#containers.start(spec)
    } catch (thrown) {
      if (!(await this.#has(spec.id))) await this.#disks?.remove(spec.id)
      throw thrown
    }
    await this.give(spec.id, spec.workspace)
  }

  async room(id: WorkerId, diskBytes: number): Promise<string | null> {
    return this.#disks ? this.#disks.room(id, diskBytes) : null
  }

  async give(id: WorkerId, workspace: TaskWorkspace): Promise<boolean> {
    if (!this.#disks || workspace.from === 'nothing') return false
    await this.#disks.lay(id, workspace.folder)
    return true
  }

  async stop(id: WorkerId, graceMs: number): Promise<{ said: string }> {
    const stopped = await this.#containers.stop(id, graceMs)
    await this.#disks?.remove(id)
    return stopped
  }

  /** A disk without a container is of a worker that has ended. */
  async list(): Promise<FoundWorker[]> {
    const left = (await this.#disks?.list()) ?? []
    const found = await this.#containers.list()
    const known = new Set(found.map(({ id }) => id))
    return [...found, ...left.filter(id => !known.has(id)).map(id => ({ id, state: 'ended' as const }))]
  }

  async #has(id: WorkerId): Promise<boolean> {
    const found = await this.#containers.list().catch((thrown: unknown) => {
      if (thrown instanceof MeshError) return [{ id }]
      throw thrown
    })
    return found.some(worker => worker.id === id)
  }
}

/** `work`: the worker's disk on this machine; without one it gets a volume of the engine. */
function containerOf(spec: TaskWorkerSpec, options: DockerTasksOptions, work: string | undefined): object {
  const { id, socketFolder, limits: most } = spec
  const [entry, ...rest] = options.command(spec)
  const label = { [labels.hub]: options.hub, [labels.worker]: id }
  const sockets = (name: string, target: string): object => ({
    Type: 'bind',
    Source: join(socketFolder, name),
    Target: target,
    ReadOnly: true,
  })
  const { runner } = taskUsers
  const tmp = { '/tmp': `rw,nosuid,nodev,mode=1777,size=${temporaryBytes}` }
  const disk = work === undefined ? volumeOf(id, label) : disksOf(work)
  return {
    Image: options.image,
    Labels: label,
    Hostname: 'worker',
    User: '0:0',
    WorkingDir: '/',
    Entrypoint: [entry],
    Cmd: rest,
    Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'LANG=C.UTF-8'],
    NetworkDisabled: true,
    AttachStdout: false,
    AttachStderr: false,
    HostConfig: {
      NetworkMode: 'none',
      IpcMode: 'private',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: ['SETUID', 'SETGID', 'SETPCAP', 'KILL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      Init: false,
      RestartPolicy: { Name: 'no' },
      PidsLimit: most.processes,
      Memory: most.memoryBytes,
      MemorySwap: most.memoryBytes,
      NanoCpus: Math.round(most.cpus * 1e9),
      OomScoreAdj: 300,
      ShmSize: temporaryBytes,
      Tmpfs: {
        // Only the runner passes through this folder, whoever owns what is mounted in it.
        [taskPlaces.private]: `rw,nosuid,nodev,noexec,mode=0700,uid=${runner.uid},gid=${runner.gid},size=${privateBytes}`,
        ...(work === undefined && tmp),
      },
      Mounts: [...disk, sockets('runner', taskPlaces.own), sockets('tools', taskPlaces.tools)],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
    },
  }
}

/** What is mounted there later appears in the container too (CP64). */
const disksOf = (work: string): object[] => [
  { Type: 'bind', Source: work, Target: taskPlaces.work, BindOptions: { Propagation: 'rslave' } },
  { Type: 'bind', Source: join(work, 'tmp'), Target: '/tmp' },
]

const volumeOf = (id: WorkerId, label: object): object[] => [
  { Type: 'volume', Source: nameOf(id), Target: taskPlaces.work, VolumeOptions: { Labels: label } },
]
