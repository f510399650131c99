/** Import and export from the page: files that are chosen or dropped become documents, documents become downloads. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import type { TextFormat } from '@meshbook/core/formats/convert.ts'
import { limits } from '@meshbook/core/limits.ts'
import { ApiError } from '../api/api-error.ts'
import { api } from '../api/client.ts'
import { requestFile } from '../api/http.ts'
import type { OpenNotebook } from '../notebook/open-notebook.ts'
import { loadYaml } from '../notebook/yaml-when-needed.ts'
import type { Command } from '../state/commands.ts'
import { here, navigate, notebookUrl, routeOf } from '../state/location.ts'
import { documents, loadDocuments, projectNamed, projects } from '../state/mesh.ts'
import { notify, report, type ShownWork, showWork } from '../state/toasts.ts'
import { type Format, formats } from './formats.ts'
import { fetchAssets, sendAssets } from './page-assets.ts'

const paintMs = 50
const accepted = '.ipynb,.qmd,.md,.py,.r,.jl,.js,.ts,.sh'

export function formatCommands(notebook: OpenNotebook): Command[] {
  const group = 'Import and export'
  return formats.map(([format, name]) => ({
    id: `export-${format}`,
    group,
    title: `Export as ${name}`,
    icon: 'file',
    run: () => void exportAs(notebook, format),
  }))
}

export function importCommand(): Command {
  const run = () => chooseFiles(currentProject())
  return { id: 'import', group: 'Import and export', title: 'Import a notebook…', icon: 'file', run }
}

/** Files that are dropped anywhere on the page are imported. Returns what ends it. */
export function keepFileDrops(): () => void {
  const over = (event: DragEvent) => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault()
  }
  const drop = (event: DragEvent) => {
    const files = [...(event.dataTransfer?.files ?? [])].filter(({ name }) => /\.(?:ipynb|qmd)$/i.test(name))
    if (files.length === 0) return
    event.preventDefault()
    void importFiles(currentProject(), files)
  }
  addEventListener('dragover', over)
  addEventListener('drop', drop)
  return () => {
    removeEventListener('dragover', over)
    removeEventListener('drop', drop)
  }
}

function currentProject(): Project | undefined {
  const route = routeOf(here.value)
  return (route.page === 'notebook' ? projectNamed(route.project) : undefined) ?? projects.value?.[0]
}

export function chooseFiles(project: Project | undefined): void {
  const input = Object.assign(document.createElement('input'), { type: 'file', accept: accepted, multiple: true })
  input.onchange = () => void importFiles(project, [...(input.files ?? [])])
  input.click()
}

async function importFiles(project: Project | undefined, files: readonly File[]): Promise<void> {
  if (!project) return notify('There is no project yet', 'Make one first, then import into it.', 'bad')
  const made: DocumentInfo[] = []
  for (const [at, file] of files.entries()) {
    const which = files.length === 1 ? file.name : `${file.name} (${at + 1} of ${files.length})`
    const work = showWork(`Importing ${which}`)
    try {
      made.push(await importOne(project, file, work))
      // The next one must not take its path.
      await loadDocuments(project.id)
    } catch (thrown) {
      report(thrown, `${file.name} was not imported`)
    } finally {
      work.end()
    }
  }
  const last = made.at(-1)
  if (!last) return
  notify(made.length === 1 ? `Imported ${last.path}` : `Imported ${made.length} notebooks`)
  navigate(notebookUrl(project.name, last.path))
}

async function importOne(project: Project, file: File, work: ShownWork): Promise<DocumentInfo> {
  if (file.size > limits.importBytes) throw new ApiError('TOO_LARGE', file.name)
  work.say('Reading the file…')
  await loadYaml()
  const { importFile } = await import('./convert-files.ts')
  const bytes = new Uint8Array(await file.arrayBuffer())
  // Reading takes a while, and what is said is to be on the screen before it.
  await new Promise(resolve => setTimeout(resolve, paintMs))
  const { markdown, assets } = importFile(file.name, bytes)
  if (new Blob([markdown]).size > limits.documentBytes) throw new ApiError('TOO_LARGE', `the text of ${file.name}`)
  await sendAssets(assets, project.id, sent => work.say(`Picture ${sent + 1} of ${assets.size}…`))
  work.say('Making the document…')
  return api.putDocument(project.id, freePath(project, file.name), markdown)
}

function freePath(project: Project, name: string): string {
  const base = name.replace(/\.[^.]*$/, '')
  const taken = new Set((documents.value.get(project.id) ?? []).map(({ path }) => path.toLowerCase()))
  for (let n = 1; ; n++) {
    const path = n === 1 ? `${base}.md` : `${base}-${n}.md`
    if (!taken.has(path.toLowerCase())) return path
  }
}

export async function exportAs(notebook: OpenNotebook, format: Format): Promise<void> {
  const { path } = notebook.document
  try {
    const { content, extension, missing } = await (format === 'html' ? drawn(notebook) : written(notebook, format))
    const name = `${path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '')}.${extension}`
    download(name, content)
    if (missing === 0) notify(`Exported ${name}`)
    else notify('Exported without some pictures', `${missing} are not at the hub yet.`, 'bad')
  } catch (thrown) {
    report(thrown, 'The notebook was not exported')
  }
}

interface ExportedFile {
  content: BlobPart
  extension: string
  /** How many assets are not in it. */
  missing: number
}

async function written({ store, project }: OpenNotebook, format: TextFormat): Promise<ExportedFile> {
  await loadYaml()
  const { assetsNeeded, exportText } = await import('./convert-files.ts')
  const markdown = store.text.toString()
  const assets = await fetchAssets(found => assetsNeeded(markdown, found), project.id)
  const { text, extension, missing } = exportText(markdown, format, { assets, outputs: true })
  return { content: text, extension, missing: missing.length }
}

/** The hub draws it: only what it has is in it (FM44). */
async function drawn({ document: { id } }: OpenNotebook): Promise<ExportedFile> {
  const [content, missing] = await requestFile(`/documents/${id}/export?to=html`, 'x-missing-assets')
  return { content, extension: 'html', missing: missing === '' ? 0 : missing.split(' ').length }
}

function download(name: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type: 'application/octet-stream' }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), limits.requestMs)
}
