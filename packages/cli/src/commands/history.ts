import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { listOf, renewedSchema, type Version, versionSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DiffRow, diffRows } from '@meshbook/core/history/line-diff.ts'
import { isId } from '@meshbook/core/ids.ts'
import { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { ago, printJson, printTable, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'
import { documentOf } from './run.ts'

const document = 'a Markdown file of an attached project, or the id of a document'

export function historyCommand(): Command {
  const history = new Command('history').description('versions of a notebook: look, compare, go back')
  history.addCommand(
    withClient(new Command('list').description('list the versions, newest first').argument('<document>', document))
      .option('--limit <n>', 'how many', '20')
      .addHelpText('after', '\nExample:\n  $ meshbook history analysis.md')
      .action(list),
    { isDefault: true },
  )
  history.addCommand(
    withClient(new Command('show').description('print the text of a version'))
      .argument('<document>', document)
      .argument('<version>', 'number of the version')
      .addHelpText('after', '\nExample:\n  $ meshbook history show analysis.md 12 > analysis-12.md')
      .action(show),
  )
  history.addCommand(
    withClient(new Command('diff').description('compare two versions, or one with the text as it is now'))
      .argument('<document>', document)
      .argument('<from>', 'number of the version')
      .argument('[to]', 'number of the other version; the text as it is now if absent')
      .addHelpText('after', '\nExample:\n  $ meshbook history diff analysis.md 11 12')
      .action(diff),
  )
  history.addCommand(
    withClient(new Command('restore').description('make the text that of a version, as a new change'))
      .argument('<document>', document)
      .argument('<version>', 'number of the version')
      .addHelpText('after', '\nExample:\n  $ meshbook history restore analysis.md 11')
      .action(restore),
  )
  history.addCommand(
    withClient(new Command('renew').description('build a document anew from its text, if its past is too much to load'))
      .argument('<document>', document)
      .addHelpText('after', '\nExample:\n  $ meshbook history renew analysis.md')
      .action(renew),
  )
  for (const kind of ['undo', 'redo'] as const)
    history.addCommand(
      withClient(new Command(kind).description(turnBackHelp[kind]))
        .argument('<document>', document)
        .addHelpText('after', `\nExample:\n  $ meshbook history ${kind} analysis.md`)
        .action((wanted: string, _options: unknown, command: Command) => turnBack(kind, wanted, command)),
    )
  return history
}

const turnBackHelp = {
  undo: 'take back your newest change, made on whichever of your devices',
  redo: 'bring back what was undone last',
}

async function placeOf(wanted: string, command: Command): Promise<{ client: ApiClient; path: string }> {
  const options = optionsOf<ClientOptions>(command)
  const client = await clientOf(options)
  const id = isId('document', wanted) ? wanted : (await documentOf(client, resolve(wanted), options)).id
  return { client, path: `/documents/${id}` }
}

async function list(wanted: string, _options: unknown, command: Command): Promise<void> {
  const { json, limit } = optionsOf<ClientOptions & { limit: string }>(command)
  const { client, path } = await placeOf(wanted, command)
  const { items } = await client.get(`${path}/versions?limit=${encodeURIComponent(limit)}`, listOf(versionSchema))
  if (json) return items.forEach(printJson)
  if (items.length === 0)
    return say('No versions yet: one is recorded half a minute after a change, or every five minutes while you write.')
  const now = Date.now()
  printTable(items, {
    version: one => String(one.version),
    when: one => ago(one.at, now),
    by: one => authorsOf(one),
    lines: one => `+${one.added} −${one.removed}`,
    what: one => one.name ?? (one.of === null ? '' : `${one.kind} of ${one.of}`),
  })
}

function authorsOf({ authors, unattributed }: Version): string {
  return [...authors.map(({ name }) => name), ...(unattributed ? ['unknown'] : [])].join(', ')
}

async function show(wanted: string, version: string, _options: unknown, command: Command): Promise<void> {
  const { client, path } = await placeOf(wanted, command)
  const text = await textOf(client, path, version)
  if (optionsOf(command).json) printJson({ version: Number(version), text })
  else process.stdout.write(text)
}

async function diff(
  wanted: string,
  from: string,
  to: string | undefined,
  _options: unknown,
  command: Command,
): Promise<void> {
  const { client, path } = await placeOf(wanted, command)
  const after = to === undefined ? client.text(`${path}/content`) : textOf(client, path, to)
  const rows = diffRows(await textOf(client, path, from), await after)
  if (optionsOf(command).json) return rows.filter(row => row.kind !== 'same').forEach(printJson)
  if (rows.every(row => row.kind === 'same')) return say('The texts are the same.')
  const colours = process.stdout.isTTY === true
  for (const line of diffLines(rows)) process.stdout.write(`${colours ? coloured(line) : line}\n`)
}

const contextLines = 3

/** Changed lines with a few around them; each gap is one line that says where the next part begins. */
function diffLines(rows: readonly DiffRow[]): string[] {
  const near = new Set<number>()
  for (const [i, row] of rows.entries())
    if (row.kind !== 'same') for (let at = i - contextLines; at <= i + contextLines; at++) near.add(at)
  const signs = { same: ' ', removed: '-', added: '+' }
  return rows.flatMap((row, i) => {
    if (!near.has(i)) return []
    const line = `${signs[row.kind]}${row.text}`
    return near.has(i - 1) && i > 0 ? [line] : [`@@ line ${row.before || row.after} @@`, line]
  })
}

function coloured(line: string): string {
  const colour = { '+': 32, '-': 31, '@': 36 }[line[0] ?? '']
  return colour ? `\u001b[${colour}m${line}\u001b[0m` : line
}

async function restore(wanted: string, version: string, _options: unknown, command: Command): Promise<void> {
  const { client, path } = await placeOf(wanted, command)
  const body = { version: numberOf(version), request: randomUUID() }
  const made = await client.post(`${path}/restore`, body, versionSchema)
  if (optionsOf(command).json) return printJson(made)
  say(`✔ The text is that of version ${version} again; what was there before is version ${made.version - 1}.`)
}

async function renew(wanted: string, _options: unknown, command: Command): Promise<void> {
  const { client, path } = await placeOf(wanted, command)
  const renewed = await client.post(`${path}/renew`, {}, renewedSchema)
  if (optionsOf(command).json) return printJson(renewed)
  say(
    `✔ Built anew from its text: ${renewed.bytes} bytes to load instead of ${renewed.bytesBefore}. Its versions stay.`,
  )
}

async function turnBack(kind: 'undo' | 'redo', wanted: string, command: Command): Promise<void> {
  const { client, path } = await placeOf(wanted, command)
  const made = await client.post(`${path}/${kind}`, { request: randomUUID() }, versionSchema)
  if (optionsOf(command).json) return printJson(made)
  const done = kind === 'undo' ? `Version ${made.of} is taken back` : 'What was undone is back'
  say(`✔ ${done} (${made.added} lines came, ${made.removed} went).`)
}

async function textOf(client: ApiClient, path: string, version: string): Promise<string> {
  return client.text(`${path}/versions/${numberOf(version)}`)
}

function numberOf(version: string): number {
  if (/^[1-9]\d{0,14}$/.test(version)) return Number(version)
  throw new MeshError('BAD_REQUEST', { detail: `expected the number of a version, got ${version.slice(0, 40)}` })
}
