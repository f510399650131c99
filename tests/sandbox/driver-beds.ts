/** The drivers that have real workers on this machine, with the real image and program. */
import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WorkerId } from '@meshbook/core/ids.ts'
import { DockerTasks } from '@meshbook/hub/compute/docker-tasks.ts'
import { makeImage } from '@meshbook/hub/compute/image/make-image.ts'
import { unmountBelow } from '@meshbook/hub/compute/mounting.ts'
import type { TaskDriver } from '@meshbook/hub/compute/port.ts'
import { ProcessDriver } from '@meshbook/hub/compute/process-driver.ts'
import { containerCommand, firstCommand, runnerCommand, toolsCommand } from '@meshbook/hub/compute/task-command.ts'
import { noDocker, TestEngine } from '../contract/docker-engine.ts'
import type { Cleanup } from '../mesh-process.ts'

const root = join(import.meta.dirname, '../..')
const version = '1'

export interface DriverBed {
  driver: TaskDriver
  /** Without warning, as when the machine kills it. */
  kill(id: WorkerId): Promise<void>
}

export interface DriverKind {
  name: 'docker' | 'process'
  skip: string | false
  open(t: Cleanup): Promise<DriverBed>
}

export const docker: DriverKind = { name: 'docker', skip: noDocker, open: openDocker }
export const bubblewrap: DriverKind = {
  name: 'process',
  skip: spawnSync('bwrap', ['--version']).status === 0 ? false : 'needs bubblewrap',
  open: openProcess,
}

async function openDocker(t: Cleanup): Promise<DriverBed> {
  const { api, folder } = await TestEngine.start(t)
  const image = 'meshbook-worker:latest'
  await makeImage(api, {
    name: image,
    version,
    packages: [],
    from: 'installed',
    program: { root, node: process.execPath },
  })
  const driver = new DockerTasks(api, {
    hub: 'sandbox',
    image,
    version,
    disksFolder: join(folder, 'disks'),
    command: spec => containerCommand(spec),
  })
  return { driver, kill: async id => void (await api.ask('POST', `/containers/meshbook-${id}/kill`)) }
}

async function openProcess(t: Cleanup): Promise<DriverBed> {
  const folder = await mkdtemp(join(tmpdir(), 'mb-sandbox-'))
  await chmod(folder, 0o711)
  t.after(async () => {
    // This program is mounted below it.
    await unmountBelow(folder)
    await rm(folder, { recursive: true, force: true })
  })
  const state = join(folder, 'state')
  const driver = new ProcessDriver({
    hub: `sandbox-${process.pid}`,
    folder: state,
    reachableFolder: join(folder, 'reach'),
    program: { root, node: process.execPath },
    command: (spec, runner, tools) =>
      firstCommand(spec, runner, tools, join(root, 'packages/cli/src/task-worker/first.sh')),
    runner: runnerCommand,
    tools: toolsCommand,
  })
  t.after(async () => {
    for (const { id } of await driver.list()) await driver.stop(id, 0)
  })
  const kill = async (id: WorkerId): Promise<void> => {
    process.kill(Number.parseInt(await readFile(join(state, 'workers', id, 'first'), 'utf8'), 10), 'SIGKILL')
  }
  return { driver, kill }
}
