/**
 * The API of Kubernetes as far as task workers need it, written from its published reference: paths, bodies checked field
 * by field as `fieldValidation=Strict` does, errors as `Status` objects, and what becomes of a job and its pod in time.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'

const name = v.pipe(v.string(), v.maxLength(63), v.regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/))
const label = v.pipe(v.string(), v.maxLength(63), v.regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/))
const labelKey = v.pipe(v.string(), v.regex(/^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/))
const labels = v.record(labelKey, label)
const metadata = v.strictObject({ name, labels: v.optional(labels) })
const quantity = v.pipe(v.string(), v.regex(/^\d+(\.\d+)?(m|[KMGT]i?)?$/))
const resources = v.strictObject({ limits: v.record(v.string(), quantity), requests: v.record(v.string(), quantity) })
const ip = v.pipe(v.string(), v.ip())
const subdomain = v.pipe(
  v.string(),
  v.maxLength(253),
  v.regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/),
)
const id = v.pipe(v.number(), v.integer(), v.minValue(0))
const seconds = v.pipe(v.number(), v.integer(), v.minValue(1))
const containerEntries = {
  name,
  image: v.pipe(v.string(), v.minLength(1)),
  imagePullPolicy: v.picklist(['Always', 'IfNotPresent', 'Never']),
  command: v.array(v.string()),
  env: v.optional(v.array(v.strictObject({ name: v.string(), value: v.string() }))),
  resources,
  volumeMounts: v.array(
    v.strictObject({
      name,
      mountPath: v.pipe(v.string(), v.startsWith('/')),
      readOnly: v.optional(v.boolean()),
      subPath: v.optional(v.pipe(v.string(), v.regex(/^(?!\/)(?!.*\.\.)/))),
    }),
  ),
  securityContext: v.strictObject({
    runAsUser: id,
    runAsGroup: id,
    runAsNonRoot: v.boolean(),
    privileged: v.boolean(),
    allowPrivilegeEscalation: v.boolean(),
    readOnlyRootFilesystem: v.boolean(),
    capabilities: v.strictObject({ drop: v.array(v.string()), add: v.optional(v.array(v.string())) }),
  }),
  startupProbe: v.optional(
    v.strictObject({
      exec: v.strictObject({ command: v.array(v.string()) }),
      periodSeconds: seconds,
      failureThreshold: seconds,
    }),
  ),
}
const podSpec = v.strictObject({
  restartPolicy: v.picklist(['Never', 'OnFailure']),
  automountServiceAccountToken: v.boolean(),
  enableServiceLinks: v.boolean(),
  hostNetwork: v.boolean(),
  hostPID: v.boolean(),
  hostIPC: v.boolean(),
  shareProcessNamespace: v.boolean(),
  terminationGracePeriodSeconds: seconds,
  dnsPolicy: v.optional(v.picklist(['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'])),
  dnsConfig: v.optional(v.strictObject({ nameservers: v.pipe(v.array(ip), v.minLength(1), v.maxLength(3)) })),
  hostAliases: v.optional(v.array(v.strictObject({ ip, hostnames: v.array(subdomain) }))),
  securityContext: v.strictObject({
    runAsNonRoot: v.boolean(),
    fsGroup: id,
    fsGroupChangePolicy: v.picklist(['OnRootMismatch', 'Always']),
    seccompProfile: v.strictObject({ type: v.picklist(['RuntimeDefault', 'Unconfined', 'Localhost']) }),
  }),
  initContainers: v.array(v.strictObject({ ...containerEntries, restartPolicy: v.literal('Always') })),
  containers: v.pipe(v.array(v.strictObject(containerEntries)), v.minLength(1)),
  volumes: v.array(
    v.union([
      v.strictObject({
        name,
        emptyDir: v.strictObject({ medium: v.optional(v.picklist(['', 'Memory'])), sizeLimit: v.optional(quantity) }),
      }),
      v.strictObject({ name, secret: v.strictObject({ secretName: name, defaultMode: id }) }),
    ]),
  ),
})
const kinds = {
  jobs: v.strictObject({
    apiVersion: v.literal('batch/v1'),
    kind: v.literal('Job'),
    metadata,
    spec: v.strictObject({
      backoffLimit: id,
      completions: seconds,
      parallelism: seconds,
      activeDeadlineSeconds: seconds,
      template: v.strictObject({ metadata: v.strictObject({ labels }), spec: podSpec }),
    }),
  }),
  secrets: v.strictObject({
    apiVersion: v.literal('v1'),
    kind: v.literal('Secret'),
    metadata,
    type: v.string(),
    immutable: v.boolean(),
    data: v.record(v.string(), v.pipe(v.string(), v.base64())),
  }),
  networkpolicies: v.strictObject({
    apiVersion: v.literal('networking.k8s.io/v1'),
    kind: v.literal('NetworkPolicy'),
    metadata,
    spec: v.strictObject({
      podSelector: v.strictObject({ matchLabels: labels }),
      policyTypes: v.array(v.picklist(['Ingress', 'Egress'])),
      ingress: v.array(v.unknown()),
      egress: v.array(
        v.strictObject({
          to: v.array(v.strictObject({ ipBlock: v.strictObject({ cidr: v.string() }) })),
          ports: v.array(v.strictObject({ protocol: v.picklist(['TCP', 'UDP']), port: id })),
        }),
      ),
    }),
  }),
} as const
const deleteOptions = v.strictObject({
  kind: v.literal('DeleteOptions'),
  apiVersion: v.literal('v1'),
  gracePeriodSeconds: v.optional(id),
  propagationPolicy: v.optional(v.picklist(['Foreground', 'Background', 'Orphan'])),
})
type Kind = keyof typeof kinds
export type Job = v.InferOutput<typeof kinds.jobs>
export type NetworkPolicy = v.InferOutput<typeof kinds.networkpolicies>

export interface Pod {
  name: string
  job: string
  labels: Record<string, string>
  phase: 'Pending' | 'Running' | 'Failed' | 'Succeeded'
  waiting: { reason: string; message: string } | undefined
  log: string
}

const roots: Record<string, Kind | 'pods'> = {
  '/apis/batch/v1': 'jobs',
  '/apis/networking.k8s.io/v1': 'networkpolicies',
}
const beginMs = 40

export class KubernetesServer {
  readonly token = 'k8s-token'
  readonly namespace = 'agents'
  url = ''
  version = 'v1.31.2'
  /** Whether workers end when they are asked to. */
  obeys = true
  readonly objects: Record<Kind, Map<string, { metadata: { name: string; labels?: Record<string, string> } }>> = {
    jobs: new Map(),
    secrets: new Map(),
    networkpolicies: new Map(),
  }
  readonly pods = new Map<string, Pod>()
  readonly failed = new Set<string>()
  /** In the order in which they came. */
  readonly made: string[] = []

  static async start(t: { after(close: () => unknown): void }): Promise<KubernetesServer> {
    const api = new KubernetesServer()
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

  /** The node kills the pod; a job with a back-off limit of 0 has failed then. */
  fail(job: string): void {
    this.failed.add(job)
    for (const pod of this.pods.values()) if (pod.job === job) pod.phase = 'Failed'
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const url = new URL(request.url ?? '', 'http://api')
    if (request.headers.authorization !== `Bearer ${this.token}`)
      return status(response, 401, 'Unauthorized', 'Unauthorized')
    if (request.method === 'GET' && url.pathname === '/version')
      return send(response, 200, { major: '1', minor: '31', gitVersion: this.version, platform: 'linux/amd64' })
    const found = /^(\/api\/v1|\/apis\/[a-z0-9.]+\/v1)\/namespaces\/([^/]+)\/([a-z]+)(?:\/([^/]+))?(?:\/(log))?$/.exec(
      url.pathname,
    )
    if (!found) return status(response, 404, 'NotFound', 'the server could not find the requested resource')
    const [, root = '', namespace = '', kind = '', wanted, sub] = found
    const expected = roots[root]
    const isKnown = expected === undefined ? kind === 'pods' || kind === 'secrets' : kind === expected
    if (!isKnown) return status(response, 404, 'NotFound', 'the server could not find the requested resource')
    if (namespace !== this.namespace)
      return status(
        response,
        403,
        'Forbidden',
        `${kind} is forbidden: User "system:serviceaccount:agents:hub" cannot use resource "${kind}" in the namespace "${namespace}"`,
      )
    if (kind === 'pods') return this.#servePods(request, response, { url, wanted, sub, body })
    return this.#serveObjects(request, response, { kind: kind as Kind, url, wanted, body })
  }

  #serveObjects(
    { method }: IncomingMessage,
    response: ServerResponse,
    { kind, url, wanted, body }: { kind: Kind; url: URL; wanted: string | undefined; body: string },
  ) {
    const objects = this.objects[kind]
    if (method === 'GET' && wanted === undefined) {
      const items = [...objects.values()].filter(object => selects(url, object.metadata.labels))
      const shown = kind === 'jobs' ? items.map(job => ({ ...job, status: this.#statusOf(job.metadata.name) })) : items
      return send(response, 200, { kind: 'List', metadata: { resourceVersion: '1' }, items: shown })
    }
    if (method === 'POST' && wanted === undefined) return this.#make(response, kind, body)
    if (wanted === undefined || !objects.has(wanted))
      return status(response, 404, 'NotFound', `${kind} "${wanted ?? ''}" not found`)
    if (method !== 'DELETE') return status(response, 405, 'MethodNotAllowed', 'the server does not allow this method')
    const options =
      body === ''
        ? { success: true as const, output: {} as v.InferOutput<typeof deleteOptions> }
        : v.safeParse(v.pipe(v.string(), v.parseJson(), deleteOptions), body)
    if (!options.success) return status(response, 400, 'BadRequest', 'invalid DeleteOptions')
    if (kind === 'jobs' && options.output.propagationPolicy === 'Foreground') void this.#removeWithPods(wanted)
    else objects.delete(wanted)
    return send(response, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' })
  }

  #make(response: ServerResponse, kind: Kind, body: string) {
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), kinds[kind] as v.GenericSchema), body)
    if (!parsed.success) {
      const [issue] = parsed.issues
      return status(
        response,
        400,
        'BadRequest',
        `strict decoding error: ${v.getDotPath(issue) ?? ''}: ${issue.message}`,
      )
    }
    const object = parsed.output as { metadata: { name: string; labels?: Record<string, string> } }
    const { name: wanted } = object.metadata
    if (this.objects[kind].has(wanted))
      return status(response, 409, 'AlreadyExists', `${kind} "${wanted}" already exists`)
    this.objects[kind].set(wanted, object)
    this.made.push(kind)
    if (kind === 'jobs') void this.#begin(object as Job)
    return send(response, 201, object)
  }

  async #begin({ metadata: { name: job }, spec: { template } }: Job): Promise<void> {
    const own = { ...template.metadata.labels, 'job-name': job, 'batch.kubernetes.io/job-name': job }
    const waiting = { reason: 'ContainerCreating', message: '' }
    const pod: Pod = { name: `${job}-x7k2p`, job, labels: own, phase: 'Pending', waiting, log: '' }
    this.pods.set(pod.name, pod)
    await sleep(beginMs)
    const image = template.spec.containers[0]!.image
    if (image.includes('none')) {
      pod.waiting = { reason: 'ErrImagePull', message: `failed to pull and unpack image "${image}": not found` }
      return
    }
    if (pod.phase !== 'Pending') return
    Object.assign(pod, { phase: 'Running', waiting: undefined, log: 'ready\n' })
  }

  async #removeWithPods(job: string): Promise<void> {
    const own = [...this.pods.values()].filter(pod => pod.job === job)
    for (const pod of own)
      void this.#endPod(pod, (this.objects.jobs.get(job) as Job).spec.template.spec.terminationGracePeriodSeconds)
    while ([...this.pods.values()].some(pod => pod.job === job)) await sleep(5)
    this.objects.jobs.delete(job)
  }

  async #endPod(pod: Pod, graceSeconds: number): Promise<void> {
    const isGone = (): boolean => !this.pods.has(pod.name)
    const ms = this.obeys || pod.phase !== 'Running' ? beginMs : graceSeconds * 1_000
    for (const until = performance.now() + ms; performance.now() < until && !isGone(); ) await sleep(5)
    if (this.obeys && pod.phase === 'Running' && !pod.log.endsWith('bye\n')) pod.log += 'bye\n'
    this.pods.delete(pod.name)
  }

  #servePods(
    { method }: IncomingMessage,
    response: ServerResponse,
    { url, wanted, sub, body }: { url: URL; wanted: string | undefined; sub: string | undefined; body: string },
  ) {
    if (method === 'GET' && wanted === undefined) {
      const items = [...this.pods.values()].filter(pod => selects(url, pod.labels)).map(shownPod)
      return send(response, 200, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items })
    }
    const pod = this.pods.get(wanted ?? '')
    if (!pod) return status(response, 404, 'NotFound', `pods "${wanted ?? ''}" not found`)
    if (method === 'GET' && sub === 'log') {
      if (pod.waiting)
        return status(
          response,
          400,
          'BadRequest',
          `container "runner" in pod "${pod.name}" is waiting to start: ${pod.waiting.reason}`,
        )
      void this.#log(response, pod, url.searchParams.get('follow') === 'true')
      return undefined
    }
    if (method !== 'DELETE') return status(response, 405, 'MethodNotAllowed', 'the server does not allow this method')
    const options = v.safeParse(v.pipe(v.string(), v.parseJson(), deleteOptions), body)
    if (!options.success) return status(response, 400, 'BadRequest', 'invalid DeleteOptions')
    const { gracePeriodSeconds = 30 } = options.output
    if (gracePeriodSeconds === 0) this.pods.delete(pod.name)
    else void this.#endPod(pod, gracePeriodSeconds)
    return send(response, 200, shownPod(pod))
  }

  /** What is followed ends with its container, or when nobody reads any more. */
  async #log(response: ServerResponse, pod: Pod, isFollowed: boolean): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/plain' })
    while (isFollowed && pod.phase === 'Running' && this.pods.has(pod.name) && !response.closed) await sleep(5)
    response.end(pod.log)
  }

  #statusOf(job: string): object {
    const pod = [...this.pods.values()].find(one => one.job === job)
    if (!this.failed.has(job)) return pod?.phase === 'Running' ? { active: 1, ready: 1 } : { active: 1, ready: 0 }
    return { failed: 1, conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }] }
  }
}

function shownPod({ name: podName, labels: own, phase, waiting }: Pod): object {
  const state = waiting ? { waiting } : { running: { startedAt: '2026-01-01T00:00:00Z' } }
  return {
    metadata: { name: podName, labels: own },
    status: { phase, containerStatuses: [{ name: 'runner', ready: !waiting, restartCount: 0, state }] },
  }
}

function selects(url: URL, own: Record<string, string> = {}): boolean {
  const selector = url.searchParams.get('labelSelector') ?? ''
  return selector
    .split(',')
    .filter(Boolean)
    .every(part => {
      const [key = '', value] = part.split('=')
      return own[key] === value
    })
}

async function text(request: IncomingMessage): Promise<string> {
  let all = ''
  for await (const piece of request.setEncoding('utf8')) all += piece
  return all
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function status(response: ServerResponse, code: number, reason: string, message: string): void {
  send(response, code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code })
}
