/** Finds the document of an address, opens it, and shows it, or why it cannot be shown. */
import type { DocumentInfo } from '@meshbook/core/api.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../api/api-error.ts'
import { loadEditor } from '../editor/load-editor.ts'
import { showImported } from '../formats/show-imported.ts'
import { nameOf, titleOf } from '../shell/file-tree.ts'
import { ProblemPage } from '../shell/problem-page.tsx'
import { documents, problemsAt, projectNamed, projects } from '../state/mesh.ts'
import { notify } from '../state/toasts.ts'
import { browserPorts } from '../sync/browser-ports.ts'
import type { LinkPorts } from '../sync/link-ports.ts'
import { loadDoing } from './doing-when-needed.ts'
import { NotebookView } from './notebook-view.tsx'
import { OpenNotebook } from './open-notebook.ts'
import { type Answers, openParts } from './open-parts.ts'
import { nextWanted, type Wanted } from './wanted-document.ts'

type State =
  | { is: 'opening' }
  /** Not on this device, and the hub cannot be reached. */
  | { is: 'unavailable' }
  | { is: 'open'; notebook: OpenNotebook }
  | { is: 'failed'; error: ApiError }

export function NotebookPage({ project: name, path }: { project: string; path: string }) {
  const project = projectNamed(name)
  const listed = project && documents.value.get(project.id)?.find(document => document.path === path)
  const [state, setState] = useState<State>({ is: 'opening' })
  useEffect(() => {
    document.title = `${titleOf(path)} · Meshbook`
    return () => {
      document.title = 'Meshbook'
    }
  }, [path])
  const [ports, setPorts] = useState<LinkPorts>(browserPorts)
  const known = project !== undefined
  const wanted = useRef<Wanted | undefined>(undefined)
  const open = state.is === 'open' ? state.notebook.document.id : undefined
  wanted.current = nextWanted(wanted.current, { id: listed?.id, path }, open)
  useEffect(() => {
    if (!known) return
    let dropped = false
    let opened: OpenNotebook | undefined
    const abort = new AbortController()
    setState({ is: 'opening' })
    const answers = {
      signal: abort.signal,
      onUnavailable: () => dropped || setState({ is: 'unavailable' }),
      onReplaced: (unsent: number, next: LinkPorts) => {
        sayReplaced(unsent)
        if (!dropped) setPorts({ ...next })
      },
    }
    openAt(name, path, listed, ports, answers)
      .then(notebook => {
        opened = notebook
        if (dropped) notebook.close()
        else {
          setState({ is: 'open', notebook })
          void showImported(notebook)
        }
      })
      .catch(thrown => dropped || setState({ is: 'failed', error: asApiError(thrown) }))
    return () => {
      dropped = true
      opened?.close()
      abort.abort()
    }
    // A rename changes the address but not the document; new ports mean that another document took its place.
  }, [known, wanted.current.turn, ports])

  if (projects.value !== undefined && !known)
    return (
      <ProblemPage
        title="No such project"
        text={`There is no project called “${name}”, or it is not shared with you.`}
      />
    )
  if (state.is === 'failed') return <NotOpened project={project?.id ?? ''} path={path} error={state.error} />
  if (state.is === 'unavailable') return <NotOnThisDevice path={path} />
  if (state.is === 'opening') return <NotebookSkeleton title={titleOf(path)} />
  return <NotebookView key={state.notebook.document.id} notebook={state.notebook} />
}

/** Why there is no document (W42): the file is no text, or somebody edited it while it was deleted, and where the edit is. */
function NotOpened({ project, path, error }: { project: string; path: string; error: ApiError }) {
  const [found] = problemsAt(project, path)
  const isMissing = error.code === 'NOT_FOUND'
  // What a device kept in its trash or as a copy is not at this path; any other file that it tells of is, as no document.
  if (isMissing && found && !found.problem.trash && !found.problem.copy) {
    const text = `“${nameOf(path)}” is on ${found.device}, and comes to your other devices once it can be read.`
    return <ProblemPage title={found.problem.text} text={text} hint={found.problem.next} />
  }
  const hint = found ? `${found.device}: ${found.problem.text}. ${found.problem.next}` : error.hint
  return <ProblemPage title={isMissing ? 'No such document' : error.message} text={error.detail} hint={hint} />
}

async function openAt(
  project: string,
  path: string,
  listed: DocumentInfo | undefined,
  ports: LinkPorts,
  answers: Answers,
): Promise<OpenNotebook> {
  // On its way while the document comes.
  void loadEditor(() => undefined)
  void loadDoing()
  return new OpenNotebook(await openParts(projectNamed(project)!, path, listed, ports, answers))
}

/** With unsent changes the notebook itself says what became of them. */
function sayReplaced(unsent: number): void {
  if (unsent === 0) notify('The document was replaced on the hub', 'This is the new one.')
}

function NotOnThisDevice({ path }: { path: string }) {
  return (
    <ProblemPage
      title="Not available offline"
      text={`“${titleOf(path)}” has not been opened in this browser before, and the hub cannot be reached.`}
      hint="It opens by itself when the hub is back."
    />
  )
}

function NotebookSkeleton({ title }: { title: string }) {
  return (
    <>
      <header class="topbar">
        <h1 class="crumbs">
          <span class="ellipsis">{title}</span>
        </h1>
      </header>
      <main id="main" class="notebook" aria-busy="true" tabIndex={-1}>
        <div class="column skeleton-page">
          <span style={{ width: '46%', height: '30px' }} />
          <span style={{ width: '92%' }} />
          <span style={{ width: '84%' }} />
          <span class="block" />
          <span style={{ width: '72%' }} />
          <span class="block" />
        </div>
      </main>
    </>
  )
}
