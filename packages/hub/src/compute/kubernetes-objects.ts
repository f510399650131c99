/**
 * What a task worker is in Kubernetes (CP60-CP66): a job of one pod with three containers, each of its own user and with
 * processes of its own. The runner is what the job waits for; broker and tools are sidecars beside it. Pure.
 */
import { isIP } from 'node:net'
import { taskPlaces } from '@meshbook/core/broker.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { TaskWorkerSpec } from './port.ts'
import { brokerCommand, runnerCommand, toolsCommand } from './task-command.ts'
import { taskUsers } from './task-users.ts'

export interface KubernetesPlace {
  hub: string
  namespace: string
  image: string
  version: string
  /** Where the broker of a worker finds the hub. */
  hubUrl: string
  /** Addresses of the hub, as blocks: all that a pod may reach. */
  hubBlocks: readonly string[]
}

export const labels = {
  hub: 'meshbook.dev/hub',
  worker: 'meshbook.dev/worker',
  version: 'meshbook.dev/version',
} as const
const pipes = '/run/meshbook/pipes'
const secretAt = '/run/meshbook/secret'
const brokerUser = 10_003
/** A group that nobody else is in: volumes belong to it. */
const volumesGroup = 10_010
const mebibyte = 1024 ** 2
const smallBytes = 64 * mebibyte
/** What broker and runner get of the whole; the rest is for tools. */
const brokerMemoryBytes = 192 * mebibyte
const runnerMemoryBytes = 512 * mebibyte

/** As names of objects may be. */
export const nameOf = (id: string): string => `meshbook-${id.replaceAll('_', '-')}`

export function labelsOf(
  { id }: Pick<TaskWorkerSpec, 'id'>,
  { hub, version }: KubernetesPlace,
): Record<string, string> {
  return { [labels.hub]: hub, [labels.worker]: id, [labels.version]: version }
}

/** The token is mounted into the broker's container and no other. */
export function secretOf(spec: TaskWorkerSpec, place: KubernetesPlace): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: nameOf(spec.id), labels: labelsOf(spec, place) },
    type: 'Opaque',
    immutable: true,
    data: { token: Buffer.from(spec.token).toString('base64') },
  }
}

/** Nobody may come in; what goes out goes to the hub. */
export function policyOf(spec: TaskWorkerSpec, place: KubernetesPlace): object {
  const url = new URL(place.hubUrl)
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: nameOf(spec.id), labels: labelsOf(spec, place) },
    spec: {
      podSelector: { matchLabels: { [labels.worker]: spec.id } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [],
      egress: [
        {
          to: place.hubBlocks.map(cidr => ({ ipBlock: { cidr } })),
          ports: [{ protocol: 'TCP', port }],
        },
      ],
    },
  }
}

export function jobOf(spec: TaskWorkerSpec, place: KubernetesPlace): object {
  const { limits: most } = spec
  const own = labelsOf(spec, place)
  const toolsMemory = Math.max(smallBytes, most.memoryBytes - brokerMemoryBytes - runnerMemoryBytes)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: nameOf(spec.id), labels: own },
    spec: {
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      activeDeadlineSeconds: Math.ceil(most.wallMs / 1000),
      template: {
        metadata: { labels: own },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          ...namesOf(place),
          enableServiceLinks: false,
          hostNetwork: false,
          hostPID: false,
          hostIPC: false,
          shareProcessNamespace: false,
          terminationGracePeriodSeconds: Math.ceil(limits.taskStopMs / 1000),
          securityContext: {
            runAsNonRoot: true,
            fsGroup: volumesGroup,
            fsGroupChangePolicy: 'OnRootMismatch',
            seccompProfile: { type: 'RuntimeDefault' },
          },
          initContainers: [
            {
              ...container('broker', brokerUser, place, [...brokerCommand]),
              restartPolicy: 'Always',
              env: [
                { name: 'MESHBOOK_HUB_URL', value: place.hubUrl },
                { name: 'MESHBOOK_WORKER', value: spec.id },
                { name: 'MESHBOOK_TOKEN_FILE', value: `${secretAt}/token` },
                { name: 'MESHBOOK_PIPES', value: pipes },
              ],
              resources: resources(brokerMemoryBytes, most.cpus),
              volumeMounts: [
                { name: 'own', mountPath: taskPlaces.own },
                { name: 'shared', mountPath: taskPlaces.tools },
                { name: 'pipes', mountPath: pipes },
                { name: 'token', mountPath: secretAt, readOnly: true },
              ],
              startupProbe: {
                exec: { command: ['/bin/bash', '-c', `[ -p ${pipes}/answered ]`] },
                periodSeconds: 1,
                failureThreshold: 60,
              },
            },
            {
              ...container(
                'tools',
                taskUsers.tools.uid,
                place,
                piped(toolsCommand, `<>${pipes}/asked 1<>${pipes}/answered`),
              ),
              restartPolicy: 'Always',
              resources: resources(toolsMemory, most.cpus, most.diskBytes),
              volumeMounts: [
                { name: 'shared', mountPath: taskPlaces.tools, readOnly: true },
                { name: 'pipes', mountPath: pipes },
                { name: 'work', mountPath: taskPlaces.work },
                { name: 'work', mountPath: '/tmp', subPath: 'tmp' },
              ],
            },
          ],
          containers: [
            {
              ...container(
                'runner',
                taskUsers.runner.uid,
                place,
                piped(runnerCommand, `3<>${pipes}/answered 4<>${pipes}/asked`),
              ),
              resources: resources(runnerMemoryBytes, most.cpus),
              volumeMounts: [
                { name: 'own', mountPath: taskPlaces.own, readOnly: true },
                { name: 'pipes', mountPath: pipes },
                { name: 'scratch', mountPath: '/tmp' },
              ],
            },
          ],
          volumes: [
            { name: 'own', emptyDir: { medium: 'Memory', sizeLimit: String(smallBytes) } },
            { name: 'shared', emptyDir: { medium: 'Memory', sizeLimit: String(smallBytes) } },
            { name: 'pipes', emptyDir: { medium: 'Memory', sizeLimit: String(smallBytes) } },
            // The runner's own; tools have theirs on their disk.
            { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: String(smallBytes) } },
            { name: 'work', emptyDir: { sizeLimit: String(most.diskBytes) } },
            { name: 'token', secret: { secretName: nameOf(spec.id), defaultMode: 0o440 } },
          ],
        },
      },
    },
  }
}

/** The policy lets nobody ask a name server, so the pod is told what the hub's name is. */
function namesOf({ hubUrl, hubBlocks }: KubernetesPlace): object {
  const { hostname } = new URL(hubUrl)
  const dnsPolicy = { dnsPolicy: 'None', dnsConfig: { nameservers: ['127.0.0.1'] } }
  if (isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0) return dnsPolicy
  const single = hubBlocks.filter(block => /\/(?:32|128)$/.test(block)).map(block => block.replace(/\/\d+$/, ''))
  return { ...dnsPolicy, hostAliases: single.map(ip => ({ ip, hostnames: [hostname] })) }
}

/** The pipes between runner and tools are files of a volume, which the broker makes. */
const piped = (command: readonly string[], redirections: string): string[] => [
  '/bin/bash',
  '-c',
  `exec "$@" ${redirections}`,
  'piped',
  ...command,
]

function container(name: string, uid: number, { image }: KubernetesPlace, command: string[]): object {
  return {
    name,
    image,
    imagePullPolicy: 'IfNotPresent',
    command,
    securityContext: {
      runAsUser: uid,
      runAsGroup: uid,
      runAsNonRoot: true,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  }
}

function resources(memoryBytes: number, cpus: number, diskBytes?: number): object {
  const memory = String(memoryBytes)
  const disk = diskBytes === undefined ? {} : { 'ephemeral-storage': String(diskBytes) }
  return {
    limits: { memory, cpu: `${Math.round(cpus * 1000)}m`, ...disk },
    requests: { memory, cpu: '100m', ...disk },
  }
}
