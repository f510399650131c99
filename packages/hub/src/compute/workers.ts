/**
 * The workers of this hub (SPEC.md, CP10–CP21): started for runs that wait for one, stopped when nobody uses them, and
 * compared with what the engine has, so that nothing is left behind. The store's transactions decide; this only does
 * what they say, and again if it was not done.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import {
  type Now,
  newId,
  type OrgId,
  type ProjectId,
  type RandomBytes,
  type UserId,
  type WorkerId,
} from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { ProjectInfo } from '@meshbook/core/messages.ts'
import type { WorkerOffer } from '@meshbook/core/route.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import { hashSecret, newSecret } from '@meshbook/relay/serve/secrets.ts'
import type { Audit } from '../auth/audit.ts'
import { deviceOf } from '../devices/device-keys.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { EndedWorker, WorkerRow } from '../store/workers.ts'
import type { ComputeConfig } from './compute-config.ts'
import type { ComputeDescription, ComputeDriver } from './port.ts'
import type { Restoring } from './restoring.ts'

export interface WorkersPorts {
  /** Of this hub, the same after a restart. */
  hub: string
  config: Pick<ComputeConfig, 'most' | 'idleMs' | 'limits'>
  driver: ComputeDriver
  store: HubStore
  audit: Audit
  restoring: Pick<Restoring, 'state'>
  times: Limits
  now: Now
  random: RandomBytes
  log: Log
  /** A worker has become a device. */
  joined(device: ReturnType<typeof deviceOf>): Promise<void>
  /** A worker has ended, and its device with it. */
  ended(org: OrgId, ended: EndedWorker, reason: string): void
  /** Waiting runs are to be looked at again. */
  placeAgain(): void
}

interface Failure {
  attempts: number
  until: number
  words: string
}

/** Of the memory of a container, for its kernels; the rest is for what runs them. */
const kernelShare = 0.75
const usualLanguages = ['python', 'bash', 'javascript', 'typescript']
const startedFor = 'A cloud worker is started for it.'
const describedMs = 60_000

export class Workers {
  readonly #ports: WorkersPorts
  /** What is being started or stopped at the moment. */
  readonly #inWork = new Set<WorkerId>()
  readonly #failures = new Map<ProjectId, Failure>()
  #description: ComputeDescription | undefined
  #describedAt = 0
  #looking = false
  #closed = false
  #order: Promise<unknown> = Promise.resolve()

  constructor(ports: WorkersPorts) {
    this.#ports = ports
  }

  /** What could be had for a run. Where nothing can be had at the moment, asking for it says why (CP12). */
  get offer(): WorkerOffer {
    const { ready, ...known } = this.#description ?? { ready: false }
    return ready && 'languages' in known
      ? { languages: known.languages, gpu: known.gpu }
      : { languages: usualLanguages, gpu: false }
  }

  /** Whether a worker of this project could open what was saved of its sessions (CP44). */
  async restores(org: OrgId, project: ProjectId): Promise<boolean> {
    const owner = await this.#ports.store.query('ownerOfProject', { org, project })
    return owner !== null && (await this.#ports.restoring.state({ org, user: owner })).state === 'on'
  }

  /** Has a worker for the project, if there is none; returns the reasons with what became of that. */
  async want(org: OrgId, project: ProjectId, reasons: readonly string[]): Promise<string[]> {
    const failure = this.#failures.get(project)
    const instead = (words: string): string[] => [...reasons.filter(reason => reason !== startedFor), words]
    if (failure && failure.until > this.#ports.now()) return instead(failure.words)
    if (this.#closed) return [...reasons]
    const asked = this.#order.then(() => this.#make(org, project))
    this.#order = asked.catch(() => undefined)
    const { why } = await asked
    const { most } = this.#ports.config
    return why === 'full'
      ? instead(`All ${most} containers of this hub are in use; one is started as soon as one of them ends.`)
      : [...reasons]
  }

  /** UNAUTHENTICATED for a token that is not good, or not any more (CP30). */
  async join(token: string, publicKey: string): Promise<{ device: ReturnType<typeof deviceOf>; project: ProjectInfo }> {
    const { store, now, config } = this.#ports
    const device = deviceOf(publicKey)
    const admitted = await store.call('admitWorker', {
      tokenHash: hashSecret(token),
      device,
      publicKey,
      memoryBytes: Math.floor(kernelShare * config.limits.memoryBytes),
      orderedSince: now() - limits.workerStartMs,
      now: now(),
    })
    if (!admitted) throw new MeshError('UNAUTHENTICATED', { detail: 'the token of the worker is not good any more' })
    this.#failures.delete(admitted.project.id)
    await this.#ports.joined(device)
    return { device, project: admitted.project }
  }

  /** What has the keys of this user is stopped (CP42). */
  async stopWithKeys(org: OrgId, user: UserId): Promise<void> {
    for (const row of await this.#ports.store.query('listWorkers', { org }))
      if (row.hasKeys && row.user === user && (await this.#ports.store.call('stopWorker', { org, id: row.id })))
        this.#stopSoon(row, 'The hub may not restore its sessions any more.')
  }

  async description(): Promise<ComputeDescription> {
    const before = this.#description?.ready === true
    this.#describedAt = this.#ports.now()
    try {
      this.#description = await this.#ports.driver.describe()
    } catch (thrown) {
      const { message, entry } = asMeshError(thrown)
      this.#description = { ready: false, driver: 'docker', problem: message, fix: entry.hint }
    }
    // Runs of before a start of the hub, or of the engine, wait for nobody else.
    if (this.#description.ready && !before) this.#ports.placeAgain()
    return this.#description
  }

  /** Looks again and again until the returned function is called. Workers go on without their hub (CP21). */
  begin(): () => Promise<void> {
    const look = (): void => {
      this.look().catch((thrown: unknown) =>
        this.#ports.log.warn({ err: asMeshError(thrown) }, 'looking after workers failed'),
      )
    }
    const timer = setInterval(look, this.#ports.times.workerLookMs)
    look()
    return async () => {
      this.#closed = true
      clearInterval(timer)
      await this.#order
    }
  }

  /** One comparison of what there should be with what there is (CP20); safe to be repeated and to be cut short. */
  async look(): Promise<void> {
    if (this.#looking || this.#closed) return
    this.#looking = true
    try {
      const { now } = this.#ports
      if (now() - this.#describedAt > describedMs || this.#description?.ready !== true) await this.description()
      await this.#compare()
      await this.#stopIdle()
      this.#tryAgain()
    } finally {
      this.#looking = false
    }
  }

  async #make(org: OrgId, project: ProjectId): Promise<{ why: 'added' | 'there' | 'full' }> {
    const { store, audit, hub, config, now, random } = this.#ports
    const id = newId('worker', now(), random)
    const token = newSecret(random, 'mw_')
    this.#inWork.add(id)
    const order = { org, id, project, hub, tokenHash: hashSecret(token), most: config.most, now: now() }
    try {
      const note = audit.note('worker-started', {}, { org, target: id, detail: { project } })
      const added = await audit.call('addWorker', order, note)
      if (!added.created) {
        this.#inWork.delete(id)
        return { why: added.why }
      }
    } catch (thrown) {
      this.#inWork.delete(id)
      throw thrown
    }
    const row = (await store.query('listWorkers', { org })).find(worker => worker.id === id)
    if (row) this.#startSoon(row, token, await this.restores(org, project))
    return { why: 'added' }
  }

  #startSoon(row: WorkerRow, token: string, restores: boolean): void {
    const { driver, config, log } = this.#ports
    driver
      .start({ id: row.id, token, restores, limits: config.limits })
      .then(
        () => undefined,
        async (thrown: unknown) => {
          const { message, entry } = asMeshError(thrown)
          // What is left of it goes now, or at the next look: a container without a row is stopped.
          await this.#endRow(row, 'Its container could not be started.')
          this.#failed(row.project, `No container could be started: ${message}. ${entry.hint}`)
          await driver.stop(row.id, 0)
        },
      )
      .catch((thrown: unknown) => log.warn({ err: asMeshError(thrown), worker: row.id }, 'a worker was not started'))
      .finally(() => this.#inWork.delete(row.id))
  }

  #stopSoon(row: WorkerRow, reason: string): void {
    if (this.#inWork.has(row.id)) return
    this.#inWork.add(row.id)
    this.#end(row, { graceMs: limits.workerStopMs, reason })
      .catch((thrown: unknown) =>
        this.#ports.log.warn({ err: asMeshError(thrown), worker: row.id }, 'a worker was not stopped'),
      )
      .finally(() => this.#inWork.delete(row.id))
  }

  /** The container first: a row stays until there is nothing left of it. */
  async #end(row: WorkerRow, { graceMs, reason }: { graceMs: number; reason: string }): Promise<string> {
    const { said } = await this.#ports.driver.stop(row.id, graceMs)
    await this.#endRow(row, reason)
    return said
  }

  async #endRow({ org, id }: WorkerRow, reason: string): Promise<void> {
    const ended = await this.#ports.store.call('endWorker', { org, id, reason, now: this.#ports.now() })
    if (ended) this.#ports.ended(org, ended, reason)
    this.#ports.placeAgain()
  }

  async #compare(): Promise<void> {
    const { driver, store, hub, now, log } = this.#ports
    const begunAt = now()
    const busy = new Set(this.#inWork)
    // In this order: whoever makes a container has made its row before.
    const found = new Map((await driver.list()).map(({ id, state }) => [id, state]))
    const rows = await store.query('listWorkers', { hub })
    const known = new Set(rows.map(({ id }) => id))
    for (const id of found.keys()) {
      if (known.has(id) || busy.has(id) || this.#inWork.has(id)) continue
      log.info({ worker: id }, 'a container without a worker is stopped')
      await driver.stop(id, limits.workerStopMs)
    }
    for (const row of rows) {
      const isNew = row.createdAt >= begunAt
      if (!isNew && !busy.has(row.id) && !this.#inWork.has(row.id)) await this.#mend(row, found.get(row.id))
    }
  }

  async #mend(row: WorkerRow, state: 'running' | 'ended' | undefined): Promise<void> {
    const { now, log } = this.#ports
    const isLate = row.state === 'starting' && now() - row.createdAt > limits.workerStartMs
    if (row.state === 'stopping') return this.#stopSoon(row, 'It was not used any more.')
    if (state === 'running' && !isLate) return
    const said = await this.#end(row, { graceMs: 0, reason: 'Its container has ended.' })
    log.info({ worker: row.id, state: row.state, said }, 'a worker has ended by itself')
    if (row.state !== 'starting') return
    const lines = said.split('\n').map(line => line.trim())
    const last = lines.find(line => /^✖|Error\b.*:/.test(line)) ?? lines.findLast(line => line !== '') ?? ''
    this.#failed(
      row.project,
      `The container ended before it had joined${last === '' ? '' : `: ${last.slice(0, 300)}`}.`,
    )
  }

  async #stopIdle(): Promise<void> {
    const { store, hub, config, now } = this.#ports
    const since = now() - config.idleMs
    await store.call('usedWorkers', { hub, now: now() })
    for (const row of await store.query('idleWorkers', { hub, since })) {
      if (this.#inWork.has(row.id)) continue
      if (await store.call('stopWorker', { org: row.org, id: row.id, unless: since }))
        this.#stopSoon(row, 'It was not used any more.')
    }
  }

  #failed(project: ProjectId, words: string): void {
    const { now, random } = this.#ports
    const attempts = (this.#failures.get(project)?.attempts ?? 0) + 1
    const wait = backoffMs({
      attempt: attempts,
      minMs: 1_000,
      maxMs: limits.workerRetryMs,
      random: () => (random(1)[0] ?? 0) / 256,
    })
    this.#failures.set(project, { attempts, until: now() + wait, words })
    this.#ports.placeAgain()
  }

  #tryAgain(): void {
    const isDue = [...this.#failures.values()].some(({ until }) => until <= this.#ports.now())
    if (isDue) this.#ports.placeAgain()
  }
}
