/** The bar above a notebook: where it is, whether it is saved, where it runs, and what can be done with all of it. */

import { formatEntries } from '../formats/format-entries.ts'
import { AccountButton } from '../shell/account-menu.tsx'
import { titleOf } from '../shell/file-tree.ts'
import { whenThere } from '../shell/from-part.tsx'
import { Icon } from '../shell/icons.tsx'
import { withLater } from '../shell/later-when-needed.ts'
import { Menu } from '../shell/menu.tsx'
import { PublishedBadge, showPublish } from '../shell/publish.tsx'
import { sidePanel, togglePanel, toggleSidebar } from '../state/layout.ts'
import { documents } from '../state/mesh.ts'
import { act, doing } from './doing-when-needed.ts'
import { useNotebook } from './open-notebook.ts'
import { Presence } from './presence.tsx'
import { SyncBadge } from './sync-badge.tsx'
import { WhereLabel } from './where-label.tsx'

const SavedChip = whenThere(doing, part => part.NotebookSavedChip)

export function NotebookHeader() {
  const notebook = useNotebook()
  const { project, document } = notebook
  const current = documents.value.get(project.id)?.find(other => other.id === document.id) ?? document
  return (
    <header class="topbar">
      <button type="button" class="icon-button" aria-label="Show or hide the sidebar" onClick={toggleSidebar}>
        <Icon name="sidebar" />
      </button>
      <div class="titles">
        <h1 class="crumbs">
          <span class="faint only-wide">{project.name}</span>
          <span class="faint only-wide">/</span>
          <span class="ellipsis" title={current.path}>
            {titleOf(current.path)}
          </span>
        </h1>
        <SyncBadge />
        <PublishedBadge project={project} document={current} />
      </div>
      <Presence />
      <SavedChip />
      <WhereLabel />
      <RunButtons />
      <button
        type="button"
        class="icon-button only-wide"
        aria-label="Outline"
        title="Outline (T)"
        aria-pressed={sidePanel.value === 'outline'}
        onClick={() => togglePanel('outline')}
      >
        <Icon name="list" />
      </button>
      <button
        type="button"
        class="icon-button only-wide"
        aria-label="Variables"
        title="Variables (I)"
        aria-pressed={sidePanel.value === 'variables'}
        onClick={() => togglePanel('variables')}
      >
        <Icon name="braces" />
      </button>
      <button
        type="button"
        class="icon-button only-wide"
        aria-label="Version history"
        title="Version history (H)"
        aria-pressed={sidePanel.value === 'history'}
        onClick={() => togglePanel('history')}
      >
        <Icon name="history" />
      </button>
      <Menu
        label="Notebook menu"
        class="icon-button"
        button={<Icon name="more" />}
        entries={() => [
          {
            label: 'Run cells above the selected one',
            icon: 'up',
            disabled: notebook.selected.value === undefined,
            run: () => act(to => to.runAbove(notebook, notebook.selected.value!)),
          },
          {
            label: 'Run the selected cell and all below',
            icon: 'downArrow',
            disabled: notebook.selected.value === undefined,
            run: () => act(to => to.runBelow(notebook, notebook.selected.value!)),
          },
          { label: 'Interrupt', icon: 'stop', hint: 'Ctrl Shift C', run: () => act(to => to.interrupt(notebook)) },
          { label: 'Restart', icon: 'restart', hint: '0 0', run: () => act(to => to.restart(notebook)) },
          { label: 'Restart and run all', icon: 'restart', run: () => act(to => to.restartAndRunAll(notebook)) },
          { label: 'Clear all outputs', icon: 'eraser', run: () => act(to => to.clearAllOutputs(notebook)) },
          'line',
          {
            label: 'Find and replace…',
            icon: 'search',
            hint: 'Ctrl F',
            run: () => act(to => to.openFind(notebook, 'replace')),
          },
          { label: 'Settings of the notebook…', icon: 'gear', run: () => notebook.askSettings() },
          { label: 'Outline', icon: 'list', hint: 'T', run: () => togglePanel('outline') },
          { label: 'Variables', icon: 'braces', hint: 'I', run: () => togglePanel('variables') },
          { label: 'Version history', icon: 'history', hint: 'H', run: () => togglePanel('history') },
          'line',
          { label: 'New notebook…', icon: 'plus', run: () => withLater(to => to.newDocument(project)) },
          { label: 'Publish…', icon: 'eye', run: () => showPublish(project, current) },
          ...formatEntries(notebook),
          'line',
          { label: 'Rename or move…', icon: 'pencil', run: () => withLater(to => to.renameDocument(project, current)) },
          {
            label: 'Delete…',
            icon: 'trash',
            danger: true,
            run: () => withLater(to => to.deleteDocument(project, current)),
          },
        ]}
      />
      <AccountButton />
    </header>
  )
}

function RunButtons() {
  const notebook = useNotebook()
  const progress = notebook.runner.progress.value
  const busy = notebook.executions.running.value.size > 0 || notebook.runner.waiting.value.length > 0
  const words = busy ? (progress ? `Stop ${progress.done + 1}/${progress.total}` : 'Stop') : 'Run all'
  return (
    <div class="run-buttons">
      <button
        type="button"
        class={`button run-all ${busy ? '' : 'primary'}`}
        aria-label={words}
        title={busy ? 'Stop' : 'Run all'}
        onClick={() => (busy ? act(to => to.interrupt(notebook)) : act(to => to.runAll(notebook)))}
      >
        <Icon name={busy ? 'stop' : 'play'} size={14} />
        <span class="tabular">{words}</span>
      </button>
      <button
        type="button"
        class="icon-button only-wide"
        aria-label="Restart the runtime"
        title="Restart"
        onClick={() => act(to => to.restart(notebook))}
      >
        <Icon name="restart" />
      </button>
    </div>
  )
}
