/** An open notebook: header, items, side panel, keyboard. */
import { useEffect } from 'preact/hooks'
import { HistoryPanel } from '../history/history-panel.tsx'
import { VersionView } from '../history/version-view.tsx'
import { registerCommands } from '../state/commands.ts'
import { sidePanel } from '../state/layout.ts'
import { devices } from '../state/mesh.ts'
import { shownNotebook } from '../state/shown-notebook.ts'
import { DocumentNotices } from './document-notices.tsx'
import { InsertBar } from './insert-bar.tsx'
import { ItemView } from './item-view.tsx'
import { handleKey } from './keyboard.ts'
import { notebookCommands } from './notebook-commands.ts'
import { NotebookHeader } from './notebook-header.tsx'
import { NotebookContext, type OpenNotebook } from './open-notebook.ts'
import { OutlinePanel } from './outline-panel.tsx'
import { RunAnnouncer } from './run-announcer.tsx'
import { VariablesPanel } from './variables-panel.tsx'

export function NotebookView({ notebook }: { notebook: OpenNotebook }) {
  const mesh = devices.value.map(({ id, name }) => `${id} ${name}`).join()
  useEffect(() => registerCommands('notebook', notebookCommands(notebook)), [notebook, mesh])
  useEffect(() => {
    shownNotebook.value = notebook
    return () => {
      shownNotebook.value = undefined
    }
  }, [notebook])
  useEffect(() => {
    const keys = (event: KeyboardEvent) => handleKey(notebook, event)
    addEventListener('keydown', keys)
    return () => removeEventListener('keydown', keys)
  }, [notebook])
  return (
    <NotebookContext.Provider value={notebook}>
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
      <RunAnnouncer />
    </NotebookContext.Provider>
  )
}

function Items({ notebook }: { notebook: OpenNotebook }) {
  const keys = notebook.store.order.value
  const empty = keys.length === 0
  return (
    <div class="column">
      {empty && (
        <div class="empty">
          <h2>An empty notebook</h2>
          <p>
            A notebook is a Markdown file: text, and fenced code that runs on one of your machines. Add a cell and press
            Shift Enter.
          </p>
        </div>
      )}
      {keys.map((key, at) => (
        <ItemView key={key} itemKey={key} index={at} />
      ))}
      <InsertBar index={keys.length} always />
    </div>
  )
}
