/** What stands at a path of a project: a document, or another file. One that is renamed while it is shown is followed. */
import { useEffect, useRef } from 'preact/hooks'
import { navigate, notebookUrl } from '../state/location.ts'
import { documents, files, hub, projectNamed, projects } from '../state/mesh.ts'
import { isNotebookPath, nameOf } from './file-tree.ts'
import { lazyPage } from './lazy-page.tsx'
import { ProblemPage } from './problem-page.tsx'

const NotebookPage = lazyPage(() => import('../notebook/notebook-page.tsx').then(module => module.NotebookPage))
const FilePage = lazyPage(() => import('../files/file-page.tsx').then(module => module.FilePage))

export function PathPage({ project: name, path }: { project: string; path: string }) {
  const shown = useRef<{ id: string; path: string } | undefined>(undefined)
  const project = projectNamed(name)
  const notebooks = project && documents.value.get(project.id)
  const list = project && files.value.get(project.id)
  const document = notebooks?.find(it => it.path === path)
  const file = document ? undefined : list?.find(it => it.path === path)
  const found = document ?? file
  const was = !found && shown.current?.path === path ? shown.current : undefined
  const renamed = was && notebooks?.find(({ id }) => id === was.id)
  const moved = renamed ?? (was && list?.find(({ id }) => id === was.id))
  useEffect(() => {
    if (found) shown.current = found
    if (moved) navigate(notebookUrl(name, moved.path), { replace: true })
  })
  if (project && file) return <FilePage key={file.id} project={project} file={file} />
  // The notebook stays open while its address changes.
  if (renamed) return <NotebookPage project={name} path={renamed.path} />
  if (moved) return null
  if (was && list && !isNotebookPath(path))
    return (
      <ProblemPage
        title="This file was deleted"
        text={`“${nameOf(path)}” is no longer in ${name}.`}
        hint="A device that had it keeps it in its trash: `meshbook trash list` there."
      />
    )
  const mayBeFile = !document && !isNotebookPath(path) && hub.value !== 'down'
  if (mayBeFile && (projects.value === undefined || (project && list === undefined))) return null
  return <NotebookPage project={name} path={path} />
}
