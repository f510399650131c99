/** What makes the workers of agent tasks, from the hub's configuration. */
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { version } from '../version.ts'
import type { ComputeConfig, KubernetesConfig } from './compute-config.ts'
import { DockerEngine } from './docker-engine.ts'
import { DockerTasks } from './docker-tasks.ts'
import { FlyDriver } from './fly-driver.ts'
import { KubernetesDriver } from './kubernetes-driver.ts'
import type { TaskDriver } from './port.ts'
import { ProcessDriver } from './process-driver.ts'
import { containerCommand, firstCommand, runnerCommand, toolsCommand } from './task-command.ts'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const firstScript = join(root, 'packages/cli/src/task-worker/first.sh')

/** `folder`: of the hub, for disks and what is known of workers. */
export function openTaskDriver(config: ComputeConfig, hub: string, folder: string): TaskDriver {
  if (config.driver === 'process')
    return new ProcessDriver({
      hub,
      folder: join(folder, 'state'),
      // The hub's own folder is closed to every other user.
      reachableFolder: process.getuid?.() === 0 ? join('/run', `meshbook-${hub}`) : join(folder, 'reach'),
      program: { root, node: process.execPath },
      command: (spec, runner, tools) => firstCommand(spec, runner, tools, firstScript),
      runner: runnerCommand,
      tools: toolsCommand,
    })
  if (config.driver === 'kubernetes') return kubernetesDriver(config.kubernetes, config.image, hub)
  if (config.driver === 'fly') {
    const { tokenFile, region, ...place } = config.fly
    const inRegion = region !== null && { region }
    return new FlyDriver({ ...place, ...inRegion, hub, image: config.image, token: tokenFrom(tokenFile) })
  }
  return new DockerTasks(new DockerEngine(config.engine), {
    hub,
    image: config.image,
    version,
    disksFolder: join(folder, 'disks'),
    command: spec => containerCommand(spec),
  })
}

function kubernetesDriver(config: KubernetesConfig, image: string, hub: string): TaskDriver {
  const { url, tokenFile, caFile, hubAddresses, ...place } = config
  return new KubernetesDriver({
    url,
    token: tokenFrom(tokenFile),
    ca: () => readFile(caFile, 'utf8'),
    place: { ...place, hub, image, version, hubBlocks: hubAddresses.map(blockOf) },
  })
}

const tokenFrom = (file: string) => async (): Promise<string> => (await readFile(file, 'utf8')).trim()

const blockOf = (address: string): string => `${address}/${isIP(address) === 6 ? 128 : 32}`
