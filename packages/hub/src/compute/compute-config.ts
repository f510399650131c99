/** Whether and how the hub makes workers, from its settings. Reads no file and opens nothing. */
import { isIP } from 'node:net'
import { isAbsolute } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { WorkerLimits } from './port.ts'

export interface ComputeConfig {
  /** All but `docker` make workers of agent tasks alone, and none for sessions. */
  driver: (typeof drivers)[number]
  elsewhere: ElsewhereConfig
  /** The engine's unix socket. */
  engine: string
  image: string
  most: number
  idleMs: number
  limits: WorkerLimits
  /** Of the disk of an agent task. */
  diskBytes: number
}

const drivers = ['docker', 'process', 'kubernetes', 'fly'] as const

/** Of drivers whose workers are on other hosts. */
export interface ElsewhereConfig {
  /** Where a worker finds the hub; the hub's public address where nothing is said. */
  hubUrl: string | null
  /** Blocks of addresses of the hub, as the cluster sees them. */
  hubBlocks: readonly string[]
  /** The platform's API; null: where a program in the cluster finds it, or Fly's own. */
  apiUrl: string | null
  /** A file with the token for it. */
  tokenFile: string | null
  caFile: string | null
  /** A namespace, or the name of an app. */
  place: string
  region: string | null
}

export const computeSettings = {
  MESHBOOK_COMPUTE:
    'docker: containers for runs that no device can take, and for agent tasks; process (bubblewrap), kubernetes, fly: agent tasks alone (off)',
  MESHBOOK_COMPUTE_ENGINE: 'unix socket of the container engine (/var/run/docker.sock)',
  MESHBOOK_COMPUTE_IMAGE: 'image of the containers, made by `meshbook compute image` (meshbook-worker)',
  MESHBOOK_COMPUTE_MOST: 'containers that run at a time (4)',
  MESHBOOK_COMPUTE_MEMORY: 'memory of one container, such as 512m or 4g (2g)',
  MESHBOOK_COMPUTE_CPUS: 'processors of one container (2)',
  MESHBOOK_COMPUTE_PROCESSES: 'processes and threads of one container (512)',
  MESHBOOK_COMPUTE_DISK: 'disk of one agent task, such as 2g (4g)',
  MESHBOOK_COMPUTE_HUB_URL: 'address under which workers on other hosts find the hub (MESHBOOK_PUBLIC_URL)',
  MESHBOOK_COMPUTE_HUB_BLOCKS:
    'blocks of addresses of the hub that pods may reach, such as 192.0.2.7/32, with commas between',
  MESHBOOK_COMPUTE_API_URL: 'API of Kubernetes or Fly (that of the cluster the hub is in; https://api.machines.dev)',
  MESHBOOK_COMPUTE_TOKEN_FILE: 'file with the token for that API (the service account of the hub)',
  MESHBOOK_COMPUTE_CA_FILE: 'certificate of the authority of that API (of the service account)',
  MESHBOOK_COMPUTE_PLACE: 'namespace in Kubernetes, or app at Fly, in which workers are made (meshbook)',
  MESHBOOK_COMPUTE_REGION: 'region at Fly, such as ams (where Fly likes)',
  MESHBOOK_COMPUTE_IDLE_MINUTES: 'a container that nobody used for so long is stopped (15)',
} as const
type ComputeSetting = keyof typeof computeSettings

/** Null where nothing is said: there are no workers. */
export function parseCompute(setting: (name: ComputeSetting) => string | undefined): ComputeConfig | null {
  const driver = setting('MESHBOOK_COMPUTE')
  if (driver === undefined || driver === 'off') return null
  if (!isDriver(driver)) throw bad('MESHBOOK_COMPUTE', 'docker, process, kubernetes, fly or off')
  const number = (name: ComputeSetting, usual: number, least: number, most: number): number => {
    const found = Number(setting(name) ?? usual)
    if (found >= least && found <= most) return found
    throw bad(name, `a number from ${least} to ${most}`)
  }
  return {
    driver,
    elsewhere: parseElsewhere(driver, setting),
    engine: parseEngine(setting('MESHBOOK_COMPUTE_ENGINE') ?? '/var/run/docker.sock'),
    image: parseImage(setting('MESHBOOK_COMPUTE_IMAGE') ?? 'meshbook-worker'),
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

const isDriver = (text: string): text is ComputeConfig['driver'] => (drivers as readonly string[]).includes(text)

function parseElsewhere(
  driver: ComputeConfig['driver'],
  setting: (name: ComputeSetting) => string | undefined,
): ElsewhereConfig {
  const url = (name: ComputeSetting): string | null => {
    const text = setting(name)
    if (text === undefined) return null
    const { protocol, origin } = URL.parse(text) ?? {}
    if (origin !== undefined && (protocol === 'https:' || protocol === 'http:')) return origin
    throw bad(name, 'an address such as https://hub.example')
  }
  const place = setting('MESHBOOK_COMPUTE_PLACE') ?? 'meshbook'
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(place))
    throw bad('MESHBOOK_COMPUTE_PLACE', 'a name such as meshbook')
  const hubBlocks = (setting('MESHBOOK_COMPUTE_HUB_BLOCKS') ?? '').split(/[\s,]+/).filter(Boolean)
  if (hubBlocks.some(block => !isBlock(block)) || (driver === 'kubernetes' && hubBlocks.length === 0))
    throw bad('MESHBOOK_COMPUTE_HUB_BLOCKS', 'blocks of addresses such as 192.0.2.7/32: pods may reach nothing else')
  return {
    hubUrl: url('MESHBOOK_COMPUTE_HUB_URL'),
    hubBlocks,
    apiUrl: url('MESHBOOK_COMPUTE_API_URL'),
    tokenFile: setting('MESHBOOK_COMPUTE_TOKEN_FILE') ?? null,
    caFile: setting('MESHBOOK_COMPUTE_CA_FILE') ?? null,
    place,
    region: setting('MESHBOOK_COMPUTE_REGION') ?? null,
  }
}

function isBlock(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/')
  const most = isIP(address) === 4 ? 32 : 128
  return isIP(address) !== 0 && more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most
}

function parseEngine(text: string): string {
  const path = text.replace(/^unix:\/\//, '')
  if (isAbsolute(path)) return path
  throw bad('MESHBOOK_COMPUTE_ENGINE', 'the path of a unix socket, such as /var/run/docker.sock')
}

function parseImage(text: string): string {
  const name = text.includes(':') ? text : `${text}:latest`
  if (/^[a-z0-9]+(?:[._/-][a-z0-9]+)*:[\w][\w.-]{0,127}$/.test(name)) return name
  throw bad('MESHBOOK_COMPUTE_IMAGE', 'the name of an image, such as meshbook-worker')
}

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
