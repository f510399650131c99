/** Task workers as jobs of Kubernetes, by its HTTP API. What a job is stands in `kubernetes-objects.ts`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { isId, type WorkerId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { jobOf, type KubernetesPlace, labels, nameOf, policyOf, secretOf } from './kubernetes-objects.ts'
import { PlatformApi, type PlatformOptions } from './platform-api.ts'
import type { ComputeDescription, FoundWorker, TaskDriver, TaskWorkerSpec } from './port.ts'

export interface KubernetesOptions extends Omit<PlatformOptions, 'name'> {
  place: KubernetesPlace
  /** Between two looks at something that is on its way. */
  lookMs?: number
}

const versionSchema = v.object({ gitVersion: v.string() })
const metadata = v.object({ labels: v.optional(v.record(v.string(), v.string()), {}) })
const conditions = v.optional(v.array(v.object({ type: v.string(), status: v.string() })), [])
const jobsSchema = v.object({
  items: v.array(v.object({ metadata, status: v.optional(v.object({ conditions }), {}) })),
})
const ownedSchema = v.object({ items: v.array(v.object({ metadata })) })
const waitingSchema = v.object({
  state: v.optional(
    v.object({
      waiting: v.optional(v.object({ reason: v.optional(v.string(), ''), message: v.optional(v.string(), '') })),
    }),
    {},
  ),
})
const podsSchema = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string() }),
      status: v.optional(
        v.object({
          phase: v.optional(v.string(), 'Pending'),
          initContainerStatuses: v.optional(v.array(waitingSchema), []),
          containerStatuses: v.optional(v.array(waitingSchema), []),
        }),
        {},
      ),
    }),
  ),
})
/** Waiting will not mend it. */
const hopeless = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'CreateContainerConfigError',
  'ErrImageNeverPull',
])
const saidBytes = 2_000

export class KubernetesDriver implements TaskDriver {
  readonly #api: PlatformApi
  readonly #place: KubernetesPlace
  readonly #lookMs: number

  constructor({ place, lookMs = 500, ...api }: KubernetesOptions) {
    this.#api = new PlatformApi({ ...api, name: 'Kubernetes' })
    this.#place = place
    this.#lookMs = lookMs
  }

  async describe(): Promise<ComputeDescription> {
    const { gitVersion } = await this.#api.json('GET', '/version', versionSchema)
    const { status, text } = await this.#api.ask('GET', `${this.#jobs()}?limit=1`, {}, [401, 403, 404])
    const missing = (problem: string, fix: string): ComputeDescription => ({
      ready: false,
      driver: 'kubernetes',
      problem,
      fix,
    })
    if (status >= 400)
      return missing(
        `The hub may not use jobs in the namespace ${this.#place.namespace}: ${reasonOf(text)}`,
        'Give its service account the rights that docs/containers.md lists, in that namespace.',
      )
    if (!isSidecarVersion(gitVersion))
      return missing(`Kubernetes ${gitVersion} is too old.`, 'Version 1.29 or later is needed, for sidecar containers.')
    const weaker = [
      'The number of processes is limited by the cluster alone.',
      'Whether the network is closed depends on the network plugin of the cluster: it must enforce network policies.',
      'Containers of one pod share its network: tools can connect to the port of the hub too, and have no token for it.',
      'Prepared checkouts are not used: workers clone through their broker.',
    ]
    const languages = ['python', 'bash', 'javascript', 'typescript']
    return { ready: true, driver: 'kubernetes', engine: `Kubernetes ${gitVersion}`, languages, gpu: false, weaker }
  }

  /** Secret and policy first: a pod without its policy could reach everything. */
  async start(spec: TaskWorkerSpec): Promise<void> {
    const { namespace } = this.#place
    const made = [
      [`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`, policyOf(spec, this.#place)],
      [`/api/v1/namespaces/${namespace}/secrets`, secretOf(spec, this.#place)],
      [this.#jobs(), jobOf(spec, this.#place)],
    ] as const
    // 409: the same order made it before.
    for (const [path, body] of made) await this.#api.ask('POST', `${path}?fieldValidation=Strict`, { body }, [409])
    await this.#untilItRuns(spec.id)
  }

  async room(): Promise<null> {
    return null
  }

  async give(): Promise<boolean> {
    return false
  }

  async stop(id: WorkerId, graceMs: number): Promise<{ said: string }> {
    const { namespace } = this.#place
    const name = nameOf(id)
    // Read while it ends: with the pod its log is gone.
    const said = this.#said(id, graceMs)
    const gracePeriodSeconds = Math.ceil(graceMs / 1000)
    const gone = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Foreground' }
    await this.#api.ask('DELETE', `${this.#jobs()}/${name}`, { body: gone }, [404, 409])
    for (const pod of await this.#pods(id)) {
      const body = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds }
      await this.#api.ask('DELETE', `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`, { body }, [404, 409])
    }
    for (
      const until = performance.now() + graceMs + limits.engineAnswerMs;
      performance.now() < until;
      await sleep(this.#lookMs)
    )
      if ((await this.#pods(id)).length === 0) break
    const now = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 }
    for (const pod of await this.#pods(id))
      await this.#api.ask(
        'DELETE',
        `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`,
        { body: now },
        [404, 409],
      )
    await this.#api.ask('DELETE', `/api/v1/namespaces/${namespace}/secrets/${name}`, {}, [404])
    await this.#api.ask(
      'DELETE',
      `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/${name}`,
      {},
      [404],
    )
    return { said: await said }
  }

  /** A secret or a policy without a job, as a kill in the middle of a stop leaves it, is of a worker that has ended. */
  async list(): Promise<FoundWorker[]> {
    const { namespace, hub } = this.#place
    const query = `?labelSelector=${encodeURIComponent(`${labels.hub}=${hub}`)}`
    const states = new Map<WorkerId, FoundWorker['state']>()
    const left = [
      `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies${query}`,
      `/api/v1/namespaces/${namespace}/secrets${query}`,
    ]
    for (const path of left)
      for (const { metadata: found } of (await this.#api.json('GET', path, ownedSchema)).items)
        note(states, found.labels, 'ended')
    for (const { metadata: found, status } of (await this.#api.json('GET', `${this.#jobs()}${query}`, jobsSchema))
      .items) {
      const hasEnded = status.conditions?.some(
        ({ type, status: is }) => ['Complete', 'Failed'].includes(type) && is === 'True',
      )
      note(states, found.labels, hasEnded ? 'ended' : 'running')
    }
    return [...states].map(([id, state]) => ({ id, state }))
  }

  async #untilItRuns(id: WorkerId): Promise<void> {
    for (const until = performance.now() + limits.taskStartMs; performance.now() < until; await sleep(this.#lookMs)) {
      const [pod] = await this.#pods(id)
      if (!pod) continue
      const { phase = 'Pending', initContainerStatuses = [], containerStatuses = [] } = pod.status
      if (phase !== 'Pending') return
      const waiting = [...initContainerStatuses, ...containerStatuses].map(({ state }) => state.waiting)
      const stuck = waiting.find(one => one && hopeless.has(one.reason))
      if (stuck)
        throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${stuck.reason}: ${stuck.message}`.slice(0, 300) })
    }
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: 'the pod of the worker does not begin' })
  }

  async #pods(id: WorkerId): Promise<v.InferOutput<typeof podsSchema>['items']> {
    const query = encodeURIComponent(`${labels.worker}=${id}`)
    const path = `/api/v1/namespaces/${this.#place.namespace}/pods?labelSelector=${query}`
    return (await this.#api.json('GET', path, podsSchema)).items
  }

  /** Until the runner has ended; what it wrote is worth less than that it is stopped. */
  async #said(id: WorkerId, graceMs: number): Promise<string> {
    try {
      const [pod] = await this.#pods(id)
      if (!pod) return ''
      const path = `/api/v1/namespaces/${this.#place.namespace}/pods/${pod.metadata.name}/log?container=runner&tailLines=20&follow=true`
      const { status, text } = await this.#api.ask(
        'GET',
        path,
        { timeoutMs: graceMs + limits.engineAnswerMs },
        [400, 404],
      )
      return status === 200 ? text.slice(-saidBytes) : ''
    } catch (thrown) {
      if (thrown instanceof MeshError) return ''
      throw thrown
    }
  }

  #jobs(): string {
    return `/apis/batch/v1/namespaces/${this.#place.namespace}/jobs`
  }
}

function note(
  states: Map<WorkerId, FoundWorker['state']>,
  found: Record<string, string>,
  state: FoundWorker['state'],
): void {
  const id = found[labels.worker]
  if (isId('worker', id)) states.set(id, state)
}

function isSidecarVersion(version: string): boolean {
  const [, major = '0', minor = '0'] = /^v(\d+)\.(\d+)/.exec(version) ?? []
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 29)
}

function reasonOf(text: string): string {
  const found = v.safeParse(v.pipe(v.string(), v.parseJson(), v.object({ message: v.string() })), text)
  return found.success ? found.output.message.slice(0, 300) : 'it says no reason'
}
