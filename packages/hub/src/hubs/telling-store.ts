/** The store of a hub that has neighbours: once a call that notes news is durable, the others are woken. */
import type { Database } from '@meshbook/relay/sql/database.ts'
import { notesNews } from '../store/news.ts'
import type { AllProcedures } from '../store/open-store.ts'
import { procedures } from '../store/procedures.ts'
import type { Wake } from './wake.ts'

export function tellingStore(store: Database<AllProcedures>, wake: Wake): Database<AllProcedures> {
  const noted = new Set(Object.entries(procedures).flatMap(([name, procedure]) => (notesNews(procedure) ? [name] : [])))
  const call: typeof store.call = (name, ...args) => {
    const called = store.call(name, ...args)
    // Whoever waits for the call hears what became of it; here only its success matters.
    if (noted.has(name))
      called.then(
        () => wake.tell({ type: 'news' }),
        () => undefined,
      )
    return called
  }
  return {
    call,
    query: (name, ...args) => store.query(name, ...args),
    health: () => store.health(),
    close: () => store.close(),
  }
}
