/** What a user does with projects and documents: each asks, calls the hub, and goes where the result is. */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import { effect } from '@preact/signals'
import { api } from '../api/client.ts'
import { here, navigate, notebookUrl } from '../state/location.ts'
import { documents, loadDocuments, projects, refresh } from '../state/mesh.ts'
import { shownNotebook } from '../state/shown-notebook.ts'
import { notify, report } from '../state/toasts.ts'
import { ask, confirmed } from './ask.ts'
import { titleOf } from './file-tree.ts'

const starter = (title: string): string => `# ${title}\n\n\`\`\`python\n\n\`\`\`\n`

function freePath(project: Project): string {
  const taken = new Set((documents.value.get(project.id) ?? []).map(document => document.path.toLowerCase()))
  for (let n = 1; ; n++) {
    const path = n === 1 ? 'untitled.md' : `untitled-${n}.md`
    if (!taken.has(path)) return path
  }
}

/** A name as typed to a path: `notes/today` is `notes/today.md`. */
function pathFrom(typed: string): string | undefined {
  const path = normalPath(/\.[A-Za-z0-9]+$/.test(typed) ? typed : `${typed}.md`)
  if (!path) notify('That name is not allowed', 'Use a relative path without "..", such as notes/today.md', 'bad')
  return path
}

export async function newDocument(project: Project | undefined = projects.value?.[0]): Promise<void> {
  if (!project) return await newProject()
  const typed = await ask({
    title: 'New notebook',
    label: `Name in ${project.name}`,
    value: titleOf(freePath(project)),
    hint: 'A slash makes folders, for example notes/today.',
    action: 'Create',
  })
  const path = typed && pathFrom(typed)
  if (!path) return
  try {
    const document = await api.createDocument(project.id, path, starter(titleOf(path)))
    await loadDocuments(project.id)
    navigate(notebookUrl(project.name, document.path))
    beginIn(document.id)
  } catch (thrown) {
    report(thrown, 'The document was not created')
  }
}

/** What is new is there to be written in: the cursor goes into its first cell when it is open. */
function beginIn(document: string): void {
  const address = here.peek()
  const stop = effect(() => {
    const notebook = shownNotebook.value
    if (here.value !== address) queueMicrotask(() => stop())
    if (notebook?.document.id !== document) return
    const { items } = notebook.store.page
    const first = items.find(({ kind }) => kind === 'cell')
    queueMicrotask(() => {
      stop()
      if (first) notebook.edit(first.key, 'start')
    })
  })
}

export async function renameDocument(project: Project, document: DocumentInfo): Promise<void> {
  const typed = await ask({
    title: 'Rename or move',
    label: `Path in ${project.name}`,
    value: document.path,
    action: 'Rename',
  })
  const path = typed && typed !== document.path ? pathFrom(typed) : undefined
  if (!path) return
  try {
    const moved = await api.moveDocument(document.id, path)
    await loadDocuments(project.id)
    if (here.value === notebookUrl(project.name, document.path))
      navigate(notebookUrl(project.name, moved.path), { replace: true })
  } catch (thrown) {
    report(thrown, 'The document was not renamed')
  }
}

export async function deleteDocument(project: Project, document: DocumentInfo): Promise<void> {
  const text = 'It is removed from the project and from the folders of attached devices.'
  if (!(await confirmed({ title: `Delete ${titleOf(document.path)}?`, text, action: 'Delete', danger: true }))) return
  try {
    await api.deleteDocument(document.id)
    if (here.value === notebookUrl(project.name, document.path)) navigate('/')
    await loadDocuments(project.id)
  } catch (thrown) {
    report(thrown, 'The document was not deleted')
  }
}

export async function newProject(): Promise<void> {
  const name = await ask({
    title: 'New project',
    label: 'Name',
    value: '',
    hint: 'A project is a folder of notebooks and files.',
    action: 'Create',
  })
  if (!name) return
  try {
    await api.createProject(name)
    await refresh()
  } catch (thrown) {
    report(thrown, 'The project was not created')
  }
}
