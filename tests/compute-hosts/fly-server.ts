/**
 * The Machines API of Fly as far as task workers need it, written from its published reference: paths, bodies, errors, and
 * the states that a machine goes through.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'

const duration = v.pipe(v.string(), v.regex(/^\d+(ns|us|ms|s|m|h)$/))
const signal = v.picklist(['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGKILL', 'SIGHUP'])
const createSchema = v.strictObject({
  name: v.optional(v.pipe(v.string(), v.maxLength(63), v.regex(/^[a-z0-9][a-z0-9-]*$/))),
  region: v.optional(v.pipe(v.string(), v.regex(/^[a-z]{3}$/))),
  skip_launch: v.optional(v.boolean()),
  config: v.strictObject({
    image: v.pipe(v.string(), v.minLength(1)),
    metadata: v.optional(v.record(v.string(), v.string())),
    init: v.optional(v.strictObject({ exec: v.optional(v.array(v.string())), cmd: v.optional(v.array(v.string())) })),
    env: v.optional(v.record(v.string(), v.string())),
    files: v.optional(
      v.array(
        v.strictObject({
          guest_path: v.pipe(v.string(), v.startsWith('/')),
          raw_value: v.optional(v.pipe(v.string(), v.base64())),
          secret_name: v.optional(v.string()),
        }),
      ),
    ),
    guest: v.strictObject({
      cpu_kind: v.picklist(['shared', 'performance']),
      cpus: v.picklist([1, 2, 4, 8]),
      memory_mb: v.pipe(v.number(), v.integer(), v.multipleOf(256)),
    }),
    auto_destroy: v.optional(v.boolean()),
    restart: v.optional(
      v.strictObject({ policy: v.picklist(['no', 'always', 'on-failure']), max_retries: v.optional(v.number()) }),
    ),
    stop_config: v.optional(v.strictObject({ signal: v.optional(signal), timeout: v.optional(duration) })),
    services: v.optional(v.array(v.unknown())),
  }),
})
const stopSchema = v.strictObject({ signal: v.optional(signal), timeout: v.optional(duration) })
type Created = v.InferOutput<typeof createSchema>

export interface Machine {
  id: string
  name: string
  state: 'created' | 'starting' | 'started' | 'stopping' | 'stopped' | 'destroying' | 'destroyed'
  region: string
  instance_id: string
  config: Created['config']
}

const stepMs = 30

export class FlyServer {
  readonly token = 'fly-token'
  readonly app = 'agents'
  url = ''
  obeys = true
  readonly machines = new Map<string, Machine>()
  #number = 0

  static async start(t: { after(close: () => unknown): void }): Promise<FlyServer> {
    const api = new FlyServer()
    const server = createServer((request, response) => {
      api.#serve(request, response).catch(thrown => response.destroy(thrown as Error))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return api
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const piece of request.setEncoding('utf8')) body += piece
    const { authorization = '' } = request.headers
    if (authorization !== `Bearer ${this.token}` && authorization !== `FlyV1 ${this.token}`)
      return refuse(response, 401, 'Authenticate: token validation error')
    const url = new URL(request.url ?? '', 'http://api')
    const found = /^\/v1\/apps\/([^/]+)\/machines(?:\/([^/]+))?(?:\/(wait|stop|start))?$/.exec(url.pathname)
    if (!found) return refuse(response, 404, 'Not found')
    const [, app, id, verb] = found
    if (app !== this.app) return refuse(response, 404, 'Could not find App')
    if (id === undefined) return request.method === 'POST' ? this.#create(response, body) : this.#list(response, url)
    const machine = this.machines.get(id)
    if (!machine || machine.state === 'destroyed') return refuse(response, 404, `machine not found`)
    if (request.method === 'GET' && verb === 'wait') return this.#wait(response, machine, url)
    if (request.method === 'POST' && verb === 'stop') return this.#stop(response, machine, body)
    if (request.method === 'GET' && verb === undefined) return send(response, 200, machine)
    if (request.method === 'DELETE' && verb === undefined) return this.#destroy(response, machine, url)
    return refuse(response, 405, 'Method not allowed')
  }

  #create(response: ServerResponse, body: string) {
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), createSchema), body)
    if (!parsed.success) {
      const [issue] = parsed.issues
      return refuse(response, 400, `invalid_argument: ${v.getDotPath(issue) ?? ''}: ${issue.message}`)
    }
    const { name = `machine-${this.#number}`, region = 'ams', config } = parsed.output
    if (config.guest.memory_mb > 2048 * config.guest.cpus)
      return refuse(response, 422, `invalid config.guest.memory_mb, maximum allowed is ${2048 * config.guest.cpus}`)
    if (config.guest.memory_mb < 256 * config.guest.cpus)
      return refuse(response, 422, `invalid config.guest.memory_mb, minimum required is ${256 * config.guest.cpus}`)
    if (config.image.includes('none')) return refuse(response, 400, `manifest unknown: ${config.image}`)
    if ([...this.machines.values()].some(machine => machine.name === name && machine.state !== 'destroyed'))
      return refuse(
        response,
        409,
        `already_exists: unique machine name violation, machine ID already exists with name "${name}"`,
      )
    this.#number += 1
    const id = `d89${String(this.#number).padStart(11, '0')}`
    const instance_id = `01K${String(this.#number).padStart(23, '0')}`
    const machine: Machine = { id, name, state: 'created', region, instance_id, config }
    this.machines.set(id, machine)
    void this.#begin(machine)
    return send(response, 200, machine)
  }

  async #begin(machine: Machine): Promise<void> {
    for (const state of ['starting', 'started'] as const) {
      await sleep(stepMs)
      if (!['created', 'starting'].includes(machine.state)) return
      machine.state = state
    }
  }

  #list(response: ServerResponse, url: URL) {
    const wanted = [...url.searchParams].filter(([key]) => key.startsWith('metadata.'))
    const found = [...this.machines.values()].filter(
      ({ state, config }) =>
        state !== 'destroyed' &&
        wanted.every(([key, value]) => config.metadata?.[key.slice('metadata.'.length)] === value),
    )
    send(response, 200, found)
  }

  async #wait(response: ServerResponse, machine: Machine, url: URL): Promise<void> {
    const state = url.searchParams.get('state') ?? 'started'
    const timeout = Number(url.searchParams.get('timeout') ?? 60)
    if (!['started', 'stopped', 'suspended', 'destroyed'].includes(state)) return refuse(response, 400, 'invalid state')
    const instance = url.searchParams.get('instance_id')
    if (state === 'stopped' && instance === null)
      return refuse(response, 400, 'invalid_argument: instance_id is required to wait for the state stopped')
    if (instance !== null && instance !== machine.instance_id)
      return refuse(response, 404, `not_found: instance ${instance} of the machine`)
    if (!(timeout >= 1 && timeout <= 60)) return refuse(response, 400, 'timeout must be between 1 and 60 seconds')
    for (const until = performance.now() + 1_000 * timeout; performance.now() < until; await sleep(5))
      if (machine.state === state) return send(response, 200, { ok: true })
    return refuse(
      response,
      408,
      `deadline_exceeded: machine failed to reach desired state, ${state}, currently ${machine.state}`,
    )
  }

  #stop(response: ServerResponse, machine: Machine, body: string) {
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), stopSchema), body === '' ? '{}' : body)
    if (!parsed.success) return refuse(response, 400, 'invalid_argument')
    if (machine.state === 'starting' || machine.state === 'created')
      return refuse(
        response,
        412,
        `failed_precondition: unable to stop machine, current state invalid: ${machine.state}`,
      )
    const { timeout = '5s' } = parsed.output
    machine.state = 'stopping'
    const ms = this.obeys ? stepMs : Number.parseInt(timeout, 10) * 1_000
    void sleep(ms).then(() => {
      if (machine.state === 'stopping') machine.state = 'stopped'
    })
    return send(response, 200, { ok: true })
  }

  #destroy(response: ServerResponse, machine: Machine, url: URL) {
    if (machine.state !== 'stopped' && url.searchParams.get('force') !== 'true')
      return refuse(response, 412, `failed_precondition: unable to destroy machine, not currently stopped`)
    machine.state = 'destroyed'
    return send(response, 200, { ok: true })
  }
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function refuse(response: ServerResponse, code: number, error: string): void {
  send(response, code, { error })
}
