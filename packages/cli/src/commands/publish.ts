import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { listOf, projectSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { isId } from '@meshbook/core/ids.ts'
import { type Publication, type PublishRequest, publicationSchema } from '@meshbook/core/publish-api.ts'
import { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { printJson, printTable, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'
import { documentOf } from './run.ts'

interface PublishOptions extends ClientOptions {
  pin?: string
  list?: boolean
  remove?: boolean
  index?: boolean
}

export function publishCommand(): Command {
  return withClient(new Command('publish').description('let everybody read a notebook as a web page'))
    .argument('[document]', 'a Markdown file of an attached project, owner/project/path, or the id of a document')
    .option('--pin <version>', 'show this version whatever changes; "now" for the document as it is')
    .option('--index', 'let search engines list it')
    .option('--no-index', 'tell search engines to stay away; so it is unless you say otherwise')
    .option('--list', 'list what is published')
    .option('--remove', 'take it back; its page is gone at once')
    .addHelpText(
      'after',
      '\nExamples:\n  $ meshbook publish analysis.md\n  $ meshbook publish analysis.md --pin now\n  $ meshbook publish --list',
    )
    .action(publish)
}

async function publish(wanted: string | undefined, _: unknown, command: Command): Promise<void> {
  const options = optionsOf<PublishOptions>(command)
  const body = requestOf(options)
  const client = await clientOf(options)
  if (options.list) return list(client, options)
  if (wanted === undefined) throw new MeshError('BAD_REQUEST', { detail: 'which document? or --list' })
  const path = `/publications/${await idOf(client, wanted, options)}`
  if (options.remove) {
    await client.send('DELETE', path)
    return options.json ? printJson({ removed: true }) : say('✔ It is no longer published.')
  }
  const said = await client.put(path, body, publicationSchema)
  if (options.json) return printJson(said)
  say(`✔ ${said.version === null ? 'Published as it is, and as it changes' : `Published version ${said.version}`}:`)
  process.stdout.write(`${said.url}\n`)
}

function requestOf({ pin, index, list, remove }: PublishOptions): PublishRequest {
  if (pin !== undefined && (list || remove))
    throw new MeshError('BAD_REQUEST', { detail: '--pin goes with neither --list nor --remove' })
  const indexed = index === undefined ? {} : { indexed: index }
  if (pin === undefined) return { mode: 'continuous', ...indexed }
  if (pin === 'now') return { mode: 'pinned', ...indexed }
  if (!/^[1-9]\d{0,14}$/.test(pin)) throw new MeshError('BAD_REQUEST', { detail: '--pin: a version number, or now' })
  return { mode: 'pinned', version: Number(pin), ...indexed }
}

async function idOf(client: ApiClient, wanted: string, options: ClientOptions): Promise<string> {
  if (isId('document', wanted)) return wanted
  const file = resolve(wanted)
  if (existsSync(file)) return (await documentOf(client, file, options)).id
  if (existsSync(`${file}.md`)) return (await documentOf(client, `${file}.md`, options)).id
  return (await client.documentAt(wanted)).id
}

async function list(client: ApiClient, { json }: PublishOptions): Promise<void> {
  const projects = await client.get('/projects', listOf(projectSchema))
  const found: Publication[] = []
  for (const { id } of projects.items)
    found.push(...(await client.get(`/publications?project=${id}`, listOf(publicationSchema))).items)
  if (json) return found.forEach(printJson)
  if (found.length === 0) return say('Nothing is published. Publish a notebook with: meshbook publish FILE.md')
  printTable(found, {
    document: one => one.path ?? '(deleted)',
    shows: one => (one.version === null ? 'as it is' : `version ${one.version}`),
    by: one => one.by,
    url: one => one.url,
  })
}
