/** What a user does in a notebook, by name: for buttons, keys and the palette alike. */
import { api } from '../api/client.ts'
import { notify, report } from '../state/toasts.ts'
import { Mover } from './mover.ts'
import type { OpenNotebook } from './open-notebook.ts'
import { clearOutputs, convert, insertAt, type NewItem, removeItems, setLanguage } from './page-edits.ts'
import { planMove } from './plan-move.ts'
import { stopRun } from './stop-run.ts'

export { stopRun }

export function insert(notebook: OpenNotebook, index: number, item: NewItem, then: 'edit' | 'select' = 'edit'): void {
  const { store } = notebook
  const before = new Set(store.order.value)
  store.write(insertAt(store.page, index, item), 'step')
  const key = store.order.value.find(other => !before.has(other)) ?? store.order.value[index]
  if (key === undefined) return
  if (then === 'edit') notebook.edit(key)
  else notebook.select(key)
}

/** Text beside other text is one piece of prose: there the cursor goes into what exists. */
export function insertProse(notebook: OpenNotebook, index: number): void {
  const { items } = notebook.store.page
  if (items[index - 1]?.kind === 'prose') notebook.edit(items[index - 1]!.key, 'end')
  else if (items[index]?.kind === 'prose') notebook.edit(items[index]!.key, 'start')
  else insert(notebook, index, { kind: 'prose', text: 'Text' })
}

export function newCell(notebook: OpenNotebook, near?: string): NewItem {
  const view = near === undefined ? undefined : notebook.store.view(near)?.value
  return { kind: 'cell', language: view?.kind === 'cell' ? view.language : notebook.language.value }
}

export function insertBeside(
  notebook: OpenNotebook,
  key: string | undefined,
  side: 'above' | 'below',
  then: 'edit' | 'select' = 'edit',
): void {
  const at = key === undefined ? notebook.store.page.items.length - 1 : notebook.store.indexOf(key)
  insert(notebook, side === 'above' ? Math.max(0, at) : at + 1, newCell(notebook, key), then)
}

/** Removes all that is selected. */
export function removeAll(notebook: OpenNotebook, keys: readonly string[] = notebook.chosenKeys): void {
  const { store } = notebook
  const first = keys.map(key => store.indexOf(key)).filter(at => at >= 0)
  if (first.length === 0) return
  store.write(removeItems(store.page, first), 'step')
  notebook.select(store.order.value[Math.min(first[0]!, store.order.value.length - 1)])
  notify(keys.length === 1 ? 'Deleted' : `${keys.length} items deleted`, 'Undo brings it back.')
}

export const remove = (notebook: OpenNotebook, key: string): void => removeAll(notebook, [key])

/** One place up or down. */
export function move(notebook: OpenNotebook, key: string, by: 1 | -1): void {
  const at = notebook.store.indexOf(key)
  moveTo(notebook, key, by === 1 ? at + 2 : at - 1)
}

/** Moves an item before the one that is at `place` now (NB30). */
export function moveTo(notebook: OpenNotebook, key: string, place: number): void {
  const { store } = notebook
  const at = store.indexOf(key)
  if (at < 0 || place < 0 || place > store.page.items.length || place === at || place === at + 1) return
  const plan = planMove(store.page, at, place, item => isBusy(notebook, item.key))
  if (plan === 'busy') notify('Not moved', 'Cells at both ends are running. Move it when one has ended.')
  if (plan === undefined || plan === 'busy') return
  notebook.mover ??= new Mover(store, notebook.executions)
  notebook.mover.move(plan)
  // What stood around it may be one piece of prose now, so its place cannot be counted.
  const moved = store.indexOf(key) >= 0 ? key : store.order.value[place > at ? place - 1 : place]
  if (moved !== undefined) notebook.select(moved)
}

function isBusy(notebook: OpenNotebook, key: string): boolean {
  return notebook.executions.running.value.has(notebook.runOf(key) ?? '')
}

export function changeLanguage(notebook: OpenNotebook, key: string, language: string): void {
  const item = notebook.store.find(key)
  if (item?.kind === 'cell') notebook.store.write(setLanguage(notebook.store.page, item.cell, language), 'step')
}

/** Turns an item of a kind into the other one. */
export function convertItem(notebook: OpenNotebook, key: string, from?: 'cell' | 'prose'): void {
  const { store } = notebook
  const at = store.indexOf(key)
  if (from !== undefined && store.page.items[at]?.kind !== from) return
  store.write(convert(store.page, at, notebook.language.value), 'step')
  notebook.select(store.order.value[Math.min(at, store.order.value.length - 1)])
}

export function clearAllOutputs(notebook: OpenNotebook): void {
  notebook.store.write(clearOutputs(notebook.store.page), 'step')
}

const cellKeys = (notebook: OpenNotebook): string[] =>
  notebook.store.page.items.filter(item => item.kind === 'cell').map(item => item.key)

export function runOne(notebook: OpenNotebook, key: string): void {
  if (notebook.store.find(key)?.kind !== 'cell') return
  leaveOutput()
  notebook.runner.run(key).catch(thrown => report(thrown, 'The cell was not run'))
}

/** What is in an output goes when its cell runs; the keys after that are the item's. */
function leaveOutput(): void {
  const held = document.activeElement?.closest('.output')
  held?.closest<HTMLElement>('.item')?.focus({ preventScroll: true })
}

function runKeys(notebook: OpenNotebook, keys: readonly string[]): void {
  leaveOutput()
  notebook.runner.runAll(keys).catch(thrown => report(thrown, 'The cells were not run'))
}

export const runAll = (notebook: OpenNotebook): void => runKeys(notebook, cellKeys(notebook))

function runWhere(notebook: OpenNotebook, wanted: (at: number) => boolean): void {
  const at = new Map(notebook.store.page.items.map((item, index) => [item.key, index]))
  runKeys(
    notebook,
    cellKeys(notebook).filter(key => wanted(at.get(key)!)),
  )
}

export function runAbove(notebook: OpenNotebook, key: string): void {
  const at = notebook.store.indexOf(key)
  runWhere(notebook, other => other < at)
}

/** This cell and all below it. */
export function runBelow(notebook: OpenNotebook, key: string): void {
  const at = notebook.store.indexOf(key)
  runWhere(notebook, other => other >= at)
}

export function runSelected(notebook: OpenNotebook): void {
  const chosen = notebook.chosen.peek()
  runKeys(
    notebook,
    cellKeys(notebook).filter(key => chosen.has(key)),
  )
}

/** Goes to the next item; after the last one there is a new cell. */
export function advance(notebook: OpenNotebook, key: string): void {
  const next = notebook.store.order.value[notebook.store.indexOf(key) + 1]
  if (next === undefined) insertBeside(notebook, key, 'below')
  else notebook.select(next)
}

/** Of several selected items all cells run, and the selection goes on after the last. */
export function runAndAdvance(notebook: OpenNotebook, key: string): void {
  const keys = notebook.chosenKeys
  if (keys.length > 1) runSelected(notebook)
  else runOne(notebook, key)
  advance(notebook, keys.length > 1 ? keys.at(-1)! : key)
}

export function runAndInsert(notebook: OpenNotebook, key: string): void {
  runOne(notebook, key)
  insertBeside(notebook, key, 'below')
}

/** Ends what runs and drops what waits. */
export async function interrupt(notebook: OpenNotebook): Promise<void> {
  notebook.runner.stopWaiting()
  const running = [...notebook.executions.running.value]
  if (running.length === 0) return notify('Nothing is running')
  try {
    await Promise.all(running.map(run => stopRun(notebook, run)))
  } catch (thrown) {
    report(thrown, 'The interrupt was not delivered')
  }
}

/** Restarts every session that the notebook's cells use. Answers whether all of them did. */
export async function restart(notebook: OpenNotebook): Promise<boolean> {
  notebook.runner.stopWaiting()
  const languages = notebook.store.page.items.flatMap(item => (item.kind === 'cell' ? [item.cell.language] : []))
  const ids = new Set(
    languages.map(language => notebook.sessionOf(language)).flatMap(session => (session?.device ? [session.id] : [])),
  )
  try {
    await Promise.all([...ids].map(id => api.restart(id)))
    notify(
      ids.size === 0 ? 'No runtime to restart' : 'Restarted',
      ids.size === 0 ? 'The first run starts one.' : 'The variables are gone; the outputs stay.',
    )
    return true
  } catch (thrown) {
    report(thrown, 'The restart failed')
    return false
  }
}

export async function restartAndRunAll(notebook: OpenNotebook): Promise<void> {
  if (await restart(notebook)) runAll(notebook)
}
