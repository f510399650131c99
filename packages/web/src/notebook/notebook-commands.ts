/** The notebook's actions by name: for the keyboard, the palette and the list of shortcuts. */
import { formatCommands } from '../formats/format-actions.ts'
import type { IconName } from '../shell/icons.tsx'
import { showPublish } from '../shell/publish.tsx'
import type { Command } from '../state/commands.ts'
import { togglePanel } from '../state/layout.ts'
import { devices } from '../state/mesh.ts'
import { notify, report } from '../state/toasts.ts'
import {
  clearAllOutputs,
  convertItem,
  insertBeside,
  interrupt,
  move,
  removeAll,
  restart,
  restartAndRunAll,
  runAbove,
  runAll,
  runAndAdvance,
  runAndInsert,
  runBelow,
  runOne,
  runSelected,
} from './actions.ts'
import { copyItems, cutItems, pasteItems } from './clipboard.ts'
import { openFind, stepFind } from './find-actions.ts'
import { lineNumbers } from './look.ts'
import type { OpenNotebook } from './open-notebook.ts'
import { backToShared, fork, keepInNotebook } from './runtime-actions.ts'
import { keysOf } from './shortcuts.ts'

type Row = readonly [id: string, title: string, icon: IconName, run: () => void]

export function notebookCommands(notebook: OpenNotebook): Command[] {
  return [
    ...group('Running', runningRows(notebook)),
    ...whereCommands(notebook),
    ...formatCommands(notebook),
    ...group('Moving (press Esc first)', movingRows(notebook)),
    ...group('Editing (press Esc first)', editingRows(notebook)),
    ...group('Looking', lookingRows(notebook)),
  ]
}

function group(name: string, rows: readonly Row[]): Command[] {
  return rows.map(([id, title, icon, run]) => {
    const keys = keysOf(id)
    return { id, title, group: name, icon, run, ...(keys !== undefined && { keys }) }
  })
}

/** The selected item; from the palette, before anything was selected, the first cell. */
const withSelected = (notebook: OpenNotebook, act: (key: string) => void) => () => {
  const { store } = notebook
  const key = notebook.selected.peek() ?? store.order.peek().find(other => store.find(other)?.kind === 'cell')
  if (key !== undefined) act(key)
}

function runningRows(notebook: OpenNotebook): Row[] {
  const selected = (act: (key: string) => void) => withSelected(notebook, act)
  const { runner } = notebook
  return [
    ['run-advance', 'Run cell and go on', 'play', selected(key => runAndAdvance(notebook, key))],
    ['run', 'Run cell', 'play', selected(key => runOne(notebook, key))],
    ['run-insert', 'Run cell and insert below', 'play', selected(key => runAndInsert(notebook, key))],
    ['run-selected', 'Run the selected cells', 'play', () => runSelected(notebook)],
    ['run-all', 'Run all cells', 'play', () => runAll(notebook)],
    ['run-above', 'Run cells above', 'play', selected(key => runAbove(notebook, key))],
    ['run-below', 'Run this cell and all below', 'play', selected(key => runBelow(notebook, key))],
    ['run-resume', 'Go on with the cells that were not run', 'play', () => void runner.resume()],
    ['interrupt', 'Interrupt', 'stop', () => void interrupt(notebook)],
    ['restart', 'Restart the runtime', 'restart', () => void restart(notebook)],
    ['restart-run-all', 'Restart and run all', 'restart', () => void restartAndRunAll(notebook)],
  ]
}

function movingRows(notebook: OpenNotebook): Row[] {
  const selected = (act: (key: string) => void) => withSelected(notebook, act)
  return [
    ['edit', 'Edit', 'pencil', selected(key => notebook.edit(key))],
    ['command', 'Leave the editor', 'exit', selected(key => notebook.select(key))],
    ['next', 'Next item', 'downArrow', () => notebook.selectBeside(1)],
    ['previous', 'Item before', 'up', () => notebook.selectBeside(-1)],
    ['extend-down', 'Select one more below', 'downArrow', () => notebook.selectBeside(1, 'extend')],
    ['extend-up', 'Select one more above', 'up', () => notebook.selectBeside(-1, 'extend')],
    ['select-all', 'Select all items', 'list', () => notebook.selectAll()],
  ]
}

function editingRows(notebook: OpenNotebook): Row[] {
  const selected = (act: (key: string) => void) => withSelected(notebook, act)
  const { store } = notebook
  return [
    ['insert-above', 'Insert cell above', 'plus', selected(key => insertBeside(notebook, key, 'above', 'select'))],
    ['insert-below', 'Insert cell below', 'plus', selected(key => insertBeside(notebook, key, 'below', 'select'))],
    ['delete', 'Delete', 'trash', () => removeAll(notebook)],
    ['undo', 'Undo', 'restart', () => void store.undo.undo()],
    ['redo', 'Redo', 'restart', () => void store.undo.redo()],
    ['move-up', 'Move up', 'up', selected(key => move(notebook, key, -1))],
    ['move-down', 'Move down', 'downArrow', selected(key => move(notebook, key, 1))],
    ['to-text', 'Turn into text', 'text', selected(key => convertItem(notebook, key, 'cell'))],
    ['to-code', 'Turn into a cell', 'code', selected(key => convertItem(notebook, key, 'prose'))],
    ['cut', 'Cut items', 'copy', () => void cutItems(notebook)],
    ['copy', 'Copy items', 'copy', () => void copyItems(notebook)],
    ['paste', 'Paste below', 'copy', () => void pasteItems(notebook, 'below')],
    ['paste-above', 'Paste above', 'copy', () => void pasteItems(notebook, 'above')],
    ['options', 'Options of the cell', 'gear', selected(key => notebook.askOptions(key))],
    ['clear', 'Clear all outputs', 'eraser', () => clearAllOutputs(notebook)],
    ['settings', 'Settings of the notebook', 'gear', () => notebook.askSettings()],
    ['undo-anywhere', 'Undo my last change, from any device', 'history', () => void undoAnywhere(notebook)],
  ]
}

async function undoAnywhere({ history }: OpenNotebook): Promise<void> {
  try {
    const actions = await import('../history/history-actions.ts')
    await actions.undoAnywhere(history)
  } catch (thrown) {
    report(thrown, 'The change was not undone')
  }
}

function lookingRows(notebook: OpenNotebook): Row[] {
  const selected = (act: (key: string) => void) => withSelected(notebook, act)
  return [
    ['find', 'Find in the notebook', 'search', () => openFind(notebook, 'find')],
    ['replace', 'Find and replace', 'search', () => openFind(notebook, 'replace')],
    ['find-next', 'Next place found', 'downArrow', () => stepFind(notebook, 1)],
    ['find-previous', 'Place found before', 'up', () => stepFind(notebook, -1)],
    ['toggle-output', 'Show or hide the output', 'eye', selected(key => notebook.toggleOutput(key))],
    ['line-numbers', 'Line numbers on or off', 'list', () => lineNumbers.toggle()],
    ['documentation', 'Documentation of what the cursor is at', 'text', selected(key => notebook.edit(key))],
    ['outline', 'Outline', 'list', () => togglePanel('outline')],
    ['variables', 'Variables', 'braces', () => togglePanel('variables')],
    ['history', 'Version history', 'history', () => togglePanel('history')],
    ['publish', 'Publish…', 'eye', () => showPublish(notebook.project, notebook.document)],
    ['save', 'Is it saved?', 'check', () => sayWhetherSaved(notebook)],
  ]
}

/** Nobody has to save; who presses the keys for it anyway is told that it is done. */
function sayWhetherSaved(notebook: OpenNotebook): void {
  const { atRisk, unsent } = notebook.link.facts.peek()
  if (atRisk > 0) notify('Not saved yet', 'This browser could not store the newest changes; keep the page open.', 'bad')
  else notify('Saved', unsent > 0 ? 'On this device; the hub gets it when it can be reached.' : 'Every change is kept.')
}

/** Where it runs (W66). A device's row says by its mark whether it is chosen. */
function whereCommands(notebook: OpenNotebook): Command[] {
  const { runner } = notebook
  const choices = [undefined, ...devices.peek().filter(({ kind }) => kind !== 'phone')].map(
    (device): Row => [
      `run-on-${device?.id ?? 'automatic'}`,
      `Run on: ${device?.name ?? 'automatic'}`,
      device === undefined ? 'bolt' : 'laptop',
      () => {
        runner.on.value = device?.id
      },
    ],
  )
  const chosen = () => devices.peek().find(({ id }) => id === runner.on.peek())?.name
  const toggleFork = () => (runner.session.peek() === undefined ? fork(notebook) : backToShared(notebook))
  return group('Where it runs', [
    ...choices,
    [
      'keep-runs-on',
      'Keep the chosen device in the notebook (runs-on)',
      'bookmark',
      () => void keepInNotebook(notebook, chosen()),
    ],
    ['fork', 'Fork runtime, or go back to the shared session', 'fork', toggleFork],
  ])
}
