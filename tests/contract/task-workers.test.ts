/** The contract of what makes task workers: containers of a real engine, and processes in real bubblewrap. */
import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { DockerEngine } from '@meshbook/hub/compute/docker-engine.ts'
import { DockerTasks, type DockerTasksOptions } from '@meshbook/hub/compute/docker-tasks.ts'
import { smallestPackages } from '@meshbook/hub/compute/image/debian-files.ts'
import { makeImage } from '@meshbook/hub/compute/image/make-image.ts'
import { unmountBelow } from '@meshbook/hub/compute/mounting.ts'
import type { TaskWorkerSpec } from '@meshbook/hub/compute/port.ts'
import { ProcessDriver, type ProcessDriverOptions } from '@meshbook/hub/compute/process-driver.ts'
import { asUser, firstCommand } from '@meshbook/hub/compute/task-command.ts'
import * as v from 'valibot'
import { computeContract } from './compute.ts'
import { canDocker, noDocker, TestEngine } from './docker-engine.ts'
import { deafRunner, idleTools, obeyingRunner, taskSpecs } from './task-drivers.ts'

const root = join(import.meta.dirname, '../..')
const script = join(root, 'packages/cli/src/task-worker/first.sh')
const canBubblewrap = spawnSync('bwrap', ['--version']).status === 0
const noBubblewrap = canBubblewrap ? false : 'needs bubblewrap'
const started = canDocker ? await TestEngine.start({ after }) : undefined
if (started) {
  const base = [...smallestPackages, 'util-linux']
  await makeImage(started.api, { name: 'meshbook-small:latest', version: '1', packages: [], from: 'installed', base })
}
const words = await readFile(script, 'utf8')
const containers = v.array(v.object({ Names: v.array(v.string()) }))
const volumes = v.object({ Volumes: v.nullable(v.array(v.object({ Name: v.string() }))) })
let numbers = 0

const below = async (folder: string): Promise<string[]> => readdir(folder).catch(() => [])

computeContract<TaskWorkerSpec>(
  'docker for tasks',
  async t => {
    const { api, folder } = started!
    const number = numbers++
    const disksFolder = join(folder, `disks-${number}`)
    // The small image has no program: the script is handed to the shell as it is.
    const command = (runner: readonly string[]) => (spec: TaskWorkerSpec) => {
      const [bash, , ...rest] = firstCommand(spec, [...asUser('runner'), ...runner], [...asUser('tools'), ...idleTools])
      return [bash!, '-c', words, 'first', ...rest]
    }
    const options: DockerTasksOptions = {
      hub: `a${number}`,
      image: 'meshbook-small:latest',
      version: '1',
      command: command(obeyingRunner),
      disksFolder,
    }
    return {
      driver: new DockerTasks(api, options),
      ofAnotherHub: new DockerTasks(api, { ...options, hub: `b${number}`, disksFolder: `${disksFolder}-b` }),
      stubborn: new DockerTasks(api, { ...options, command: command(deafRunner) }),
      unready: new DockerTasks(api, { ...options, image: 'meshbook-none:latest' }),
      silent: new DockerTasks(new DockerEngine(join(folder, 'none.sock')), {
        ...options,
        disksFolder: `${disksFolder}-n`,
      }),
      spec: await taskSpecs(t),
      ready: async id => (await started!.written(`meshbook-${id}`)).includes('ready'),
      kill: async id => void (await api.ask('POST', `/containers/meshbook-${id}/kill`)),
      leftovers: async () => {
        const left = await api.json('GET', '/containers/json?all=1', containers)
        const { Volumes } = await api.json('GET', '/volumes', volumes)
        const named = [...left.flatMap(({ Names }) => Names), ...(Volumes ?? []).map(({ Name }) => Name)]
        return [...named, ...(await below(disksFolder))]
      },
    }
  },
  noDocker,
)

computeContract<TaskWorkerSpec>(
  'process',
  async t => {
    const number = numbers++
    const folder = await mkdtemp(join(tmpdir(), 'mb-process-'))
    await chmod(folder, 0o711)
    const options: ProcessDriverOptions = {
      hub: `a${process.pid}-${number}`,
      folder: join(folder, 'a'),
      reachableFolder: join(folder, 'reach-a'),
      program: { root, node: process.execPath },
      command: (spec, runner, tools) => firstCommand(spec, runner, tools, script),
      runner: obeyingRunner,
      tools: idleTools,
    }
    const driver = new ProcessDriver(options)
    t.after(async () => {
      for (const { id } of await driver.list()) await driver.stop(id, 0)
      await unmountBelow(folder)
      await rm(folder, { recursive: true, force: true })
    })
    return {
      driver,
      ofAnotherHub: new ProcessDriver({
        ...options,
        hub: `b${process.pid}-${number}`,
        folder: join(folder, 'b'),
        reachableFolder: join(folder, 'reach-b'),
      }),
      stubborn: new ProcessDriver({ ...options, runner: deafRunner }),
      unready: new ProcessDriver({ ...options, folder: join(folder, 'u'), bubblewrap: join(folder, 'no-bwrap') }),
      silent: new ProcessDriver({ ...options, folder: '/dev/null/nowhere', bubblewrap: join(folder, 'no-bwrap') }),
      spec: await taskSpecs(t),
      ready: async id => (await readFile(join(folder, 'a/workers', id, 'log'), 'utf8')).includes('ready'),
      kill: async id =>
        void process.kill(
          Number.parseInt(await readFile(join(folder, 'a/workers', id, 'first'), 'utf8'), 10),
          'SIGKILL',
        ),
      leftovers: async () => [
        ...(await below(join(folder, 'a/workers'))),
        ...(await below(join(folder, 'a/disks'))),
        ...(await below(join(folder, 'reach-a'))),
      ],
    }
  },
  noBubblewrap,
)
