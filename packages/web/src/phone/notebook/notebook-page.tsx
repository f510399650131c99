/** A notebook on the phone: read first, edited and run where it stands. */
import '../styles/notebook.css'
import type { Project } from '@meshbook/core/api.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../../api/api-error.ts'
import { useCalmStatus } from '../../notebook/calm-status.ts'
import { NotebookContext } from '../../notebook/notebook-model.ts'
import { openParts } from '../../notebook/open-parts.ts'
import { browserPorts } from '../../sync/browser-ports.ts'
import type { LinkPorts } from '../../sync/link-ports.ts'
import { syncStatus } from '../../sync/sync-status.ts'
import { lists } from '../first-list.ts'
import { back, projectAt } from '../place.ts'
import { Icon } from '../shell/icons.tsx'
import { titleOf } from '../words.ts'
import { Items } from './items.tsx'
import { PhoneNotebook, usePhoneNotebook } from './phone-notebook.ts'

type State =
  | { is: 'opening' }
  | { is: 'unavailable' }
  | { is: 'open'; notebook: PhoneNotebook }
  | { is: 'failed'; error: ApiError }

export function NotebookPage({ project, path }: { project: Project; path: string }) {
  const state = useOpened(project, path)
  useEffect(() => {
    document.title = titleOf(path)
    return () => {
      document.title = 'Meshbook'
    }
  }, [path])
  if (state.is !== 'open')
    return (
      <main class="page">
        <Head project={project} path={path} />
        {state.is === 'opening' ? <Opening /> : <NotShown state={state} path={path} />}
      </main>
    )
  return (
    <NotebookContext.Provider value={state.notebook}>
      <main class="page notebook">
        <Head project={project} path={path}>
          <SyncWords />
        </Head>
        <Items />
      </main>
    </NotebookContext.Provider>
  )
}

function useOpened(project: Project, path: string): State {
  const listed = lists.value?.documents.find(document => document.project === project.id && document.path === path)
  const [state, setState] = useState<State>({ is: 'opening' })
  const [ports, setPorts] = useState<LinkPorts>(browserPorts)
  useEffect(() => {
    const abort = new AbortController()
    let opened: PhoneNotebook | undefined
    const show = (next: State) => abort.signal.aborted || setState(next)
    show({ is: 'opening' })
    const onReplaced = (_unsent: number, next: LinkPorts) => abort.signal.aborted || setPorts({ ...next })
    const answers = { signal: abort.signal, onUnavailable: () => show({ is: 'unavailable' }), onReplaced }
    openParts(project, path, listed, ports, answers).then(
      parts => {
        opened = new PhoneNotebook(parts)
        if (abort.signal.aborted) opened.close()
        else setState({ is: 'open', notebook: opened })
      },
      thrown => show({ is: 'failed', error: asApiError(thrown) }),
    )
    return () => {
      abort.abort()
      opened?.close()
    }
    // A rename changes the address but not the document; new ports mean that another document took its place.
  }, [listed?.id ?? path, ports])
  return state
}

function Head({ project, path, children }: { project: Project; path: string; children?: preact.ComponentChildren }) {
  return (
    <header class="head">
      <button type="button" class="round" aria-label="Back" onClick={() => back(projectAt(project.name))}>
        <Icon name="back" />
      </button>
      <h1 class="title">{titleOf(path)}</h1>
      {children}
    </header>
  )
}

function SyncWords() {
  const { text, tone } = useCalmStatus(syncStatus(usePhoneNotebook().link.facts.value))
  return (
    <span class={`sync ${tone}`} role="status">
      {text}
    </span>
  )
}

/** As high as a heading, text and a cell, so that nothing jumps. */
function Opening() {
  return (
    <div class="opening" role="status" aria-label="Opening the notebook">
      <span class="bar wide" />
      <span class="bar" />
      <span class="bar block" />
      <span class="bar" />
    </div>
  )
}

function NotShown({ state, path }: { state: Exclude<State, { is: 'open' | 'opening' }>; path: string }) {
  if (state.is === 'unavailable')
    return (
      <div class="empty">
        <h2>Not on this phone yet</h2>
        <p>
          “{titleOf(path)}” was not opened here before, and the hub cannot be reached. It opens by itself when the hub
          is back.
        </p>
      </div>
    )
  return (
    <div class="empty" role="alert">
      <h2>{state.error.code === 'NOT_FOUND' ? 'No such notebook' : state.error.message}</h2>
      <p>{[state.error.detail, state.error.hint].filter(Boolean).join(' ')}</p>
    </div>
  )
}
