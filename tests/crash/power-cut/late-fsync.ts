/** Loaded by a database's writer in place of nothing: SQLite waits for the disk only when it moves its log. The model must notice. */
import { DatabaseSync } from 'node:sqlite'

const exec = DatabaseSync.prototype.exec
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
  exec.call(this, sql.replace('synchronous = FULL', 'synchronous = NORMAL'))
}

export const schema = { name: 'planted', migrations: [] }
export const procedures = {}
