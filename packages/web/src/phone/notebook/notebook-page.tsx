/** A notebook on the phone: read first, edited and run where it stands. */
import '../styles/notebook.css'
import type { Project } from '@meshbook/core/api.ts'
import { useEffect } from 'preact/hooks'
import { ReadingContext } from '../../notebook/reading.ts'
import { neededPart } from '../../shell/needed-part.ts'
import { back, projectAt } from '../place.ts'
import { Icon } from '../shell/icons.tsx'
import { titleOf } from '../words.ts'
import { DoingContext } from './doing.ts'
import { Items } from './items.tsx'
import { NotebookBar } from './parts.tsx'
import { useShownRun } from './shown-run.ts'
import { SyncWords } from './sync-words.tsx'
import { type Shown, useNotebook } from './use-notebook.ts'

export { bringNear } from './kept-text.ts'

export function NotebookPage({ project, path }: { project: Project; path: string }) {
  const shown = useNotebook(project, path)
  useShownRun(shown.reading)
  useEffect(() => {
    document.title = titleOf(path)
    return () => {
      document.title = 'Meshbook'
    }
  }, [path])
  const { reading, doing } = shown
  if (!reading)
    return (
      <main class="page">
        <Head project={project} path={path} />
        {shown.trouble ? <NotShown trouble={shown.trouble} path={path} /> : <Opening />}
      </main>
    )
  return (
    <ReadingContext.Provider value={doing ?? reading}>
      <DoingContext.Provider value={doing}>
        <main class="page notebook">
          <Head project={project} path={path}>
            <SyncWords notebook={doing} trouble={shown.trouble} />
          </Head>
          <Items />
          {doing && <Keep notebook={doing} />}
          {doing && <NotebookBar notebook={doing} />}
        </main>
      </DoingContext.Provider>
    </ReadingContext.Provider>
  )
}

const toggle = neededPart(() => import('../offline/keep-toggle.tsx').then(module => module.KeepToggle))

/** At the end, where it moves nothing when it comes. */
function Keep({ notebook: { document } }: { notebook: NonNullable<Shown['doing']> }) {
  useEffect(() => void toggle.load().catch(() => undefined), [])
  const Toggle = toggle.part.value
  return Toggle ? (
    <Toggle kind="documents" id={document.id} project={document.project} documents={[document.id]} />
  ) : null
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

function NotShown({ trouble, path }: { trouble: NonNullable<Shown['trouble']>; path: string }) {
  if (trouble === 'unavailable')
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
      <h2>{trouble.code === 'NOT_FOUND' ? 'No such notebook' : trouble.message}</h2>
      <p>{[trouble.detail, trouble.hint].filter(Boolean).join(' ')}</p>
    </div>
  )
}
