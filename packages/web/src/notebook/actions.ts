/** What a user does in a notebook, by name: for buttons, keys and the palette alike. */
import { api } from '../api/client.ts'
import { notify, report } from '../state/toasts.ts'
import type { OpenNotebook } from './open-notebook.ts'
import { clearOutputs, convert, insertAt, type NewItem, removeItem, setLanguage, swapWithNext } from './page-edits.ts'

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

export function remove(notebook: OpenNotebook, key: string): void {
  const { store } = notebook
  const at = store.indexOf(key)
  store.write(removeItem(store.page, at), 'step')
  notebook.select(store.order.value[Math.min(at, store.order.value.length - 1)])
  notify('Deleted', 'Undo brings it back.')
}

export function move(notebook: OpenNotebook, key: string, by: 1 | -1): void {
  const { store, executions } = notebook
  const at = store.indexOf(key)
  const first = by === 1 ? at : at - 1
  const firstKey = store.page.items[first]?.key
  const busy = firstKey !== undefined && executions.running.value.has(notebook.runOf(firstKey) ?? '')
  store.write(swapWithNext(store.page, first, busy ? 'second' : 'first'), 'step')
  const moved = store.order.value[at + by]
  if (moved !== undefined) notebook.select(moved)
}

export function changeLanguage(notebook: OpenNotebook, key: string, language: string): void {
  const item = notebook.store.find(key)
  if (item?.kind === 'cell') notebook.store.write(setLanguage(notebook.store.page, item.cell, language), 'step')
}

export function convertItem(notebook: OpenNotebook, key: string): void {
  const { store } = notebook
  const at = store.indexOf(key)
  store.write(convert(store.page, at, notebook.language.value), 'step')
  notebook.select(store.order.value[Math.min(at, store.order.value.length - 1)])
}

export function clearAllOutputs(notebook: OpenNotebook): void {
  notebook.store.write(clearOutputs(notebook.store.page), 'step')
}

const cellKeys = (notebook: OpenNotebook): string[] =>
  notebook.store.page.items.filter(item => item.kind === 'cell').map(item => item.key)

export function runOne(notebook: OpenNotebook, key: string): void {
  notebook.runner.run(key).catch(thrown => report(thrown, 'The cell was not run'))
}

function runKeys(notebook: OpenNotebook, keys: readonly string[]): void {
  notebook.runner.runAll(keys).catch(thrown => report(thrown, 'The cells were not run'))
}

export const runAll = (notebook: OpenNotebook): void => runKeys(notebook, cellKeys(notebook))

export function runAbove(notebook: OpenNotebook, key: string): void {
  const at = notebook.store.indexOf(key)
  runKeys(
    notebook,
    cellKeys(notebook).filter(other => notebook.store.indexOf(other) < at),
  )
}

/** Goes to the next item; after the last one there is a new cell. */
export function advance(notebook: OpenNotebook, key: string): void {
  const next = notebook.store.order.value[notebook.store.indexOf(key) + 1]
  if (next === undefined) insertBeside(notebook, key, 'below')
  else notebook.select(next)
}

function runIfCell(notebook: OpenNotebook, key: string): void {
  if (notebook.store.find(key)?.kind === 'cell') runOne(notebook, key)
}

export function runAndAdvance(notebook: OpenNotebook, key: string): void {
  runIfCell(notebook, key)
  advance(notebook, key)
}

export function runAndInsert(notebook: OpenNotebook, key: string): void {
  runIfCell(notebook, key)
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

/** A run that has begun is interrupted, so that its program may clean up; one that waits is cancelled. */
export async function stopRun(notebook: OpenNotebook, run: string): Promise<void> {
  const entry = notebook.executions.read(run)
  const session = entry?.status === 'running' ? notebook.sessionOf(entry.language) : undefined
  if (session) await api.interrupt(session.id)
  else await api.cancelRun(run, 'cancelled in the notebook')
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
