import { type ComputeStatus, computeStatusSchema, restoringRecipientSchema } from '@meshbook/core/compute-api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { DockerEngine } from '@meshbook/hub/compute/docker-engine.ts'
import { makeImage } from '@meshbook/hub/compute/image/make-image.ts'
import { parseHubConfig } from '@meshbook/hub/config.ts'
import { version } from '@meshbook/hub/version.ts'
import { Argument, Command, Option } from 'commander'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { ago, printJson, printTable, progress, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

interface ImageOptions extends ClientOptions {
  with?: string[]
  from: 'installed' | 'debian'
}

const programRoot = new URL('../../../..', import.meta.url).pathname.replace(/\/$/, '')

export function computeCommand(): Command {
  const compute = new Command('compute').description('containers of the hub, for runs that no device can take')
  compute.addCommand(
    withClient(
      new Command('status')
        .description('whether there can be containers, which there are, and whether sessions may go on there')
        .addHelpText('after', '\nExample:\n  $ meshbook compute status'),
    ).action((_options, command: Command) => status(optionsOf(command))),
    { isDefault: true },
  )
  compute.addCommand(
    new Command('image')
      .description('make the image of the containers on this machine; nothing is fetched from a registry of images')
      .option('--with <packages...>', 'Debian packages beside Python, such as r-base-core or python3-pandas')
      .addOption(
        new Option('--from <source>', 'installed: from packages of this machine. debian: with debootstrap, as root')
          .choices(['installed', 'debian'])
          .default('installed'),
      )
      .option('--json', 'print one JSON object per line')
      .addHelpText('after', '\nExample:\n  $ meshbook compute image --with r-base-core python3-pandas')
      .action((_options, command: Command) => image(optionsOf(command))),
  )
  compute.addCommand(
    withClient(
      new Command('restoring')
        .description('let the hub restore your sessions in its containers: it gets a copy of your data key')
        .addArgument(new Argument('<state>').choices(['on', 'off']))
        .addHelpText('after', '\nExample:\n  $ meshbook compute restoring on'),
    ).action((state: 'on' | 'off', _options, command: Command) => restoring(state, optionsOf(command))),
  )
  return compute
}

async function status(options: ClientOptions): Promise<void> {
  const client = await clientOf(options)
  const found = await client.get('/compute', computeStatusSchema)
  if (options.json) return printJson(found)
  for (const line of explained(found)) say(line)
  const shown = found.workers
  if (shown.length === 0) return
  printTable(shown, {
    project: ({ projectName, project }) => projectName ?? project,
    state: ({ state }) => state,
    since: ({ since }) => ago(since, Date.now()),
    device: ({ device }) => device ?? '',
  })
}

function explained(found: ComputeStatus): string[] {
  const may = {
    off: 'off: sessions in containers begin empty and are not saved (meshbook compute restoring on)',
    on: 'on: sessions go on in containers, and are saved when those are stopped',
    outdated: 'waiting: there is a newer data key since a device was shut out; turn it on again',
  }
  const lines = [`Restoring sessions: ${may[found.restoring.state]}`]
  if (found.driver === null) return ['This hub makes no containers; MESHBOOK_COMPUTE=docker lets it.', ...lines]
  if (found.problem !== null) return [`✖ ${found.problem}`, `  ${found.fix ?? ''}`, ...lines]
  const each = `${(found.memoryBytes / 1024 ** 3).toFixed(1)} GiB and ${found.cpus} processors each`
  return [
    `✔ ${found.engine}, for ${found.languages.join(', ')}; at most ${found.most}, ${each}; stopped after ${found.idleMinutes} idle minutes.`,
    ...lines,
  ]
}

async function image({ with: packages = [], from, json }: ImageOptions): Promise<void> {
  const { compute } = parseHubConfig({ ...process.env, MESHBOOK_COMPUTE: 'docker' })
  if (!compute) throw new MeshError('BAD_CONFIG', { detail: 'MESHBOOK_COMPUTE' })
  const wait = progress()
  wait.show(from === 'debian' ? 'Making a Debian system…' : 'Collecting files of this machine…')
  const program = { root: programRoot, node: process.execPath }
  const options = { name: compute.image, version, packages, from, program }
  const made = await makeImage(new DockerEngine(compute.engine), options).finally(() => wait.clear())
  if (json) printJson({ image: compute.image, ...made })
  else say(`✔ ${compute.image}: ${Math.round(made.bytes / 1e6)} MB, for ${made.languages.join(', ')}.`)
}

async function restoring(state: 'on' | 'off', options: ClientOptions): Promise<void> {
  const client = await clientOf(options)
  if (state === 'off') await client.send('DELETE', '/compute/restoring')
  else {
    const recipient = await client.post('/compute/restoring/recipient', {}, restoringRecipientSchema)
    // Only a device has the key: the Meshbook that runs on this machine.
    const { copies } = await control(dataFolder(options.data).control, '/owner-key', recipient)
    await client.send('PUT', '/compute/restoring', { copies })
  }
  if (options.json) printJson({ restoring: state })
  else say(state === 'on' ? '✔ The hub may restore your sessions.' : '✔ The hub has no copy of your data key any more.')
}
