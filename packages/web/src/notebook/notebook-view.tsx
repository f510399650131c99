/** An open notebook: header, items, side panel, keyboard. */
import { useEffect, useMemo } from 'preact/hooks'
import { whenThere } from '../shell/from-part.tsx'
import { lazyPart } from '../shell/lazy-page.tsx'
import { registerCommands } from '../state/commands.ts'
import { sidePanel } from '../state/layout.ts'
import { devices } from '../state/mesh.ts'
import { shownNotebook } from '../state/shown-notebook.ts'
import { DocumentNotices } from './document-notices.tsx'
import { doing } from './doing-when-needed.ts'
import { keepEarlyKeys } from './early-keys.ts'
import { InsertBar } from './insert-bar.tsx'
import { ItemList } from './item-list.tsx'
import { NotebookHeader } from './notebook-header.tsx'
import type { OpenNotebook } from './open-notebook.ts'
import { ReadingContext } from './reading.ts'

const QueueBar = whenThere(doing, part => part.QueueBar)
const RunAnnouncer = whenThere(doing, part => part.RunAnnouncer)
const HistoryPanel = lazyPart(() => import('../history/history-panel.tsx').then(module => module.HistoryPanel))
const VersionView = lazyPart(() => import('../history/version-view.tsx').then(module => module.VersionView))
const OutlinePanel = lazyPart(() => import('./outline-panel.tsx').then(module => module.OutlinePanel))
const VariablesPanel = lazyPart(() => import('./variables-panel.tsx').then(module => module.VariablesPanel))
const FindBar = lazyPart(() => import('./find-bar.tsx').then(module => module.FindBar))
const SettingsDialog = lazyPart(() => import('./settings-dialog.tsx').then(module => module.SettingsDialog))
const OptionsDialog = lazyPart(() => import('./options-dialog.tsx').then(module => module.OptionsDialog))

export function NotebookView({ notebook }: { notebook: OpenNotebook }) {
  const mesh = devices.value.map(({ id, name }) => `${id} ${name}`).join()
  const to = doing.part.value
  const commands = useMemo(() => to?.notebookCommands(notebook) ?? [], [notebook, mesh, to])
  useEffect(() => registerCommands('notebook', commands), [commands])
  useEffect(() => notebook.near.followPrinting(), [notebook])
  useEffect(() => to?.settleRuns(notebook), [notebook, to])
  useEffect(() => {
    shownNotebook.value = notebook
    return () => {
      shownNotebook.value = undefined
    }
  }, [notebook])
  useEffect(() => {
    if (!to) return keepEarlyKeys()
    const byId = new Map(commands.map(command => [command.id, command]))
    const keys = to.keyboardOf(notebook, () => byId)
    addEventListener('keydown', keys)
    return () => removeEventListener('keydown', keys)
  }, [notebook, commands])
  return (
    <ReadingContext.Provider value={notebook}>
      <NotebookHeader />
      <DocumentNotices />
      <div
        class="notebook-body"
        data-panel={sidePanel.value !== undefined}
        data-comparing={sidePanel.value === 'history' && notebook.history.selected.value !== undefined}
      >
        <main id="main" class="notebook" tabIndex={-1}>
          {sidePanel.value === 'history' && notebook.history.selected.value !== undefined ? (
            <VersionView />
          ) : (
            <Items notebook={notebook} />
          )}
        </main>
        {sidePanel.value === 'outline' && <OutlinePanel />}
        {sidePanel.value === 'variables' && <VariablesPanel />}
        {sidePanel.value === 'history' && <HistoryPanel />}
      </div>
      <Overlays notebook={notebook} />
      <RunAnnouncer />
    </ReadingContext.Provider>
  )
}

/** What lies above the items and moves none of them. */
function Overlays({ notebook }: { notebook: OpenNotebook }) {
  const dialog = notebook.dialog.value
  return (
    <>
      {notebook.isFinding.value && <FindBar />}
      <QueueBar />
      {dialog?.about === 'settings' && <SettingsDialog />}
      {dialog?.about === 'options' && <OptionsDialog key={dialog.key} itemKey={dialog.key} />}
    </>
  )
}

function DropLine({ notebook }: { notebook: OpenNotebook }) {
  const drag = notebook.drag.value
  return drag ? <div class="drop-line" style={{ top: `${drag.top}px` }} /> : null
}

function Items({ notebook }: { notebook: OpenNotebook }) {
  const keys = notebook.store.order.value
  const empty = keys.length === 0
  return (
    <div class="column">
      {empty && <EmptyNotebook />}
      <DropLine notebook={notebook} />
      <ItemList notebook={notebook} />
      <InsertBar index={keys.length} always />
    </div>
  )
}

function EmptyNotebook() {
  return (
    <div class="empty">
      <h2>An empty notebook</h2>
      <p>
        A notebook is a Markdown file: text, and fenced code that runs on one of your machines. Add a cell below, write
        something like <code>print(6 * 7)</code>, and press <kbd>Shift</kbd> <kbd>Enter</kbd>.
      </p>
      <p class="muted">
        <kbd>Esc</kbd> leaves a cell, then <kbd>A</kbd> and <kbd>B</kbd> put new ones above and below, <kbd>M</kbd>{' '}
        makes text of one. <kbd>?</kbd> lists all keys.
      </p>
    </div>
  )
}
