/** The notebook's actions for the palette and the list of shortcuts. */
import { formatCommands } from '../formats/format-actions.ts'
import { undoAnywhere } from '../history/history-actions.ts'
import { showPublish } from '../shell/publish-dialog.tsx'
import type { Command } from '../state/commands.ts'
import { togglePanel } from '../state/layout.ts'
import { devices } from '../state/mesh.ts'
import {
  advance,
  clearAllOutputs,
  convertItem,
  insertBeside,
  interrupt,
  move,
  remove,
  restart,
  restartAndRunAll,
  runAbove,
  runAll,
  runAndAdvance,
  runAndInsert,
  runOne,
} from './actions.ts'
import type { OpenNotebook } from './open-notebook.ts'
import { backToShared, fork, keepInNotebook } from './runtime-actions.ts'

export function notebookCommands(notebook: OpenNotebook): Command[] {
  const withSelected = (act: (key: string) => void) => () => {
    const key =
      notebook.selected.peek() ?? notebook.store.order.peek().find(other => notebook.store.find(other)?.kind === 'cell')
    if (key !== undefined) act(key)
  }
  const running = 'Running'
  const editing = 'Editing (press Esc first)'
  return [
    {
      id: 'run-advance',
      group: running,
      title: 'Run cell and go on',
      icon: 'play',
      keys: 'Shift Enter',
      run: withSelected(key => runAndAdvance(notebook, key)),
    },
    {
      id: 'run',
      group: running,
      title: 'Run cell',
      icon: 'play',
      keys: 'Mod Enter',
      run: withSelected(key => runOne(notebook, key)),
    },
    {
      id: 'run-insert',
      group: running,
      title: 'Run cell and insert below',
      icon: 'play',
      keys: 'Alt Enter',
      run: withSelected(key => runAndInsert(notebook, key)),
    },
    { id: 'run-all', group: running, title: 'Run all cells', icon: 'play', run: () => runAll(notebook) },
    {
      id: 'run-above',
      group: running,
      title: 'Run cells above',
      icon: 'play',
      run: withSelected(key => runAbove(notebook, key)),
    },
    {
      id: 'interrupt',
      group: running,
      title: 'Interrupt',
      icon: 'stop',
      keys: 'Ctrl Shift C',
      run: () => void interrupt(notebook),
    },
    { id: 'restart', group: running, title: 'Restart the runtime', icon: 'restart', run: () => void restart(notebook) },
    {
      id: 'restart-run-all',
      group: running,
      title: 'Restart and run all',
      icon: 'restart',
      run: () => void restartAndRunAll(notebook),
    },
    ...whereCommands(notebook),
    ...formatCommands(notebook),
    {
      id: 'edit',
      group: 'Moving',
      title: 'Edit',
      keys: 'Enter',
      icon: 'pencil',
      run: withSelected(key => notebook.edit(key)),
    },
    {
      id: 'command',
      group: 'Moving',
      title: 'Leave the editor',
      keys: 'Esc',
      run: withSelected(key => notebook.select(key)),
    },
    {
      id: 'next',
      group: 'Moving',
      title: 'Next and previous item',
      keys: '↓ ↑',
      run: withSelected(key => advance(notebook, key)),
    },
    {
      id: 'insert-above',
      group: editing,
      title: 'Insert cell above',
      keys: 'A',
      icon: 'plus',
      run: withSelected(key => insertBeside(notebook, key, 'above')),
    },
    {
      id: 'insert-below',
      group: editing,
      title: 'Insert cell below',
      keys: 'B',
      icon: 'plus',
      run: withSelected(key => insertBeside(notebook, key, 'below')),
    },
    {
      id: 'delete',
      group: editing,
      title: 'Delete',
      keys: 'D D',
      icon: 'trash',
      run: withSelected(key => remove(notebook, key)),
    },
    {
      id: 'undo',
      group: editing,
      title: 'Undo',
      keys: 'Z',
      icon: 'restart',
      run: () => void notebook.store.undo.undo(),
    },
    {
      id: 'move-up',
      group: editing,
      title: 'Move up',
      keys: 'Shift K',
      icon: 'up',
      run: withSelected(key => move(notebook, key, -1)),
    },
    {
      id: 'move-down',
      group: editing,
      title: 'Move down',
      keys: 'Shift J',
      icon: 'downArrow',
      run: withSelected(key => move(notebook, key, 1)),
    },
    {
      id: 'convert',
      group: editing,
      title: 'Turn into text, into a cell',
      keys: 'M Y',
      icon: 'text',
      run: withSelected(key => convertItem(notebook, key)),
    },
    { id: 'clear', group: editing, title: 'Clear all outputs', icon: 'eraser', run: () => clearAllOutputs(notebook) },
    { id: 'outline', group: 'Moving', title: 'Outline', keys: 'O', icon: 'list', run: () => togglePanel('outline') },
    {
      id: 'history',
      group: 'History',
      title: 'Version history',
      keys: 'H',
      icon: 'history',
      run: () => togglePanel('history'),
    },
    {
      id: 'undo-anywhere',
      group: 'History',
      title: 'Undo my last change, from any device',
      icon: 'history',
      run: () => void undoAnywhere(notebook.history),
    },
    {
      id: 'publish',
      group: 'History',
      title: 'Publish…',
      icon: 'eye',
      run: () => showPublish(notebook.project, notebook.document),
    },
    { id: 'variables', group: 'Moving', title: 'Variables', icon: 'braces', run: () => togglePanel('variables') },
  ]
}

/** Where it runs (W66). A device's row says by its mark whether it is chosen. */
function whereCommands(notebook: OpenNotebook): Command[] {
  const group = 'Where it runs'
  const { runner } = notebook
  const choices: Command[] = [undefined, ...devices.peek().filter(({ kind }) => kind !== 'phone')].map(device => ({
    id: `run-on-${device?.id ?? 'automatic'}`,
    group,
    title: `Run on: ${device?.name ?? 'automatic'}`,
    icon: device === undefined ? 'bolt' : 'laptop',
    run: () => {
      runner.on.value = device?.id
    },
  }))
  return [
    ...choices,
    {
      id: 'keep-runs-on',
      group,
      title: 'Keep the chosen device in the notebook (runs-on)',
      icon: 'bookmark',
      run: () => void keepInNotebook(notebook, devices.peek().find(({ id }) => id === runner.on.peek())?.name),
    },
    {
      id: 'fork',
      group,
      title: 'Fork runtime, or go back to the shared session',
      icon: 'fork',
      run: () => (runner.session.peek() === undefined ? fork(notebook) : backToShared(notebook)),
    },
  ]
}
