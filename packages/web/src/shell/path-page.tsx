/** What stands at a path of a project: a document, or another file. A file that is renamed while it is shown is followed. */
import type { FileInfo } from '@meshbook/core/api.ts'
import { useEffect, useRef } from 'preact/hooks'
import { navigate, notebookUrl } from '../state/location.ts'
import { documents, files, hub, projectNamed, projects } from '../state/mesh.ts'
import { isNotebookPath, nameOf } from './file-tree.ts'
import { lazyPage } from './lazy-page.tsx'
import { ProblemPage } from './problem-page.tsx'

const NotebookPage = lazyPage(() => import('../notebook/notebook-page.tsx').then(module => module.NotebookPage))
const FilePage = lazyPage(() => import('../files/file-page.tsx').then(module => module.FilePage))

export function PathPage({ project: name, path }: { project: string; path: string }) {
  const shown = useRef<FileInfo | undefined>(undefined)
  const project = projectNamed(name)
  const list = project && files.value.get(project.id)
  const isDocument = project && documents.value.get(project.id)?.some(document => document.path === path)
  const file = isDocument ? undefined : list?.find(it => it.path === path)
  const was = shown.current?.path === path ? shown.current : undefined
  const moved = file || !was ? undefined : list?.find(({ id }) => id === was.id)
  useEffect(() => {
    if (file) shown.current = file
    if (moved) navigate(notebookUrl(name, moved.path), { replace: true })
  })
  if (project && file) return <FilePage key={file.id} project={project} file={file} />
  if (moved) return null
  if (was && list && !isDocument)
    return (
      <ProblemPage
        title="This file was deleted"
        text={`“${nameOf(path)}” is no longer in ${name}.`}
        hint="A device that had it keeps it in its trash: `meshbook trash list` there."
      />
    )
  const mayBeFile = !isDocument && !isNotebookPath(path) && hub.value !== 'down'
  if (mayBeFile && (projects.value === undefined || (project && list === undefined))) return null
  return <NotebookPage project={name} path={path} />
}
