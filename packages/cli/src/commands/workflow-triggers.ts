/** `meshbook workflow triggers`: what starts workflows by itself at the hub. */
import { relative, resolve, sep } from 'node:path'
import { listOf } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  nextTimesSchema,
  shownTriggerKinds,
  type Trigger,
  triggerSchema,
} from '@meshbook/core/workflow/trigger-info.ts'
import { Command, Option } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { ago, printJson, printTable, say } from '../print.ts'
import { readNamedFiles } from '../workflows/read-files.ts'
import { findProject } from './members.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

interface AddOptions extends ClientOptions {
  project?: string
  kind?: Trigger['kind']
  off?: boolean
}

export function workflowTriggersCommand(): Command {
  const triggers = new Command('triggers').description('what starts workflows by itself at the hub')
  triggers.addCommand(
    withClient(new Command('list').description('list what starts workflows, and what became of it last'))
      .option('--project <project>', 'of one project: name or owner/name')
      .addHelpText('after', '\nExample:\n  $ meshbook workflow triggers list')
      .action((_options: unknown, command: Command) => list(optionsOf(command))),
    { isDefault: true },
  )
  triggers.addCommand(
    withClient(
      new Command('add')
        .description('pin a file, so that the hub runs it when its "on" says; again after it was changed')
        .argument('<file>'),
    )
      .option('--project <project>', 'name or owner/name; that of the folder without it')
      .addOption(new Option('--kind <kind>', 'where "on" names several').choices(shownTriggerKinds))
      .option('--off', 'leave it off')
      .addHelpText('after', '\nExample:\n  $ meshbook workflow triggers add report.workflow.yaml')
      .action((file: string, _options: unknown, command: Command) => add(file, optionsOf(command))),
  )
  for (const enabled of [true, false]) {
    const name = enabled ? 'enable' : 'disable'
    const what = enabled ? 'turn a trigger on' : 'turn a trigger off; what happens meanwhile starts nothing'
    triggers.addCommand(
      withClient(new Command(name).description(what).argument('<trigger>'))
        .addHelpText('after', `\nExample:\n  $ meshbook workflow triggers ${name} trg_01…`)
        .action((id: string, _options: unknown, command: Command) => turn(id, enabled, optionsOf(command))),
    )
  }
  triggers.addCommand(
    withClient(new Command('remove').description('remove a trigger; its runs go on').argument('<trigger>'))
      .addHelpText('after', '\nExample:\n  $ meshbook workflow triggers remove trg_01…')
      .action((id: string, _options: unknown, command: Command) => remove(id, optionsOf(command))),
  )
  triggers.addCommand(
    withClient(new Command('next').description('the next times of a schedule').argument('<trigger>'))
      .option('--count <n>', 'how many', '5')
      .addHelpText('after', '\nExample:\n  $ meshbook workflow triggers next trg_01… --count 10')
      .action((id: string, _options: unknown, command: Command) => next(id, optionsOf(command))),
  )
  return triggers
}

const pathOf = (id: string): string => `/triggers/${encodeURIComponent(id)}`

async function list({ project, ...options }: AddOptions): Promise<void> {
  const client = await clientOf(options)
  const of = project === undefined ? '' : `?project=${(await findProject(client, project)).id}`
  const { items } = await client.get(`/triggers${of}`, listOf(triggerSchema))
  if (options.json) return items.forEach(printJson)
  if (items.length === 0) return say('Nothing starts workflows by itself. `meshbook workflow triggers add FILE` does.')
  const now = Date.now()
  printTable(items, {
    id: ({ id }) => id,
    workflow: ({ name }) => name,
    starts: startOf,
    state: ({ enabled }) => (enabled ? 'on' : 'off'),
    next: ({ nextAt }) => (nextAt === null ? '' : new Date(nextAt).toISOString()),
    last: ({ last }) => (last ? `${last.outcome}, ${ago(last.at, now)}` : 'never'),
  })
}

function startOf({ on: { schedule, webhook, files, run } }: Trigger): string {
  if (schedule) return `${schedule.cron} (${schedule.timezone})`
  if (webhook) return webhook.path
  if (files) return files.paths.join(' ')
  return run ? `${run.ends.join(' or ')} ${run.of.join(', ')}` : ''
}

async function add(path: string, { project, kind, off, ...options }: AddOptions): Promise<void> {
  const client = await clientOf(options)
  const place = await placeOf(client, resolve(path), project, options)
  const files = await readNamedFiles(path, place.file)
  const enabled = off ? false : undefined
  const wish = { project: place.project, file: place.file, files, kind, enabled }
  const made = await client.post('/triggers', wish, triggerSchema)
  if (options.json) return printJson(made)
  say(`${made.id} starts ${made.name} by ${made.kind}: ${startOf(made)}`)
  if (!made.enabled) say('It is off.')
  else if (made.nextAt !== null) say(`Next: ${new Date(made.nextAt).toISOString()}`)
}

/** A file is known by its path in its project, where it stands in the folder of one. */
async function placeOf(
  client: ApiClient,
  file: string,
  wanted: string | undefined,
  options: ClientOptions,
): Promise<{ project: string; file: string }> {
  const given = wanted === undefined ? undefined : (await findProject(client, wanted)).id
  const { items } = options.hub ? { items: [] } : await control(dataFolder(options.data).control, '/attachments', {})
  const holder = items.find(({ folder }) => file.startsWith(folder + sep))
  const project = given ?? holder?.project
  if (project === undefined)
    throw new MeshError('BAD_REQUEST', { detail: `${file} is in no attached project; say which with --project` })
  const path = holder?.project === project ? relative(holder.folder, file) : relative('', file)
  return { project, file: path.split(sep).join('/') }
}

async function turn(id: string, enabled: boolean, options: ClientOptions): Promise<void> {
  const client = await clientOf(options)
  await client.send('PATCH', pathOf(id), { enabled })
  const trigger = await client.get(pathOf(id), triggerSchema)
  if (options.json) return printJson(trigger)
  say(`${trigger.id} is ${trigger.enabled ? 'on' : 'off'}.`)
}

async function remove(id: string, options: ClientOptions): Promise<void> {
  await (await clientOf(options)).send('DELETE', pathOf(id))
  if (options.json) return printJson({ id, removed: true })
  say(`${id} is removed.`)
}

async function next(id: string, { count = '5', ...options }: ClientOptions & { count?: string }): Promise<void> {
  const client = await clientOf(options)
  const { items } = await client.get(`${pathOf(id)}/next?count=${encodeURIComponent(count)}`, nextTimesSchema)
  if (options.json) for (const at of items) printJson({ at })
  else if (items.length === 0) say('It has no next time: it is off, or no schedule.')
  else for (const at of items) process.stdout.write(`${new Date(at).toISOString()}\n`)
}
