/** What is used most in a notebook, where a thumb reaches it: where it runs, something new, all the rest. */
import { useEffect } from 'preact/hooks'
import { api } from '../../api/client.ts'
import { isRunnable } from '../../notebook/runnable.ts'
import { stopRun } from '../../notebook/stop-run.ts'
import { type Where, whereOf } from '../../notebook/where.ts'
import { devices, me } from '../../state/known.ts'
import { loadMoves, moves } from '../moves/moves-when-needed.ts'
import { notebookAt } from '../place.ts'
import { tell } from '../said.ts'
import { say } from '../say.ts'
import { share } from '../share.ts'
import { Icon } from '../shell/icons.tsx'
import { SheetAction, showSheet } from '../shell/sheet.tsx'
import { titleOf } from '../words.ts'
import { insert, newCell, newText } from './item-sheet.tsx'
import type { PhoneNotebook } from './phone-notebook.ts'
import { showRunOn } from './why-sheet.tsx'

export function NotebookBar({ notebook }: { notebook: PhoneNotebook }) {
  const { kind, text } = whereRuns(notebook)
  const session = notebook.sessionOf(notebook.language.value)
  const says = session !== undefined && Boolean(session.saved ?? session.restored ?? session.moving)
  useEffect(() => {
    if (says) loadMoves()
  }, [says])
  const to = moves.part.value
  const words = to && session ? to.barWords(session) : ''
  const last = () => notebook.store.page.items.length
  const add = () =>
    showSheet('Add at the end', () => (
      <>
        <SheetAction label="Code" act={() => insert(notebook, last(), newCell(notebook))} />
        <SheetAction label="Text" act={() => insert(notebook, last(), newText)} />
      </>
    ))
  return (
    <div class="notebook-bar" role="toolbar" aria-label="Notebook">
      {to && session && <to.SessionStrip session={session} />}
      {to && <to.Dialogs />}
      <button
        type="button"
        class={`where ${kind}`}
        aria-label={`Runs on: ${text} ${words}`.trimEnd()}
        onClick={() => showRunOn(notebook)}
      >
        <span aria-hidden="true">{signs[kind]}</span>
        <span class="where-words">
          <span class="ellipsis">{text}</span> {words !== '' && <span class="saved-words">{words}</span>}
        </span>
      </button>
      {notebook.mayWrite && (
        <button type="button" class="round" aria-label="Add a cell or text" onClick={add}>
          <Icon name="plus" />
        </button>
      )}
      <button type="button" class="round" aria-label="More" onClick={() => showMore(notebook)}>
        <Icon name="more" />
      </button>
    </div>
  )
}

const signs: Record<Where['kind'], string> = { live: '⚡', cloud: '☁', starting: '↻', away: '○', next: '○', none: '○' }

function whereRuns(notebook: PhoneNotebook): Where {
  return whereOf({
    session: notebook.sessionOf(notebook.language.value),
    devices: devices.value,
    chosen: notebook.runner.on.value,
    runsOn: notebook.store.frontMatter.value?.runsOn,
    here: me.value?.device,
    isForked: notebook.runner.session.value !== undefined,
    now: Date.now(),
  })
}

function showMore(notebook: PhoneNotebook): void {
  const { document, project, executions, store } = notebook
  const isRunning = executions.running.peek().size > 0
  const url = `${location.origin}${notebookAt(project.name, document.path)}`
  const title = titleOf(document.path)
  showSheet(title, () => (
    <>
      <SheetAction label="Run all" act={() => runAll(notebook)} />
      {isRunning && <SheetAction label="Interrupt what runs" act={() => interrupt(notebook)} />}
      <SheetAction label="Restart" note="the variables are lost" act={() => restart(notebook)} />
      <SheetAction
        label="Restart and run all"
        act={() => restart(notebook).then(done => (done ? runAll(notebook) : undefined))}
      />
      <SheetAction label="Share a link" act={() => share({ title, url })} />
      <SheetAction label="Share the text" act={() => share({ title, text: store.page.text })} />
      <SheetAction label="Undo" act={() => void store.undo.undo()} />
      <SheetAction label="Redo" act={() => void store.undo.redo()} />
    </>
  ))
}

/** One after the other: the runs of a session wait for each other at the hub. */
async function runAll(notebook: PhoneNotebook): Promise<void> {
  const keys = notebook.store.page.items.filter(isRunnable).map(({ key }) => key)
  if (keys.length === 0) return tell('Nothing to run', 'There is no cell in this notebook.')
  try {
    for (const key of keys) await notebook.run(key)
  } catch (thrown) {
    say(thrown, 'Not all cells were run')
  }
}

async function interrupt(notebook: PhoneNotebook): Promise<void> {
  try {
    await Promise.all([...notebook.executions.running.peek()].map(run => stopRun(notebook, run)))
  } catch (thrown) {
    say(thrown, 'The interrupt was not delivered')
  }
}

async function restart(notebook: PhoneNotebook): Promise<boolean> {
  const languages = notebook.store.page.items.flatMap(item => (item.kind === 'cell' ? [item.cell.language] : []))
  const sessions = languages.flatMap(language => notebook.sessionOf(language) ?? [])
  const live = new Set(sessions.filter(({ device }) => device).map(({ id }) => id))
  try {
    await Promise.all([...live].map(id => api.restart(id)))
    if (live.size === 0) tell('No runtime to restart', 'The first run starts one.')
    else tell('Restarted', 'The variables are gone; the outputs stay.')
    return true
  } catch (thrown) {
    say(thrown, 'The restart failed')
    return false
  }
}
