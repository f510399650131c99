import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { listOf, type Project, projectSchema } from '@meshbook/core/api.ts'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import { extensionOf } from '@meshbook/core/formats/assets.ts'
import { type Imported, importFile } from '@meshbook/core/formats/convert.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { type Attachment, control } from '../control.ts'
import { dataFolder } from '../data-folder.ts'
import { writeWhole } from '../formats/whole-file.ts'
import { printJson, progress, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

interface ImportOptions extends ClientOptions {
  project?: string
  to?: string
  force?: boolean
}

export function importCommand(): Command {
  return withClient(
    new Command('import').description(
      'turn notebooks of other programs into Markdown: .ipynb, .qmd, .md, # %% scripts',
    ),
  )
    .argument('<file...>', 'files, or folders with notebooks in them')
    .option('--project <name>', 'into this project of the hub (name, or owner/name) instead of beside the file')
    .option('--to <path>', 'where to: a .md file for one notebook, or a folder')
    .option('--force', 'write over files that are there; in a project as a change of the document')
    .addHelpText(
      'after',
      '\nExamples:\n  $ meshbook import analysis.ipynb\n  $ meshbook import ~/notebooks --to ~/thesis/notebooks\n  $ meshbook import analysis.ipynb --project thesis',
    )
    .action(async (files: string[], _options, command: Command) => importAll(files, optionsOf<ImportOptions>(command)))
}

interface Found {
  file: string
  /** The folder that was named, or that holds the file that was. */
  root: string
  /** Below it, with the ending `.md`. */
  path: string
}

async function importAll(files: readonly string[], options: ImportOptions): Promise<void> {
  const found = (await Promise.all(files.map(file => notebooksAt(resolve(file))))).flat()
  if (found.length === 0) throw new MeshError('NOT_FOUND', { detail: `no notebook in ${files.join(', ')}` })
  if (found.length > 1 && options.to?.endsWith('.md'))
    throw new MeshError('BAD_CONFIG', { detail: `--to ${options.to}: name a folder for ${found.length} notebooks` })
  const target = await targetOf(options)
  const line = progress()
  try {
    for (const [i, one] of found.entries()) {
      line.show(`Importing ${i + 1} of ${found.length}: ${one.path}`)
      const imported = await readOne(one.file)
      const place = await target(one, imported)
      line.clear()
      told(one, imported, place, options)
    }
  } finally {
    line.clear()
  }
}

function told({ file }: Found, { cells, exact, assets }: Imported, place: string, options: ImportOptions): void {
  if (options.json) {
    printJson({ file, to: place, cells, assets: assets.size, ...(exact !== undefined && { exact }) })
    return
  }
  say(`✔ ${place}${cells === undefined ? '' : ` (${cells} cells)`}`)
  if (exact === false)
    say('  Its content is all there; exported again the file will be laid out as Jupyter lays it out.')
}

async function readOne(file: string): Promise<Imported> {
  const { size } = await stat(file)
  if (size > limits.importBytes) throw new MeshError('TOO_LARGE', { detail: file })
  try {
    const imported = importFile(basename(file), await readFile(file))
    if (Buffer.byteLength(imported.markdown) <= limits.documentBytes) return imported
    throw new MeshError('TOO_LARGE', { detail: 'its text' })
  } catch (thrown) {
    const error = asMeshError(thrown)
    if (error.code !== 'BAD_FORMAT' && error.code !== 'TOO_LARGE') throw thrown
    throw new MeshError(error.code, { detail: `${file}: ${error.detail ?? ''}`, cause: thrown })
  }
}

async function notebooksAt(path: string): Promise<Found[]> {
  const found = await stat(path).catch(() => undefined)
  if (!found) throw new MeshError('NOT_FOUND', { detail: path })
  if (!found.isDirectory()) return [{ file: path, root: dirname(path), path: asMarkdown(basename(path)) }]
  const names = await readdir(path, { recursive: true })
  return names
    .filter(name => name.endsWith('.ipynb') && !name.split(sep).some(part => part.startsWith('.')))
    .sort()
    .map(name => ({ file: join(path, name), root: path, path: asMarkdown(name).split(sep).join('/') }))
}

const asMarkdown = (name: string): string =>
  `${name.replace(/\.(?:ipynb|qmd|md|markdown|py|r|jl|m?js|m?ts|sh)$/i, '')}.md`

type Target = (found: Found, imported: Imported) => Promise<string>

async function targetOf(options: ImportOptions): Promise<Target> {
  if (options.project !== undefined) return hubTarget(options.project, options)
  const attachments = await attachmentsHere(options)
  const client = attachments.length > 0 ? await clientOf(options) : undefined
  return async ({ file, root, path }, imported) => {
    const to =
      options.to === undefined ? join(root, path) : options.to.endsWith('.md') ? options.to : join(options.to, path)
    const place = resolve(to)
    if (place === file)
      throw new MeshError('BAD_CONFIG', { detail: `${file} is Markdown already; give another place with --to` })
    const holder = attachments.find(({ folder }) => place.startsWith(`${folder}${sep}`))
    await putBeside(imported, holder?.folder ?? dirname(place))
    if (holder && client) await upload(client, imported, holder.project)
    await writeWhole(place, imported.markdown, options.force === true)
    return place
  }
}

async function attachmentsHere({ data }: ImportOptions): Promise<Attachment[]> {
  try {
    return (await control(dataFolder(data).control, '/attachments', {})).items
  } catch (thrown) {
    // No Meshbook runs here: the file is only a file, and is shared as soon as its folder is.
    if (asMeshError(thrown).code === 'UNREACHABLE') return []
    throw thrown
  }
}

async function putBeside({ assets }: Imported, folder: string): Promise<void> {
  for (const [id, bytes] of assets)
    await writeWhole(join(folder, '_assets', `${id}.${extensionOf(bytes)}`), bytes, true)
}

async function upload(client: ApiClient, { assets }: Imported, project: string): Promise<void> {
  for (const [id, bytes] of assets) await client.putBytes(`/assets/${id}?project=${project}`, bytes)
}

async function hubTarget(name: string, options: ImportOptions): Promise<Target> {
  const client = await clientOf(options)
  const project = await projectNamed(client, name)
  return async ({ path }, imported) => {
    const to =
      options.to === undefined
        ? path
        : options.to.endsWith('.md')
          ? options.to
          : `${options.to.replace(/\/$/, '')}/${path}`
    await upload(client, imported, project.id)
    const document = await client.putDocument(project.id, to, imported.markdown, options.force === true)
    return `${project.owner}/${project.name}/${document.path}`
  }
}

async function projectNamed(client: ApiClient, name: string): Promise<Project> {
  const { items } = await client.get('/projects', listOf(projectSchema))
  const found =
    items.find(project => `${project.owner}/${project.name}` === name) ?? items.find(project => project.name === name)
  if (found) return found
  throw new MeshError('NOT_FOUND', { detail: `the project ${name}` })
}
