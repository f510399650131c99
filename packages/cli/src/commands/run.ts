import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { relative, resolve, sep } from 'node:path'
import { type DocumentInfo, runSchema } from '@meshbook/core/api.ts'
import { exitCodes, MeshError } from '@meshbook/core/errors.ts'
import { type CellBlock, parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { demandsOf } from '@meshbook/core/notebook/demands.ts'
import { durationOf, type FrontMatter } from '@meshbook/core/notebook/front-matter.ts'
import { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { type Attachment, control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { follow } from '../follow-run.ts'
import { waitForOutput } from '../output-in-file.ts'
import { printJson, progress, say } from '../print.ts'
import { findDevice } from './devices.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

interface RunOptions extends ClientOptions {
  cell?: string[]
  on?: string
  session?: string
  timeout?: string
}

export function runCommand(): Command {
  return withClient(
    new Command('run').description(
      'run the cells of a notebook, in order, on the device that fits; the output goes into the file',
    ),
  )
    .argument('<file>', 'a Markdown file of an attached project')
    .option('--cell <n...>', 'only these cells, counted from 1')
    .option('--on <device>', 'on this device and no other (id or name)')
    .option('--session <name>', 'in this session instead of the one that the notebook names')
    .option('--timeout <time>', 'end a cell that takes longer: 90s, 10m, 1.5h; a device may allow less')
    .addHelpText('after', '\nExample:\n  $ meshbook run analysis.md --cell 1 2')
    .action(async (file: string, _options, command: Command) => {
      process.exitCode = await runFile(file, optionsOf<RunOptions>(command))
    })
}

async function runFile(file: string, options: RunOptions): Promise<number> {
  const client = await clientOf(options)
  const document = await documentOf(client, resolve(file), options)
  const text = await settledText(client, document, resolve(file))
  const notebook = parseNotebook(text)
  const cells = notebook.blocks.filter(block => block.kind === 'cell')
  const session = options.session ?? notebook.frontMatter?.session
  const device = options.on === undefined ? undefined : (await findDevice(client, options.on)).id
  const timeoutMs = timeoutOf(options.timeout)
  const how = { session, device, timeoutMs, frontMatter: notebook.frontMatter, json: options.json === true }
  /** The newest run of each cell that said something. */
  const said = new Map<number, string>()
  let code: number = exitCodes.ok
  for (const cell of chosenCells(cells, options.cell)) {
    code = await runCell(client, document, cell, how, said)
    if (code !== exitCodes.ok) break
  }
  await waitForOutput(client, document.id, resolve(file), [...said.values()])
  return code
}

function timeoutOf(text: string | undefined): number | undefined {
  const ms = durationOf(text)
  if (text !== undefined && ms === undefined)
    throw new MeshError('BAD_REQUEST', { detail: `--timeout ${text}: a time is 90s, 10m or 1.5h` })
  return ms
}

/** The document of a file that stands in an attached folder. */
export async function documentOf(client: ApiClient, file: string, options: ClientOptions): Promise<DocumentInfo> {
  const { items } = await control(dataFolder(options.data).control, '/attachments', {})
  const holder = items.find(attachment => isInside(attachment, file))
  if (!holder)
    throw new MeshError('NOT_FOUND', {
      detail: `${file} is in no attached project; attach its folder first: meshbook attach ${resolve(file, '..')}`,
    })
  const path = relative(holder.folder, file).split(sep).join('/')
  return client.documentAt(`${holder.owner}/${holder.name}/${path}`)
}

function isInside(attachment: Attachment, file: string): boolean {
  const path = relative(attachment.folder, file)
  return path !== '' && !path.startsWith('..') && !resolve(file).startsWith(path)
}

/** The document's text, once it has what the file has: a save just before the command must not run the old code. */
async function settledText(client: ApiClient, document: DocumentInfo, file: string): Promise<string> {
  const wanted = codeOf(await readFile(file, 'utf8'))
  const wait = progress()
  for (let attempt = 0; attempt < 50; attempt++) {
    const text = await client.text(`/documents/${document.id}/content`)
    if (codeOf(text) === wanted) {
      wait.clear()
      return text
    }
    if (attempt > 5) wait.show('Waiting for the file and the document to agree…')
    await new Promise(done => setTimeout(done, 100))
  }
  wait.clear()
  throw new MeshError('CONFLICT', {
    detail: `${file} and its document still differ; is the device connected? See: meshbook doctor`,
  })
}

function codeOf(text: string): string {
  return JSON.stringify(
    parseNotebook(text).blocks.flatMap(block => (block.kind === 'cell' ? [[block.language, block.code]] : [])),
  )
}

function chosenCells(cells: CellBlock[], chosen: string[] | undefined): CellBlock[] {
  if (!chosen) return cells
  return chosen.map(number => {
    const cell = /^\d+$/.test(number) ? cells[Number(number) - 1] : undefined
    if (!cell)
      throw new MeshError('NOT_FOUND', { detail: `there is no cell ${number}; the notebook has ${cells.length}` })
    return cell
  })
}

async function runCell(
  client: ApiClient,
  document: DocumentInfo,
  cell: CellBlock,
  how: {
    session: string | undefined
    device: string | undefined
    timeoutMs: number | undefined
    frontMatter: FrontMatter | undefined
    json: boolean
  },
  said: Map<number, string>,
): Promise<number> {
  const request = {
    document: document.id,
    cell: { by: 'index', index: cell.index },
    language: cell.language,
    code: cell.code,
    codeHash: createHash('sha256').update(cell.code).digest('hex'),
    ...demandsOf(how.frontMatter, cell.language),
    ...(how.session === undefined ? {} : { session: how.session }),
    ...(how.device === undefined ? {} : { on: how.device }),
    ...(how.timeoutMs === undefined ? {} : { timeoutMs: how.timeoutMs }),
  }
  const run = await client.post('/runs', request, runSchema)
  if (how.json) printJson({ run: run.id, cell: cell.index + 1, status: run.status, reasons: run.reasons })
  else
    say(
      `\u001b[2m── cell ${cell.index + 1} (${cell.language}) · ${run.deviceName ?? run.reasons.at(-1) ?? run.status}\u001b[0m`,
    )
  said.delete(cell.index)
  const onOutput = () => said.set(cell.index, run.id)
  return follow(client, run.id, { json: how.json, after: 0, interactive: true, onOutput })
}
