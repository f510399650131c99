/** What the keys of an editor do in the notebook around it. */
import type { EditorKeys } from '../editor/code-editor.ts'
import { runAndAdvance, runAndInsert, runOne } from './actions.ts'
import type { OpenNotebook } from './open-notebook.ts'

export function editorKeys(notebook: OpenNotebook, key: string): EditorKeys {
  const { store } = notebook
  return {
    run: () => {
      if (store.find(key)?.kind === 'cell') runOne(notebook, key)
      else notebook.select(key)
    },
    runAndAdvance: () => runAndAdvance(notebook, key),
    runAndInsert: () => runAndInsert(notebook, key),
    escape: () => notebook.select(key),
    undo: () => void store.undo.undo(),
    redo: () => void store.undo.redo(),
    leave: direction => {
      const next = store.order.value[store.indexOf(key) + (direction === 'up' ? -1 : 1)]
      if (next === undefined) return false
      if (store.find(next)?.kind === 'cell') notebook.edit(next, direction === 'up' ? 'end' : 'start')
      else notebook.select(next)
      return true
    },
  }
}
