/** The hub's procedures, typed by their names. Which database runs them is not known here. */
import type { Database } from '@meshbook/relay/sql/database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import { documentModule } from '@meshbook/relay/store/sqlite-document-store.ts'
import type { HubProcedures } from './procedures.ts'

export type HubStore = Database<HubProcedures>

/** For `SqliteOptions.modules`. */
export const hubModule = new URL('./procedures.ts', import.meta.url)
/** All modules of a hub's database; a backup knows their tables by them. */
export const hubModules: readonly URL[] = [documentModule, hubModule]
export type AllProcedures = HubProcedures & DocumentProcedures
