/** Which page of the web app somebody means who names a file, a project, or a document of one. */
import { stat } from 'node:fs/promises'
import { relative, resolve, sep } from 'node:path'
import { documentSchema, type Here, listOf } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { ApiClient } from './api-client.ts'
import { control } from './control.ts'

type Project = Here['projects'][number]

/** The path of the page; `control` is the daemon's. NOT_FOUND for what is nothing. */
export async function pageOf(place: string, file: string): Promise<string> {
  const { projects } = await control(file, '/folders', {})
  const found = await stat(place).catch(() => undefined)
  const inFolder = found && holderOf(resolve(place), projects)
  if (inFolder)
    return inFolder.path === '' ? firstPageOf(inFolder.project, file) : pageAt(inFolder.project, inFolder.path)
  const named = projectIn(place, projects)
  if (!named) throw new MeshError('NOT_FOUND', { detail: `${place} is neither a project nor in the folder of one` })
  return named.path === '' ? firstPageOf(named.project, file) : pageAt(named.project, named.path)
}

interface Place {
  project: Project
  /** In the project; '' is all of it. */
  path: string
}

/** Of folders inside each other, the innermost. */
function holderOf(path: string, projects: readonly Project[]): Place | undefined {
  const holders = projects.filter(({ folder }) => folder !== null && (path === folder || path.startsWith(folder + sep)))
  const [project] = holders.sort((a, b) => b.folder!.length - a.folder!.length)
  return project && { project, path: relative(project.folder!, path).split(sep).join('/').normalize('NFC') }
}

/** `NAME`, `NAME/path`, `OWNER/NAME` or `OWNER/NAME/path`; own projects come before those of others. */
function projectIn(text: string, projects: readonly Project[]): Place | undefined {
  const own = [...projects].sort((a, b) => Number(a.shared ?? false) - Number(b.shared ?? false))
  for (const nameOf of [(it: Project) => it.name, (it: Project) => `${it.owner}/${it.name}`]) {
    const project = own.find(it => text === nameOf(it) || text.startsWith(`${nameOf(it)}/`))
    if (project) return { project, path: text.slice(nameOf(project).length + 1) }
  }
  return undefined
}

const pageAt = ({ name }: Project, path: string): string =>
  `/p/${[name, ...path.split('/')].map(encodeURIComponent).join('/')}`

/** A project has no page of its own: its README, or the first of its documents. */
async function firstPageOf(project: Project, file: string): Promise<string> {
  const { url, token } = await control(file, '/local', {})
  const client = new ApiClient({ hub: url, token })
  const { items } = await client.get(`/documents?project=${project.id}`, listOf(documentSchema))
  const paths = items.map(({ path }) => path).filter(path => !path.startsWith('.meshbook/'))
  const first = paths.find(path => /^(readme|index|welcome)\.q?md$/i.test(path)) ?? paths.sort()[0]
  return first === undefined ? '/' : pageAt(project, first)
}
