/** What the keys of an editor do in the notebook around it. */
import type { EditorKeys } from '../editor/code-editor.ts'
import { act } from './doing-when-needed.ts'
import type { OpenNotebook } from './open-notebook.ts'

export function editorKeys(notebook: OpenNotebook, key: string): EditorKeys {
  const { store } = notebook
  return {
    run: () => {
      if (store.find(key)?.kind === 'cell') act(to => to.runOne(notebook, key))
      else notebook.select(key)
    },
    runAndAdvance: () => act(to => to.runAndAdvance(notebook, key)),
    runAndInsert: () => act(to => to.runAndInsert(notebook, key)),
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
