/** Whether and how the hub makes workers, from its settings. Reads no file and opens nothing. */
import { isIP } from 'node:net'
import { isAbsolute } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { WorkerLimits } from './port.ts'

export type ComputeConfig = ComputeBase & ComputeDriverConfig

export type ComputeDriverConfig =
  /** `process`: workers of agent tasks in bubblewrap; there are none for sessions. */
  | { driver: 'docker' | 'process' }
  /** Workers of agent tasks on other hosts; there are none for sessions. */
  | { driver: 'kubernetes'; kubernetes: KubernetesConfig }
  | { driver: 'fly'; fly: FlyConfig }

export interface KubernetesConfig {
  url: string
  namespace: string
  tokenFile: string
  /** Of the cluster's own authority. */
  caFile: string
  hubUrl: string
  /** Under which workers reach the hub: they ask no name server. */
  hubAddresses: readonly string[]
}

export interface FlyConfig {
  url: string
  app: string
  region: string | null
  tokenFile: string
  hubUrl: string
}

export interface ComputeBase {
  /** The engine's unix socket. */
  engine: string
  image: string
  most: number
  idleMs: number
  limits: WorkerLimits
  /** Of the disk of an agent task. */
  diskBytes: number
}

export const computeSettings = {
  MESHBOOK_COMPUTE:
    'docker: containers for runs that no device can take, and for agent tasks; process, kubernetes, fly: agent tasks alone, in bubblewrap, jobs or machines (off)',
  MESHBOOK_COMPUTE_ENGINE: 'unix socket of the container engine (/var/run/docker.sock)',
  MESHBOOK_COMPUTE_IMAGE: 'image of the containers, made by `meshbook compute image` (meshbook-worker)',
  MESHBOOK_COMPUTE_MOST: 'containers that run at a time (4)',
  MESHBOOK_COMPUTE_MEMORY: 'memory of one container, such as 512m or 4g (2g)',
  MESHBOOK_COMPUTE_CPUS: 'processors of one container (2)',
  MESHBOOK_COMPUTE_PROCESSES: 'processes and threads of one container (512)',
  MESHBOOK_COMPUTE_DISK: 'disk of one agent task, such as 2g (4g)',
  MESHBOOK_COMPUTE_IDLE_MINUTES: 'a container that nobody used for so long is stopped (15)',
  MESHBOOK_COMPUTE_URL: 'API of Kubernetes (https://kubernetes.default.svc) or Fly (https://api.machines.dev)',
  MESHBOOK_COMPUTE_TOKEN_FILE: 'file with the token for that API (in a pod its service account)',
  MESHBOOK_COMPUTE_CA_FILE: 'certificates of the authority of Kubernetes (in a pod its service account)',
  MESHBOOK_COMPUTE_NAMESPACE: 'namespace of Kubernetes for the jobs (meshbook)',
  MESHBOOK_COMPUTE_APP: 'app of Fly for the machines',
  MESHBOOK_COMPUTE_REGION: 'region of Fly, such as ams (as Fly chooses)',
  MESHBOOK_COMPUTE_HUB_URL: 'https address under which workers on other hosts reach this hub (MESHBOOK_PUBLIC_URL)',
  MESHBOOK_COMPUTE_HUB_ADDRESSES:
    'IP addresses of that host, with commas between: all that jobs of Kubernetes may connect to',
} as const
type ComputeSetting = keyof typeof computeSettings
type Setting = (name: ComputeSetting) => string | undefined
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Null where nothing is said: there are no workers. */
export function parseCompute(setting: Setting, publicUrl: string | null): ComputeConfig | null {
  const driver = parseDriver(setting, publicUrl)
  if (!driver) return null
  const number = (name: ComputeSetting, usual: number, least: number, most: number): number => {
    const found = Number(setting(name) ?? usual)
    if (found >= least && found <= most) return found
    throw bad(name, `a number from ${least} to ${most}`)
  }
  return {
    ...driver,
    engine: parseEngine(setting('MESHBOOK_COMPUTE_ENGINE') ?? '/var/run/docker.sock'),
    image: parseImage(setting('MESHBOOK_COMPUTE_IMAGE'), driver.driver),
    most: Math.floor(number('MESHBOOK_COMPUTE_MOST', 4, 1, 1_000)),
    idleMs: Math.ceil(60_000 * number('MESHBOOK_COMPUTE_IDLE_MINUTES', 15, 0.01, 100_000)),
    diskBytes: parseSize('MESHBOOK_COMPUTE_DISK', setting('MESHBOOK_COMPUTE_DISK') ?? '4g'),
    limits: {
      memoryBytes: parseSize('MESHBOOK_COMPUTE_MEMORY', setting('MESHBOOK_COMPUTE_MEMORY') ?? '2g'),
      cpus: number('MESHBOOK_COMPUTE_CPUS', 2, 0.1, 1_000),
      processes: Math.floor(number('MESHBOOK_COMPUTE_PROCESSES', 512, 64, 1_000_000)),
    },
  }
}

function parseEngine(text: string): string {
  const path = text.replace(/^unix:\/\//, '')
  if (isAbsolute(path)) return path
  throw bad('MESHBOOK_COMPUTE_ENGINE', 'the path of a unix socket, such as /var/run/docker.sock')
}

function parseDriver(setting: Setting, publicUrl: string | null): ComputeDriverConfig | null {
  const driver = setting('MESHBOOK_COMPUTE')
  switch (driver) {
    case undefined:
    case 'off':
      return null
    case 'docker':
    case 'process':
      return { driver }
    case 'kubernetes':
      return { driver, kubernetes: parseKubernetes(setting, publicUrl) }
    case 'fly':
      return { driver, fly: parseFly(setting, publicUrl) }
    default:
      throw bad('MESHBOOK_COMPUTE', 'docker, process, kubernetes, fly or off')
  }
}

function parseKubernetes(setting: Setting, publicUrl: string | null): KubernetesConfig {
  const hubUrl = parseHubUrl(setting, publicUrl)
  return {
    url: parseHttps('MESHBOOK_COMPUTE_URL', setting('MESHBOOK_COMPUTE_URL') ?? 'https://kubernetes.default.svc'),
    namespace: parseName('MESHBOOK_COMPUTE_NAMESPACE', setting('MESHBOOK_COMPUTE_NAMESPACE') ?? 'meshbook'),
    tokenFile: parseFile(
      'MESHBOOK_COMPUTE_TOKEN_FILE',
      setting('MESHBOOK_COMPUTE_TOKEN_FILE') ?? `${serviceAccount}/token`,
    ),
    caFile: parseFile('MESHBOOK_COMPUTE_CA_FILE', setting('MESHBOOK_COMPUTE_CA_FILE') ?? `${serviceAccount}/ca.crt`),
    hubUrl,
    hubAddresses: parseAddresses(setting('MESHBOOK_COMPUTE_HUB_ADDRESSES') ?? hostOf(hubUrl)),
  }
}

function parseFly(setting: Setting, publicUrl: string | null): FlyConfig {
  const region = setting('MESHBOOK_COMPUTE_REGION') ?? null
  if (region !== null && !/^[a-z]{3}$/.test(region)) throw bad('MESHBOOK_COMPUTE_REGION', 'three letters, such as ams')
  return {
    url: parseHttps('MESHBOOK_COMPUTE_URL', setting('MESHBOOK_COMPUTE_URL') ?? 'https://api.machines.dev'),
    app: parseName('MESHBOOK_COMPUTE_APP', setting('MESHBOOK_COMPUTE_APP') ?? ''),
    region,
    tokenFile: parseFile('MESHBOOK_COMPUTE_TOKEN_FILE', setting('MESHBOOK_COMPUTE_TOKEN_FILE') ?? ''),
    hubUrl: parseHubUrl(setting, publicUrl),
  }
}

function parseHubUrl(setting: Setting, publicUrl: string | null): string {
  return parseHttps('MESHBOOK_COMPUTE_HUB_URL', setting('MESHBOOK_COMPUTE_HUB_URL') ?? publicUrl ?? '')
}

/** Tokens go there: nothing else than HTTPS, but on this machine. */
function parseHttps(name: ComputeSetting, text: string): string {
  const url = URL.parse(text)
  const isHere = url !== null && url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  const isBare = url !== null && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  if (url && isBare && (url.protocol === 'https:' || isHere)) return url.origin
  throw bad(name, 'an https address without a path, such as https://mesh.example')
}

function parseName(name: ComputeSetting, text: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return text
  throw bad(name, 'a name of small letters, digits and hyphens')
}

function parseFile(name: ComputeSetting, text: string): string {
  if (isAbsolute(text)) return text
  throw bad(name, 'the absolute path of a file')
}

const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')

function parseAddresses(text: string): string[] {
  const addresses = text.split(',').map(address => address.trim())
  if (addresses.every(address => isIP(address) !== 0)) return addresses
  throw bad('MESHBOOK_COMPUTE_HUB_ADDRESSES', 'IP addresses with commas between, such as 192.0.2.7')
}

/** Platforms elsewhere fetch it from a registry, so there it has to be said. */
function parseImage(text: string | undefined, driver: ComputeConfig['driver']): string {
  const isElsewhere = driver === 'kubernetes' || driver === 'fly'
  const named = text ?? (isElsewhere ? '' : 'meshbook-worker')
  if (isElsewhere && remoteImage.test(named)) return named
  const name = named.includes(':') ? named : `${named}:latest`
  if (!isElsewhere && /^[a-z0-9]+(?:[._/-][a-z0-9]+)*:[\w][\w.-]{0,127}$/.test(name)) return name
  const example = isElsewhere ? 'registry.example/meshbook-worker:1' : 'meshbook-worker'
  throw bad('MESHBOOK_COMPUTE_IMAGE', `the name of an image, such as ${example}`)
}

const remoteImage =
  /^[a-z0-9][a-z0-9.-]*(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/

const units: Record<string, number> = { m: 1024 ** 2, g: 1024 ** 3 }

function parseSize(name: ComputeSetting, text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([mg])$/i.exec(text) ?? []
  const bytes = Math.floor(Number(number) * (units[unit?.toLowerCase() ?? ''] ?? Number.NaN))
  if (bytes >= 256 * 1024 ** 2) return bytes
  throw bad(name, 'at least 256m, such as 512m or 4g')
}

function bad(name: ComputeSetting, expected: string): MeshError {
  return new MeshError('BAD_CONFIG', { detail: `${name}: expected ${expected}` })
}
