import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { base64Of, imageType } from '@meshbook/core/formats/assets.ts'
import { type Exported, exportText, type TextFormat, textFormats } from '@meshbook/core/formats/convert.ts'
import { importedEntries } from '@meshbook/core/formats/imported-entries.ts'
import { withoutOutputs } from '@meshbook/core/formats/without-outputs.ts'
import type { AssetId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { renderNotebook } from '@meshbook/hub/publish/render/render-notebook.ts'
import { Command, Option } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { atHub, besideFile, collectAssets } from '../formats/asset-source.ts'
import { writeWhole } from '../formats/whole-file.ts'
import { printJson, progress, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

interface ExportOptions extends ClientOptions {
  to: TextFormat | 'html'
  out?: string
  outputs: boolean
  force?: boolean
}

export function exportCommand(): Command {
  return withClient(new Command('export').description('write a notebook in a format of other programs'))
    .argument('<notebook>', 'a Markdown file, or a document of the hub as owner/project/path')
    .addOption(new Option('--to <format>', 'the format').choices([...textFormats, 'html']).makeOptionMandatory())
    .option('-o, --out <file>', 'where to write it (default: beside the file, or here; - is the standard output)')
    .option('--no-outputs', 'without outputs and execution counts')
    .option('--force', 'write over a file that is there')
    .addHelpText(
      'after',
      '\nExamples:\n  $ meshbook export analysis.md --to ipynb\n  $ meshbook export me/thesis/analysis.md --to html -o analysis.html',
    )
    .action(async (notebook: string, _options, command: Command) =>
      exportNotebook(notebook, optionsOf<ExportOptions>(command)),
    )
}

interface Source {
  markdown: string
  /** Of the file that is made, without its ending. */
  base: string
  name: string
  find: Parameters<typeof collectAssets>[1]
  /** As a page, by the hub, which knows what runs displayed beside the text. */
  drawn?(outputs: boolean): Promise<Exported>
}

async function exportNotebook(notebook: string, options: ExportOptions): Promise<void> {
  const line = progress()
  const source = await sourceOf(notebook, options)
  if (options.to === 'html' && source.drawn) return written(await source.drawn(options.outputs), source, options)
  const assets = await collectAssets(source.markdown, source.find, text => line.show(text)).finally(() => line.clear())
  const made =
    options.to === 'html'
      ? html(source, assets, options)
      : exportText(source.markdown, options.to, { assets, outputs: options.outputs })
  await written(made, source, options)
}

async function written(made: Exported, source: Source, options: ExportOptions): Promise<void> {
  if (options.out === '-') process.stdout.write(made.text)
  else await writeFiles(made, pathFor(made, source, options), options)
}

function pathFor({ extension }: Exported, { base }: Source, { out, to }: ExportOptions): string {
  if (out !== undefined) return resolve(out)
  return resolve(`${base}${to === 'myst' ? '.myst' : ''}.${extension}`)
}

async function writeFiles(made: Exported, path: string, options: ExportOptions): Promise<void> {
  for (const [name, bytes] of made.files) await writeWhole(join(dirname(path), name), bytes, true)
  await writeWhole(path, made.text, options.force === true)
  if (options.json)
    printJson({
      file: path,
      format: options.to,
      bytes: Buffer.byteLength(made.text),
      beside: made.files.size,
      missing: made.missing,
    })
  else say(`✔ ${path}${made.files.size > 0 ? ` and ${made.files.size} pictures in _assets/` : ''}`)
  if (made.missing.length > 0 && !options.json)
    say(
      `  ${made.missing.length} pictures or outputs are not on this machine and could not be had from the hub; start Meshbook and export again.`,
    )
}

async function sourceOf(notebook: string, options: ExportOptions): Promise<Source> {
  const file = resolve(notebook)
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile()) return documentAt(notebook, options)
  if (found.size > limits.fileBytes) throw new MeshError('TOO_LARGE', { detail: file })
  const client = await hubIfThere(options)
  const [beside, hub] = [besideFile(file), atHub(client)]
  const base = file.replace(/\.(?:md|qmd|markdown)$/i, '')
  const markdown = await readFile(file, 'utf8')
  return { markdown, base, name: basename(base), find: async id => (await beside(id)) ?? hub(id) }
}

/** A file is exported without a hub too; only what is nowhere on this machine is then missing. */
async function hubIfThere(options: ExportOptions): Promise<ApiClient | undefined> {
  return clientOf(options).catch((thrown: unknown) => {
    if (options.hub === undefined && asMeshError(thrown).code === 'UNREACHABLE') return undefined
    throw thrown
  })
}

async function documentAt(path: string, options: ExportOptions): Promise<Source> {
  if (!path.includes('/')) throw new MeshError('NOT_FOUND', { detail: `${path}: there is no such file here` })
  const client = await clientOf(options)
  const document = await client.documentAt(path)
  const markdown = await client.text(`/documents/${document.id}/content`)
  const name = basename(document.path).replace(/\.(?:md|qmd|markdown)$/i, '')
  const find = atHub(client)
  const drawn = async (outputs: boolean): Promise<Exported> => {
    const { text, missing } = await client.html(document.id, outputs)
    return { text, extension: 'html', files: new Map(), missing }
  }
  return { markdown, base: name, name, find, drawn }
}

/** One file: pictures stand in it, and nothing in it is fetched or run. */
function html(
  { markdown, name }: Source,
  assets: ReadonlyMap<AssetId, Uint8Array>,
  { outputs }: ExportOptions,
): Exported {
  const text = outputs ? markdown : withoutOutputs(markdown)
  const entries = importedEntries(text, assets)
  const missing = new Set<AssetId>()
  const asset = (id: AssetId): string | undefined => {
    const bytes = assets.get(id)
    const type = bytes && imageType(bytes)?.mimeType
    if (!bytes) missing.add(id)
    return bytes && `data:${type ?? 'application/octet-stream'};base64,${base64Of(bytes)}`
  }
  const page = renderNotebook({ text, title: name, asset, entry: run => entries.get(run), outline: true })
  return { text: page, extension: 'html', files: new Map(), missing: [...missing] }
}
