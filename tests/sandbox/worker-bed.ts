/**
 * A real worker for a scripted model: the driver, the program inside, real sockets, a real git gateway and the strict model
 * server. Of the hub only its queue and store are replaced, by a log in memory that takes events as the hub does.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FromWorker, fromWorkerSchema, type TaskOrder, type ToWorker } from '@meshbook/core/broker.ts'
import { newId, parseFence, systemRandom, type WorkerId } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { type TaskEvent, taskEventSchema } from '@meshbook/core/task-events.ts'
import type { TaskDriver, TaskWorkerSpec, TaskWorkspace } from '@meshbook/hub/compute/port.ts'
import { type OpenSockets, openBrokerSockets } from '@meshbook/hub/tasks/broker-sockets.ts'
import { packagesProxy } from '@meshbook/hub/tasks/packages-proxy.ts'
import type { WorkerLines } from '@meshbook/hub/tasks/places.ts'
import * as v from 'valibot'
import { type GitScene, gitScene } from '../git-hosts/git-scene.ts'
import { type ModelServer, startModelServer } from '../model-server/model-server.ts'
import type { Script } from '../model-server/script.ts'

export interface BedOptions {
  driver: TaskDriver
  script: Script
  files?: Record<string, string>
  limits?: Partial<TaskWorkerSpec['limits']>
  order?: Partial<TaskOrder>
  allowedHosts?: readonly string[]
}

export const usualLimits: TaskWorkerSpec['limits'] = {
  memoryBytes: 1024 ** 3,
  cpus: 2,
  processes: 256,
  diskBytes: 256 * 1024 ** 2,
  wallMs: 600_000,
}

type Named<Type extends TaskEvent['type']> = Extract<TaskEvent, { type: Type }>

export class WorkerBed {
  readonly scene: GitScene
  readonly models: ModelServer
  readonly log: RunEvent[] = []
  /** What the sockets refused, as somebody who looks after the hub sees it. */
  readonly blocked: string[] = []
  readonly order: TaskOrder
  readonly #options: BedOptions
  readonly #folder: string
  readonly #gitUrl: string
  readonly #sockets = new Map<WorkerId, OpenSockets>()
  #lines: WorkerLines | undefined
  #fence = 1
  #token = ''

  private constructor(
    options: BedOptions,
    own: { scene: GitScene; models: ModelServer; folder: string; gitUrl: string; base: string; task: string },
  ) {
    this.#options = options
    this.scene = own.scene
    this.models = own.models
    this.#folder = own.folder
    this.#gitUrl = own.gitUrl
    this.order = {
      task: own.task as TaskOrder['task'],
      fence: parseFence(1),
      prompt: 'Do what the task says.',
      by: 'ada',
      agent: 'meshbook',
      model: 'claude-sonnet-4-6',
      wire: 'anthropic',
      repo: 'http://git/repo.git',
      branch: `meshbook/${own.task}/work`,
      base: own.base,
      budget: {},
      tools: {},
      forked: false,
      ...options.order,
    }
  }

  static async open(t: TestContext, options: BedOptions): Promise<WorkerBed> {
    const scene = await gitScene(t, { ...(options.files && { files: options.files }), own: { mirrorFreshMs: 60_000 } })
    const models = await startModelServer({ script: options.script, key: 'the-real-key' })
    t.after(() => models.close())
    const folder = await mkdtemp(join(tmpdir(), 'mb-bed-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const task = 'task-1'
    const { url, id } = await scene.task(task)
    const mirror = await scene.mirrors.fetch(scene.org, scene.url)
    const base = await scene.mirrors.commitOf(mirror, null)
    const bed = new WorkerBed(options, { scene, models, folder, gitUrl: new URL(url).origin, base: base!, task: id })
    t.after(() => bed.close())
    return bed
  }

  get events(): TaskEvent[] {
    return this.log.flatMap(event => (event.type === 'task' ? [event.event] : []))
  }

  all<Type extends TaskEvent['type']>(type: Type): Named<Type>[] {
    return this.events.filter(event => event.type === type) as Named<Type>[]
  }

  /** The next worker of the task; `warm`: it has no order until `serve`. */
  async start({ workspace = { from: 'nothing' } as TaskWorkspace, warm = false } = {}): Promise<WorkerId> {
    const id = newId('worker', Date.now(), systemRandom)
    this.#token = `mw_${id}`
    const sockets = await openBrokerSockets(join(this.#folder, id.slice(-8)))
    this.#sockets.set(id, sockets)
    if (!warm) this.serve(id)
    const limits = { ...usualLimits, ...this.#options.limits }
    await this.#options.driver.start({
      id,
      kind: 'task',
      token: this.#token,
      socketFolder: sockets.folder,
      workspace,
      limits,
    })
    return id
  }

  serve(id: WorkerId): void {
    const { allowedHosts = [] } = this.#options
    const packages = packagesProxy({ allowed: allowedHosts, onBlocked: host => void this.blocked.push(host) })
    this.#sockets.get(id)!.serve({
      accept: lines => void this.#take(lines),
      models: forwardTo(this.models.url, { 'x-api-key': this.models.key, authorization: `Bearer ${this.models.key}` }),
      git: forwardTo(this.#gitUrl, {}),
      packages,
    })
  }

  socketFolder(id: WorkerId): string {
    return this.#sockets.get(id)!.folder
  }

  async stop(id: WorkerId, graceMs = 5_000): Promise<string> {
    const { said } = await this.#options.driver.stop(id, graceMs)
    await this.#sockets.get(id)?.close()
    this.#sockets.delete(id)
    this.#fence += 1
    return said
  }

  /** Cuts its channel, as a hub that is killed does. */
  cut(): void {
    this.#lines?.close()
  }

  /** As if the task had been given to another worker. */
  refuse(): void {
    this.#fence += 1
  }

  async tell(message: ToWorker): Promise<void> {
    await this.#lines?.send(JSON.stringify(message))
  }

  async until<T>(what: string, look: () => T | undefined | false, ms = 60_000): Promise<T> {
    for (const deadline = performance.now() + ms; ; await sleep(20)) {
      const found = look()
      if (found !== undefined && found !== false) return found
      if (performance.now() > deadline)
        throw new Error(`not in time: ${what}; ${JSON.stringify(this.events.slice(-6)).slice(0, 3_000)}`)
    }
  }

  finished(ms?: number): Promise<Named<'finished'>> {
    return this.until('the end', () => this.all('finished').at(-1), ms)
  }

  async close(): Promise<void> {
    for (const id of [...this.#sockets.keys()]) await this.stop(id, 0)
  }

  async #take(lines: WorkerLines): Promise<void> {
    this.#lines = lines
    const fence = this.#fence
    const send = (message: ToWorker): Promise<void> => lines.send(JSON.stringify(message))
    try {
      for await (const line of lines.lines) {
        const message: FromWorker = v.parse(v.pipe(v.string(), v.parseJson(), fromWorkerSchema), line)
        if (message.type === 'hello') {
          if (message.token !== this.#token) break
          await send({ type: 'order', order: { ...this.order, fence: parseFence(fence) } })
          await send({ type: 'log', first: 1, events: this.log, more: false })
        }
        if (message.type === 'store') await send({ type: 'stored', asset: message.asset })
        if (message.type !== 'events') continue
        for (const [index, event] of message.events.entries()) {
          if (event.type === 'task') v.parse(taskEventSchema, event.event)
          if (message.first + index === this.log.length + 1) this.log.push(event)
          else if (message.first + index > this.log.length) throw new Error(`a gap before ${message.first + index}`)
        }
        await send({ type: 'ack', seq: this.log.length, ...(fence !== this.#fence && { refused: 'STALE_FENCE' }) })
      }
    } finally {
      lines.close()
    }
  }
}

/** What a gateway of the hub does, in the shortest form: the same request elsewhere, with the key that the worker lacks. */
function forwardTo(origin: string, headers: Record<string, string>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { host: _, ...own } = request.headers
    const known = Object.fromEntries(Object.entries(headers).filter(([name]) => name in own))
    const asked = httpRequest(
      `${origin}${request.url}`,
      { method: request.method ?? 'GET', headers: { ...own, ...known } },
      answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
        answer.on('error', () => response.destroy())
      },
    )
    asked.on('error', () => response.destroy())
    response.on('close', () => asked.destroy())
    request.pipe(asked)
  }
}
