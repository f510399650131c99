/**
 * Takes away what is kept here of tasks that others deleted or ended: another hub over the same store, or this one before
 * it was killed (TK33, TK46).
 */
import type { RunId } from '@meshbook/core/ids.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Delivery } from './places.ts'

export interface LeftTasksPorts {
  store: Pick<HubStore, 'query'>
  delivery: Pick<Delivery, 'kept' | 'drop' | 'forget'>
  /** This hub does something with it right now. */
  isBusy(id: RunId): boolean
}

const rowsAtOnce = 200

export async function clearLeftTasks({ store, delivery, isBusy }: LeftTasksPorts): Promise<void> {
  // What is kept first, the rows after it: a row is there before anything is kept of its task, so none is too new to be seen.
  const kept = delivery.kept()
  for (let from = 0; from < kept.length; from += rowsAtOnce) {
    const some = kept.slice(from, from + rowsAtOnce)
    const rows = await store.query('tasksThere', { ids: some.map(({ id }) => id) })
    const there = new Map(rows.map(row => [`${row.org} ${row.id}`, row]))
    for (const task of some) {
      const row = there.get(`${task.org} ${task.id}`)
      if (isBusy(task.id)) continue
      if (!row) await delivery.drop(task)
      else if (row.isOver && !task.isOver) await delivery.forget(task)
    }
  }
}
