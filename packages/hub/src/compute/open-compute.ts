/** The parts of the hub that make workers, from its configuration; a hub that makes none has none of them. */
import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Audit } from '../auth/audit.ts'
import { writeWhole } from '../backup/whole-file.ts'
import type { HubConfig } from '../config.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { MasterKey } from '../vault/master-key.ts'
import { version } from '../version.ts'
import { DockerDriver, mountedAt } from './docker-driver.ts'
import { DockerEngine } from './docker-engine.ts'
import { workerCommand } from './image/program-files.ts'
import type { ComputeDriver } from './port.ts'
import { Restoring } from './restoring.ts'
import { Workers, type WorkersPorts } from './workers.ts'
import { workerSocket } from './workers-door.ts'

export interface ComputePorts extends Pick<WorkersPorts, 'joined' | 'ended' | 'placeAgain'> {
  config: HubConfig
  store: HubStore
  audit: Audit
  times: Limits
  now: Now
  random: RandomBytes
  log: Log
  /** Opened when it is first needed. */
  masterKey(): Promise<MasterKey>
  /** In place of the one that the configuration names, for tests. */
  driver?: ((hub: string) => ComputeDriver) | undefined
}

export interface Compute {
  /** Of this hub, the same for as long as its data folder lives. */
  hub: string
  restoring: Restoring
  /** Absent where the hub makes none. */
  workers: Workers | undefined
  /** The folder of the socket for workers. */
  door: string
}

export async function openCompute(ports: ComputePorts): Promise<Compute> {
  const { config, random } = ports
  const restoring = new Restoring(ports)
  const folder = join(config.dataFolder, 'compute')
  const door = join(folder, 'door')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  const hub = await hubName(join(folder, 'hub'), random)
  if (config.compute?.driver !== 'docker') return { hub, restoring, workers: undefined, door }
  const driver = ports.driver?.(hub) ?? dockerDriver(config.compute, config.timesDivisor, hub, door)
  return { hub, restoring, workers: new Workers({ ...ports, hub, driver, restoring, config: config.compute }), door }
}

/** The same for as long as the data folder lives: containers carry it. */
async function hubName(file: string, random: RandomBytes): Promise<string> {
  const known = await readFile(file, 'utf8').catch(() => '')
  if (/^[0-9a-f]{24}$/.test(known)) return known
  const made = Buffer.from(random(12)).toString('hex')
  await writeWhole(file, made)
  return made
}

function dockerDriver(
  { engine, image }: NonNullable<HubConfig['compute']>,
  timesDivisor: number,
  hub: string,
  socketFolder: string,
): ComputeDriver {
  return new DockerDriver(new DockerEngine(engine), {
    hub,
    image,
    version,
    socketFolder,
    command: workerCommand,
    env: {
      MESHBOOK_WORKER_SOCKET: `${mountedAt}/${workerSocket}`,
      MESHBOOK_TIMES_DIVISOR: String(timesDivisor),
      MESHBOOK_KEYCHAIN: 'off',
      PATH: '/usr/local/bin:/usr/bin:/bin',
      LANG: 'C.UTF-8',
      HOME: '/work/home',
    },
  })
}
