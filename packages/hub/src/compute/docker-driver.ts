/**
 * Workers in containers of a Docker engine (CP1–CP5, CP31, CP35). What a container may do stands in `containerOf` and
 * nowhere else.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { isId, type WorkerId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { type DockerEngine, parsed } from './docker-engine.ts'
import type { ComputeDescription, ComputeDriver, FoundWorker, WorkerSpec } from './port.ts'

export interface ContainersOptions {
  /** Tells containers of this hub from those of others on the same engine. */
  hub: string
  image: string
  /** Of the program that is in the image; another one is refused (CP51). */
  version: string
}

export interface DockerOptions extends ContainersOptions {
  /** A folder of the host with the socket of the hub in it, and nothing else. */
  socketFolder: string
  /** What the container runs. */
  command: readonly string[]
  /** Beside the token; nothing secret. */
  env: Readonly<Record<string, string>>
}

export const imageLabels = { version: 'meshbook.version', languages: 'meshbook.languages' } as const
export const labels = { hub: 'meshbook.hub', worker: 'meshbook.worker' } as const
/** Where the socket of the hub is for what runs in the container. */
export const mountedAt = '/run/meshbook'
const user = '10001:10001'
const temporaryBytes = 256 * 1024 ** 2
/** Of what a worker wrote, when it ended. */
const saidBytes = 2_000
const nameTakenMs = 50

const inspectSchema = v.object({ State: v.object({ Status: v.string() }) })
const listSchema = v.array(v.object({ Labels: v.record(v.string(), v.string()), State: v.string() }))
const volumesSchema = v.object({
  Volumes: v.nullish(v.array(v.object({ Labels: v.nullish(v.record(v.string(), v.string())) }))),
})
const imageSchema = v.object({ Config: v.nullish(v.object({ Labels: v.nullish(v.record(v.string(), v.string())) })) })
const versionSchema = v.object({ Version: v.string() })

/** Containers of one kind: what they are for says the body that they are made with. */
export class DockerContainers<Spec extends { id: WorkerId }> implements ComputeDriver<Spec> {
  readonly #engine: DockerEngine
  readonly #options: ContainersOptions
  readonly #bodyOf: (spec: Spec) => Promise<object>

  constructor(engine: DockerEngine, options: ContainersOptions, bodyOf: (spec: Spec) => Promise<object>) {
    this.#engine = engine
    this.#options = options
    this.#bodyOf = bodyOf
  }

  async describe(): Promise<ComputeDescription> {
    const { image, version } = this.#options
    const { Version } = await this.#engine.json('GET', '/version', versionSchema)
    const path = `/images/${encodeURIComponent(image)}/json`
    const answer = await this.#engine.ask('GET', path, {}, [404])
    const missing = (problem: string): ComputeDescription => ({
      ready: false,
      driver: 'docker',
      problem,
      fix: 'Make it on this machine: `meshbook compute image`.',
    })
    if (answer.status === 404) return missing(`The image ${image} is not there.`)
    const found = parsed(answer, path, imageSchema).Config?.Labels ?? {}
    if (found[imageLabels.version] !== version) return missing(`The image ${image} is of another version of Meshbook.`)
    const languages = (found[imageLabels.languages] ?? '').split(' ').filter(Boolean)
    return { ready: true, driver: 'docker', engine: `Docker ${Version}`, languages, gpu: false }
  }

  async start(spec: Spec): Promise<void> {
    const name = nameOf(spec.id)
    if ((await this.#made(name, spec)) === 'created')
      await this.#engine.ask('POST', `/containers/${name}/start`, {}, [304])
  }

  /** The status of its container, which is made unless it is there. */
  async #made(name: string, spec: Spec): Promise<string> {
    const path = `/containers/${name}/json`
    for (const deadline = performance.now() + limits.engineAnswerMs; ; await sleep(nameTakenMs)) {
      const body = await this.#bodyOf(spec)
      const { status } = await this.#engine.ask('POST', `/containers/create?name=${name}`, { body }, [409])
      const found = await this.#engine.ask('GET', path, {}, [404])
      if (found.status !== 404) return parsed(found, path, inspectSchema).State.Status
      // The name is taken by a call that is making the container, or taking it away, at the moment.
      if (status !== 409 || performance.now() > deadline)
        throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `the container ${name} was taken away while it was made` })
    }
  }

  async stop(id: WorkerId, graceMs: number): Promise<{ said: string }> {
    const name = nameOf(id)
    const seconds = Math.ceil(graceMs / 1000)
    const timeoutMs = graceMs + limits.engineAnswerMs
    await this.#engine.ask('POST', `/containers/${name}/stop?t=${seconds}`, { timeoutMs }, [304, 404])
    const said = await this.#said(name)
    // 409: another call removes it at the moment.
    await this.#engine.ask('DELETE', `/containers/${name}?force=1`, {}, [404, 409])
    await this.#engine.ask('DELETE', `/volumes/${name}`, {}, [404, 409])
    return { said }
  }

  /** A folder without a container, as a kill in the middle of a stop leaves it, is of a worker that has ended. */
  async list(): Promise<FoundWorker[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [`${labels.hub}=${this.#options.hub}`] }))
    const { Volumes } = await this.#engine.json('GET', `/volumes?filters=${filters}`, volumesSchema)
    const found = await this.#engine.json('GET', `/containers/json?all=1&filters=${filters}`, listSchema)
    const states = new Map<WorkerId, FoundWorker['state']>()
    for (const { Labels } of Volumes ?? []) note(states, Labels, 'ended')
    for (const { Labels, State } of found) note(states, Labels, State === 'running' ? 'running' : 'ended')
    return [...states].map(([id, state]) => ({ id, state }))
  }

  async #said(name: string): Promise<string> {
    const path = `/containers/${name}/logs?stdout=1&stderr=1&tail=20`
    const { status, body } = await this.#engine.ask('GET', path, {}, [404, 409])
    return status === 200 ? textOfLog(body).slice(-saidBytes) : ''
  }
}

/** Containers for sessions. */
export class DockerDriver extends DockerContainers<WorkerSpec> {
  constructor(engine: DockerEngine, options: DockerOptions) {
    super(engine, options, async spec => containerOf(spec, options))
  }
}

type Labels = Record<string, string> | null | undefined

function note(states: Map<WorkerId, FoundWorker['state']>, found: Labels, state: FoundWorker['state']): void {
  const id = found?.[labels.worker]
  if (isId('worker', id)) states.set(id, state)
}

export const nameOf = (id: WorkerId): string => `meshbook-${id}`

function containerOf({ id, token, restores, limits: most }: WorkerSpec, options: DockerOptions): object {
  const { hub, image, socketFolder, command, env } = options
  const [entry, ...rest] = command
  const own = { ...env, MESHBOOK_WORKER_TOKEN: token, MESHBOOK_SNAPSHOT: restores ? 'portable' : 'off' }
  const label = { [labels.hub]: hub, [labels.worker]: id }
  return {
    Image: image,
    Labels: label,
    Hostname: 'worker',
    User: user,
    WorkingDir: '/work',
    Entrypoint: [entry],
    Cmd: rest,
    Env: Object.entries(own).map(([name, value]) => `${name}=${value}`),
    NetworkDisabled: true,
    AttachStdout: false,
    AttachStderr: false,
    HostConfig: {
      NetworkMode: 'none',
      IpcMode: 'private',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      Init: true,
      RestartPolicy: { Name: 'no' },
      PidsLimit: most.processes,
      Memory: most.memoryBytes,
      MemorySwap: most.memoryBytes,
      NanoCpus: Math.round(most.cpus * 1e9),
      ShmSize: temporaryBytes,
      Tmpfs: { '/tmp': `rw,nosuid,nodev,mode=1777,size=${temporaryBytes}` },
      Mounts: [
        { Type: 'bind', Source: socketFolder, Target: mountedAt, ReadOnly: true },
        { Type: 'volume', Source: nameOf(id), Target: '/work', VolumeOptions: { Labels: label } },
      ],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
    },
  }
}

/** Frames of a log: a byte that names the stream, three of nothing, four of length, and the text. */
function textOfLog(body: Buffer): string {
  let text = ''
  for (let at = 0; at + 8 <= body.byteLength; ) {
    const length = body.readUInt32BE(at + 4)
    text += body.toString('utf8', at + 8, at + 8 + length)
    at += 8 + length
  }
  return text
}
