/**
 * Task workers as machines of Fly, by the Machines API. A machine is a small virtual computer of its own: its first
 * process is root there, begins the broker, and puts runner and tools into a network namespace without any way out.
 */
import { isId, type WorkerId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { PlatformApi, type PlatformOptions } from './platform-api.ts'
import type { ComputeDescription, FoundWorker, TaskDriver, TaskWorkerSpec } from './port.ts'
import { machineCommand } from './task-command.ts'

export interface FlyOptions extends Omit<PlatformOptions, 'name'> {
  hub: string
  app: string
  image: string
  region?: string
  hubUrl: string
}

const secretAt = '/run/secrets/meshbook-token'
const kinds = { hub: 'meshbook_hub', worker: 'meshbook_worker' } as const
const mebibyte = 1024 ** 2
/** What machines can have. */
const memoryStep = 256
const cpuCounts = [1, 2, 4, 8]
const mostMemoryOfCpu = 2_048
/** What one call waits. */
const mostWaitSeconds = 60
const machineSchema = v.object({
  id: v.pipe(v.string(), v.regex(/^[0-9a-z]{6,32}$/)),
  name: v.string(),
  state: v.string(),
  /** Of its version; without it nobody waits for its end. */
  instance_id: v.optional(v.pipe(v.string(), v.regex(/^[0-9A-Za-z]{1,64}$/))),
  config: v.optional(v.object({ metadata: v.optional(v.record(v.string(), v.string()), {}) }), {}),
})
type Machine = v.InferOutput<typeof machineSchema>
/** All others end, have ended, or never began. */
const running = new Set(['created', 'starting', 'started', 'replacing', 'restarting'])

export class FlyDriver implements TaskDriver {
  readonly #api: PlatformApi
  readonly #options: FlyOptions

  constructor(options: FlyOptions) {
    this.#api = new PlatformApi({ ...options, name: 'Fly' })
    this.#options = options
  }

  async describe(): Promise<ComputeDescription> {
    const { app } = this.#options
    const { status } = await this.#api.ask('GET', this.#at(), {}, [401, 403, 404])
    const missing = (problem: string, fix: string): ComputeDescription => ({
      ready: false,
      driver: 'fly',
      problem,
      fix,
    })
    if (status === 404) return missing(`There is no app ${app} at Fly.`, `Make it: \`fly apps create ${app}\`.`)
    if (status >= 400)
      return missing('Fly does not take the token of the hub.', `Make one: \`fly tokens create deploy -a ${app}\`.`)
    const weaker = [
      'Disk and the number of processes have the limits of the machine alone.',
      'Prepared checkouts are not used: workers clone through their broker.',
      'What a worker wrote last is in the logs of Fly, not here.',
    ]
    const languages = ['python', 'bash', 'javascript', 'typescript']
    return { ready: true, driver: 'fly', engine: `Fly, app ${app}`, languages, gpu: false, weaker }
  }

  async start(spec: TaskWorkerSpec): Promise<void> {
    const { region } = this.#options
    const known = await this.#find(spec.id)
    if (known) return this.#untilStarted(known)
    const body = {
      name: nameOf(spec.id),
      ...(region !== undefined && { region }),
      config: configOf(spec, this.#options),
    }
    const answer = await this.#api.ask('POST', this.#at(), { body, timeoutMs: limits.taskStartMs }, [409, 422])
    if (answer.status < 300) return this.#untilStarted(this.#api.parsed(answer, machineSchema))
    // The name may have been taken by the same order, at the same time.
    const found = await this.#find(spec.id)
    if (found) return this.#untilStarted(found)
    await this.#api.ask('POST', this.#at(), { body, timeoutMs: limits.taskStartMs })
  }

  async room(): Promise<null> {
    return null
  }

  async give(): Promise<boolean> {
    return false
  }

  async stop(id: WorkerId, graceMs: number): Promise<{ said: string }> {
    const machine = await this.#find(id)
    if (!machine) return { said: '' }
    const seconds = Math.ceil(graceMs / 1000)
    const at = this.#at(machine.id)
    const isRunning = running.has(machine.state)
    if (isRunning) {
      const body = { signal: 'SIGTERM', timeout: `${seconds}s` }
      await this.#api.ask('POST', `${at}/stop`, { body }, [404, 412])
    }
    if (isRunning || machine.state === 'stopping') {
      const instance = machine.instance_id === undefined ? '' : `&instance_id=${machine.instance_id}`
      const wait = `${at}/wait?state=stopped&timeout=${Math.min(mostWaitSeconds, Math.max(1, seconds))}${instance}`
      // 408: it did not end in time. 404: somebody else has destroyed it.
      await this.#api.ask('GET', wait, { timeoutMs: graceMs + limits.engineAnswerMs }, [404, 408])
    }
    await this.#api.ask('DELETE', `${at}?force=true`, {}, [404])
    return { said: '' }
  }

  async list(): Promise<FoundWorker[]> {
    const query = `?metadata.${kinds.hub}=${encodeURIComponent(this.#options.hub)}`
    const found = await this.#api.json('GET', `${this.#at()}${query}`, v.array(machineSchema))
    return found.filter(isThere).flatMap(({ config, state }): FoundWorker[] => {
      const id = config.metadata?.[kinds.worker]
      return isId('worker', id) ? [{ id, state: running.has(state) ? 'running' : 'ended' }] : []
    })
  }

  async #find(id: WorkerId): Promise<Machine | undefined> {
    const path = `${this.#at()}?metadata.${kinds.worker}=${encodeURIComponent(id)}`
    const found = await this.#api.json('GET', path, v.array(machineSchema))
    return found.find(machine => isThere(machine) && machine.config.metadata?.[kinds.hub] === this.#options.hub)
  }

  async #untilStarted(machine: Machine): Promise<void> {
    if (!running.has(machine.state) || machine.state === 'started') return
    const seconds = Math.min(mostWaitSeconds, Math.floor(limits.taskStartMs / 1000))
    await this.#api.ask('GET', `${this.#at(machine.id)}/wait?state=started&timeout=${seconds}`, {
      timeoutMs: limits.taskStartMs + limits.engineAnswerMs,
    })
  }

  #at(machine?: string): string {
    const all = `/v1/apps/${encodeURIComponent(this.#options.app)}/machines`
    return machine === undefined ? all : `${all}/${machine}`
  }
}

const isThere = ({ state }: Machine): boolean => state !== 'destroyed' && state !== 'destroying'

const nameOf = (id: WorkerId): string => `meshbook-${id.replaceAll('_', '-')}`

function configOf(spec: TaskWorkerSpec, { hub, image, hubUrl }: FlyOptions): object {
  const { id, token, limits: most } = spec
  return {
    image,
    metadata: { [kinds.hub]: hub, [kinds.worker]: id },
    init: { exec: machineCommand(spec) },
    env: { MESHBOOK_HUB_URL: hubUrl, MESHBOOK_WORKER: id, MESHBOOK_TOKEN_FILE: secretAt },
    // In no environment: files of a machine are read once, by root.
    files: [{ guest_path: secretAt, raw_value: Buffer.from(token).toString('base64') }],
    guest: guestOf(most),
    auto_destroy: false,
    restart: { policy: 'no' },
    stop_config: { signal: 'SIGTERM', timeout: `${Math.ceil(limits.taskStopMs / 1000)}s` },
    services: [],
  }
}

/** The smallest machine with so much; memory and processors go together. */
function guestOf({ cpus: wanted, memoryBytes }: TaskWorkerSpec['limits']): object {
  const memory = Math.ceil(memoryBytes / mebibyte / memoryStep) * memoryStep
  const largest = cpuCounts.at(-1) ?? 1
  const cpus = cpuCounts.find(count => count >= wanted && count * mostMemoryOfCpu >= memory) ?? largest
  const memory_mb = Math.min(cpus * mostMemoryOfCpu, Math.max(cpus * memoryStep, memory))
  return { cpu_kind: 'shared', cpus, memory_mb }
}
