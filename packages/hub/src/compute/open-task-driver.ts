/** What makes the workers of agent tasks, from the hub's configuration. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { version } from '../version.ts'
import type { ComputeConfig } from './compute-config.ts'
import { DockerEngine } from './docker-engine.ts'
import { DockerTasks } from './docker-tasks.ts'
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
  return new DockerTasks(new DockerEngine(config.engine), {
    hub,
    image: config.image,
    version,
    disksFolder: join(folder, 'disks'),
    command: containerCommand,
  })
}
