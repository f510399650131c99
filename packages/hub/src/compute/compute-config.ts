/** Whether and how the hub makes workers, from its settings. Reads no file and opens nothing. */
import { isAbsolute } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { WorkerLimits } from './port.ts'

export interface ComputeConfig {
  /** `process`: workers of agent tasks in bubblewrap; there are none for sessions. */
  driver: 'docker' | 'process'
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
    'docker: containers for runs that no device can take, and for agent tasks; process: agent tasks in bubblewrap (off)',
  MESHBOOK_COMPUTE_ENGINE: 'unix socket of the container engine (/var/run/docker.sock)',
  MESHBOOK_COMPUTE_IMAGE: 'image of the containers, made by `meshbook compute image` (meshbook-worker)',
  MESHBOOK_COMPUTE_MOST: 'containers that run at a time (4)',
  MESHBOOK_COMPUTE_MEMORY: 'memory of one container, such as 512m or 4g (2g)',
  MESHBOOK_COMPUTE_CPUS: 'processors of one container (2)',
  MESHBOOK_COMPUTE_PROCESSES: 'processes and threads of one container (512)',
  MESHBOOK_COMPUTE_DISK: 'disk of one agent task, such as 2g (4g)',
  MESHBOOK_COMPUTE_IDLE_MINUTES: 'a container that nobody used for so long is stopped (15)',
} as const
type ComputeSetting = keyof typeof computeSettings

/** Null where nothing is said: there are no workers. */
export function parseCompute(setting: (name: ComputeSetting) => string | undefined): ComputeConfig | null {
  const driver = setting('MESHBOOK_COMPUTE')
  if (driver === undefined || driver === 'off') return null
  if (driver !== 'docker' && driver !== 'process') throw bad('MESHBOOK_COMPUTE', 'docker, process or off')
  const number = (name: ComputeSetting, usual: number, least: number, most: number): number => {
    const found = Number(setting(name) ?? usual)
    if (found >= least && found <= most) return found
    throw bad(name, `a number from ${least} to ${most}`)
  }
  return {
    driver,
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
