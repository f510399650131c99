/** The hub's procedures, typed by their names. Which database runs them is not known here. */
import type { Database } from '@meshbook/relay/sql/database.ts'
import type { HubProcedures } from './procedures.ts'

export type HubStore = Database<HubProcedures>

/** For `SqliteOptions.modules`. */
export const hubModule = new URL('./procedures.ts', import.meta.url)
