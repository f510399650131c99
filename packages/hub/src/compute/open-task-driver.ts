/** What makes the workers of agent tasks, from the hub's configuration. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MeshError } from '@meshbook/core/errors.ts'
import { version } from '../version.ts'
import type { ComputeConfig } from './compute-config.ts'
import { DockerEngine } from './docker-engine.ts'
import { DockerTasks } from './docker-tasks.ts'
import { FlyDriver } from './fly-driver.ts'
import { KubernetesDriver } from './kubernetes-driver.ts'
import type { TaskDriver } from './port.ts'
import { ProcessDriver } from './process-driver.ts'
import { containerCommand, firstCommand, runnerCommand, toolsCommand } from './task-command.ts'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const firstScript = join(root, 'packages/cli/src/task-worker/first.sh')

/** Where a program in a cluster finds its account. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'
const flyApi = 'https://api.machines.dev'

export interface TaskDriverPlace {
  hub: string
  /** Of the hub, for disks and what is known of workers. */
  folder: string
  publicUrl: string | null
}

export async function openTaskDriver(
  config: ComputeConfig,
  { hub, folder, publicUrl }: TaskDriverPlace,
): Promise<TaskDriver> {
  const { elsewhere } = config
  const hubUrl = elsewhere.hubUrl ?? publicUrl
  if (config.driver === 'kubernetes') {
    const cluster = `https://${process.env.KUBERNETES_SERVICE_HOST ?? 'kubernetes.default.svc'}:${process.env.KUBERNETES_SERVICE_PORT ?? 443}`
    const caFile = elsewhere.caFile ?? (elsewhere.apiUrl === null ? join(accountFolder, 'ca.crt') : null)
    return new KubernetesDriver({
      url: elsewhere.apiUrl ?? cluster,
      token: fromFile(elsewhere.tokenFile ?? join(accountFolder, 'token')),
      ...(caFile !== null && { ca: await readFile(caFile, 'utf8').catch(cannotRead(caFile)) }),
      place: {
        ...{ hub, image: config.image, version, hubBlocks: elsewhere.hubBlocks },
        namespace: elsewhere.place,
        hubUrl: known(hubUrl, 'MESHBOOK_COMPUTE_HUB_URL'),
      },
    })
  }
  if (config.driver === 'fly')
    return new FlyDriver({
      url: elsewhere.apiUrl ?? flyApi,
      token: fromFile(known(elsewhere.tokenFile, 'MESHBOOK_COMPUTE_TOKEN_FILE')),
      ...{ hub, app: elsewhere.place, image: config.image },
      ...(elsewhere.region !== null && { region: elsewhere.region }),
      hubUrl: known(hubUrl, 'MESHBOOK_COMPUTE_HUB_URL'),
    })
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
    command: spec => containerCommand(spec),
  })
}

/** Read anew for each request: platforms change it while we run. */
const fromFile = (path: string) => async (): Promise<string> =>
  (await readFile(path, 'utf8').catch(cannotRead(path))).trim()

const cannotRead =
  (path: string) =>
  (cause: Error): never => {
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${path}: ${cause.message}`, cause })
  }

function known(value: string | null, name: string): string {
  if (value !== null) return value
  throw new MeshError('BAD_CONFIG', { detail: `${name} is not set; workers on other hosts need it` })
}
