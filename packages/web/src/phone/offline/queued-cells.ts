/** Which cells of an open notebook have a run in the queue of this phone. */
import { computed, type ReadonlySignal } from '@preact/signals'
import * as Y from 'yjs'
import type { NotebookModel } from '../../notebook/notebook-model.ts'
import { queued } from './queue.ts'
import type { QueuedRun } from './queued-run.ts'

/** The newest of each cell, by the cell's key; not those that the document shows already. */
export function queuedCells(notebook: NotebookModel): ReadonlySignal<ReadonlyMap<string, QueuedRun>> {
  const { document, store, executions } = notebook
  return computed(() => {
    const found = new Map<string, QueuedRun>()
    // Where cells are is asked again when some came or went.
    store.order.value
    for (const run of queued.value) {
      if (run.document !== document.id || executions.entry(run.id).value) continue
      const at = offsetIn(store.doc, run.anchor)
      const item = at === undefined ? undefined : store.page.items.find(({ from, to }) => from <= at && at < to)
      if (item?.kind === 'cell') found.set(item.key, run)
    }
    return found
  })
}

function offsetIn(doc: Y.Doc, anchor: unknown): number | undefined {
  try {
    return Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(anchor), doc)?.index
  } catch {
    return undefined
  }
}
