/** What can be done with one item of a notebook, besides editing and running it. */
import { Mover } from '../../notebook/mover.ts'
import { convert, insertAt, type NewItem, removeItems } from '../../notebook/page-edits.ts'
import { planMove } from '../../notebook/plan-move.ts'
import { tell } from '../said.ts'
import { SheetAction, showSheet } from '../shell/sheet.tsx'
import type { PhoneNotebook } from './phone-notebook.ts'

export function showItem(notebook: PhoneNotebook, key: string): void {
  const { store } = notebook
  const at = store.indexOf(key)
  const kind = store.find(key)?.kind
  if (at < 0) return
  showSheet(kind === 'cell' ? 'Cell' : 'Text', () => (
    <>
      <SheetAction label="Insert code below" act={() => insert(notebook, at + 1, newCell(notebook))} />
      <SheetAction label="Insert text below" act={() => insert(notebook, at + 1, newText)} />
      <SheetAction
        label={kind === 'cell' ? 'Turn into text' : 'Turn into code'}
        act={() => store.write(convert(store.page, at, notebook.language.peek()), 'step')}
      />
      {at > 0 && <SheetAction label="Move up" act={() => move(notebook, at, at - 1)} />}
      {at < store.page.items.length - 1 && <SheetAction label="Move down" act={() => move(notebook, at, at + 2)} />}
      <SheetAction label="Delete" act={() => remove(notebook, at)} />
    </>
  ))
}

export const newCell = (notebook: PhoneNotebook): NewItem => ({ kind: 'cell', language: notebook.language.peek() })
export const newText: NewItem = { kind: 'prose', text: 'Text' }

/** It is edited at once. */
export function insert(notebook: PhoneNotebook, at: number, item: NewItem): void {
  const { store } = notebook
  const before = new Set(store.order.peek())
  store.write(insertAt(store.page, at, item), 'step')
  const key = store.order.peek().find(other => !before.has(other))
  if (key !== undefined) notebook.edit(key)
}

function remove({ store, editing }: PhoneNotebook, at: number): void {
  editing.value = undefined
  store.write(removeItems(store.page, [at]), 'step')
  tell('Deleted', 'Undo brings it back.')
}

/** What others write into it meanwhile goes with it (NB31). */
function move(notebook: PhoneNotebook, at: number, place: number): void {
  const { store, executions } = notebook
  const isBusy = ({ key }: { key: string }) => executions.running.peek().has(notebook.runOf(key) ?? '')
  const plan = planMove(store.page, at, place, isBusy)
  if (plan === 'busy') tell('Not moved', 'Cells at both ends are running. Move it when one has ended.')
  if (plan === 'busy' || !plan) return
  notebook.mover ??= new Mover(store, executions)
  notebook.mover.move(plan)
}
