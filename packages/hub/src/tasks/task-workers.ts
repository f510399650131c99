/**
 * Workers of tasks with their sockets (CP67, CP68): begun for a task, or taken from those that were begun before there was
 * one. Which worker is whose, the queue decides; this only keeps some waiting, and hides them until they are taken.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { asMeshError, closeCodes } from '@meshbook/core/errors.ts'
import { type Now, newId, type RandomBytes, type WorkerId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Tunnel } from '@meshbook/engine/tunnel.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { WebSocket } from 'ws'
import type { FoundWorker, TaskDriver, TaskWorkerLimits, TaskWorkspace } from '../compute/port.ts'
import type { Log } from '../log.ts'
import { type BrokerPorts, type OpenSockets, openBrokerSockets } from './broker-sockets.ts'

export interface TaskWorkersPorts {
  driver: TaskDriver
  /** Holds the folders of sockets. Short, since paths of sockets are. */
  folder: string
  limits: TaskWorkerLimits
  /** So many wait for a task. */
  warm: number
  /** How many may run at a time, those that wait among them. */
  most: number
  /** How often the waiting ones are looked at. */
  lookMs: number
  /** Of a worker that another start of this hub has begun. */
  isTokenOf(worker: WorkerId, tokenHash: string): Promise<boolean>
  now: Now
  random: RandomBytes
  log: Log
}

/** What a worker is known by before it has a task. */
export interface Spare {
  worker: WorkerId
  token: string
}

interface Waiting extends Spare {
  since: number
  /** Since when somebody means to use it. */
  takenAt: number | undefined
  started: Promise<void>
}

/** Paths of sockets are at most 107 bytes long. */
const folderNameLength = 10

export class TaskWorkers {
  readonly #ports: TaskWorkersPorts
  readonly #sockets = new Map<WorkerId, OpenSockets>()
  /** Folders of sockets that are this hub's since its start, by name; all others are of workers that may be gone. */
  readonly #folders = new Set<string>()
  #isSwept = false
  /** Without a task: nobody else knows of them. */
  readonly #waiting = new Map<WorkerId, Waiting>()
  readonly #tokens = new Map<WorkerId, string>()
  readonly #far = new Map<WorkerId, WebSocket>()
  readonly #work = new Set<Promise<void>>()
  #isClosed = false
  /** With a task, as far as is known. */
  #used = 0

  constructor(ports: TaskWorkersPorts) {
    this.#ports = ports
  }

  /** One that waits; it is kept for whoever asked for `taskSpareMs`. Undefined where there is none. */
  spare(): Spare | undefined {
    const now = this.#ports.now()
    const found = [...this.#waiting.values()].find(({ takenAt }) => isFree(takenAt, now))
    if (!found) return undefined
    found.takenAt = now
    const { worker, token } = found
    return { worker, token }
  }

  /**
   * A worker that is there and has its task. While it starts its checkout is prepared; it is answered when it has both, so
   * whatever comes first waits for the other.
   */
  async open({ worker, token }: Spare, prepare: () => Promise<TaskWorkspace>, ports: BrokerPorts): Promise<void> {
    const waiting = this.#waiting.get(worker)
    this.#waiting.delete(worker)
    this.#used += 1
    const started = waiting?.started ?? this.#start({ worker, token })
    started.catch(() => undefined)
    const workspace = await prepare()
    await started
    await this.#ports.driver.give(worker, workspace)
    this.#sockets.get(worker)?.serve(ports)
    this.#fillSoon()
  }

  /** After a restart of the hub: it finds its sockets where they were. */
  async resume(worker: WorkerId, ports: BrokerPorts): Promise<void> {
    const sockets = await this.#open(worker)
    sockets.serve(ports)
  }

  async close(worker: WorkerId): Promise<string> {
    this.#waiting.delete(worker)
    const { said } = await this.#ports.driver.stop(worker, limits.taskStopMs)
    await this.#sockets.get(worker)?.close()
    this.#sockets.delete(worker)
    this.#tokens.delete(worker)
    this.#far.get(worker)?.close()
    // One that this hub found lost after its start has no sockets here, but a folder of them.
    await rm(this.#folderOf(worker), { recursive: true, force: true })
    this.#folders.delete(folderName(worker))
    this.#fillSoon()
    return said
  }

  /** The half of a broker that is with a worker on another host (CP66); false for who is not that worker. */
  async admit({ worker, token }: Spare, socket: WebSocket): Promise<boolean> {
    const sockets = this.#sockets.get(worker)
    const hash = hashSecret(token)
    if (!sockets || !(this.#tokens.get(worker) === hash || (await this.#ports.isTokenOf(worker, hash)))) return false
    // One that comes again has lost the connection before.
    this.#far.get(worker)?.close()
    this.#far.set(worker, socket)
    const tunnel = new Tunnel({
      send(message) {
        socket.send(message)
        if (socket.bufferedAmount > limits.tunnelUnsentBytes) socket.terminate()
      },
      fail: why => socket.close(closeCodes.hostile, why.slice(0, 100)),
      taken: (name, stream) => sockets.connect(name, stream),
    })
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) tunnel.take(data)
      else socket.close(closeCodes.hostile)
    })
    socket.once('close', () => {
      tunnel.close()
      if (this.#far.get(worker) === socket) this.#far.delete(worker)
    })
    return true
  }

  /** All but those that wait: what is not a task's is stopped by whoever reads this. */
  async list(): Promise<FoundWorker[]> {
    const hidden = new Set(this.#waiting.keys())
    const left = this.#isSwept ? [] : await this.#foldersLeft()
    const found = await this.#ports.driver.list()
    await this.#sweep(left, found)
    const shown = found.filter(({ id }) => !hidden.has(id))
    this.#used = shown.length
    return shown
  }

  /** Keeps some waiting until the returned function is called, which ends them. */
  begin(): () => Promise<void> {
    const timer = setInterval(() => this.#fillSoon(), this.#ports.lookMs)
    this.#fillSoon()
    return async () => {
      this.#isClosed = true
      clearInterval(timer)
      while (this.#work.size > 0) await Promise.all(this.#work)
      await Promise.all([...this.#waiting.keys()].map(worker => this.#end(worker, 'the hub ends')))
      // Workers with a task go on; they come back to these sockets when there is a hub again.
      await Promise.all([...this.#sockets.values()].map(sockets => sockets.leave()))
      this.#sockets.clear()
    }
  }

  /** One look: what is too old or has ended goes, and what is missing is begun. */
  async fill(): Promise<void> {
    const { driver, warm, most, now } = this.#ports
    if (warm === 0 && this.#waiting.size === 0) return
    const states = new Map((await driver.list()).map(({ id, state }) => [id, state]))
    for (const { worker, since, takenAt } of [...this.#waiting.values()]) {
      if (!isFree(takenAt, now())) continue
      if (now() - since > limits.taskWarmMs) await this.#end(worker, 'it waited long enough')
      else if (states.get(worker) === 'ended') await this.#end(worker, 'it has ended')
    }
    const room = most - this.#used - this.#waiting.size
    const missing = Math.min(warm - this.#waiting.size, room)
    if (this.#isClosed || missing <= 0 || !(await driver.describe()).ready) return
    for (let number = 0; number < missing; number += 1) this.#add()
  }

  #add(): void {
    const { now, random, log } = this.#ports
    const spare = { worker: newId('worker', now(), random), token: newSecret(random, 'mw_') }
    const started = this.#start(spare)
    this.#waiting.set(spare.worker, { ...spare, since: now(), takenAt: undefined, started })
    this.#track(
      started.catch(async (thrown: unknown) => {
        log.warn({ err: asMeshError(thrown), worker: spare.worker }, 'a waiting worker was not started')
        await this.#end(spare.worker, 'it did not start')
      }),
    )
  }

  async #start({ worker, token }: Spare): Promise<void> {
    const { driver, limits: most } = this.#ports
    const { folder } = await this.#open(worker)
    this.#tokens.set(worker, hashSecret(token))
    // Its time begins before its task does.
    const own = { ...most, wallMs: most.wallMs + limits.taskWarmMs }
    await driver.start({
      id: worker,
      kind: 'task',
      token,
      socketFolder: folder,
      workspace: { from: 'nothing' },
      limits: own,
    })
  }

  async #open(worker: WorkerId): Promise<OpenSockets> {
    const { folder } = this.#ports
    this.#folders.add(folderName(worker))
    await mkdir(folder, { recursive: true, mode: 0o711 })
    const sockets = await openBrokerSockets(this.#folderOf(worker))
    this.#sockets.set(worker, sockets)
    return sockets
  }

  #folderOf(worker: WorkerId): string {
    return join(this.#ports.folder, folderName(worker))
  }

  async #foldersLeft(): Promise<string[]> {
    const names = await readdir(this.#ports.folder).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') return []
      throw thrown
    })
    return names.filter(name => !this.#folders.has(name))
  }

  /** Once: what a hub that was killed left of workers that are not there any more (TK33). */
  async #sweep(left: readonly string[], found: readonly FoundWorker[]): Promise<void> {
    this.#isSwept = true
    const alive = new Set(found.map(({ id }) => folderName(id)))
    for (const name of left)
      if (!alive.has(name) && !this.#folders.has(name))
        await rm(join(this.#ports.folder, name), { recursive: true, force: true })
  }

  async #end(worker: WorkerId, why: string): Promise<void> {
    const { log } = this.#ports
    log.debug({ worker, why }, 'a waiting worker is stopped')
    // What is still being started would be there afterwards.
    await this.#waiting.get(worker)?.started.catch(() => undefined)
    await this.close(worker).catch((thrown: unknown) =>
      log.warn({ err: asMeshError(thrown), worker }, 'a waiting worker was not stopped'),
    )
  }

  #fillSoon(): void {
    if (this.#isClosed || this.#work.size > 0) return
    this.#track(
      this.fill().catch((thrown: unknown) =>
        this.#ports.log.warn({ err: asMeshError(thrown) }, 'looking after waiting workers failed'),
      ),
    )
  }

  #track(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }
}

const folderName = (worker: WorkerId): string =>
  createHash('sha256').update(worker).digest('hex').slice(0, folderNameLength)

const isFree = (takenAt: number | undefined, now: number): boolean =>
  takenAt === undefined || now - takenAt > limits.taskSpareMs
