/**
 * Who uses the tables of a PostgreSQL database: each connection shares a lock for as long as it lives, and a restore needs
 * that lock alone. A hub that had no connection during a restore notices with its next one that the tables are others.
 * It must not know what is in them.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { ClientBase, QueryResult } from 'pg'
import { orderedLocks } from './call-locks.ts'
import { OperatorError } from './postgres-error.ts'

const number = orderedLocks([{ key: 'tables in use', shared: true }])[0]!.number
const enterSql = `SELECT pg_try_advisory_lock_shared(${number}) AS entered; SELECT to_regclass('schema_versions')::oid::text AS tables`

export class Presence {
  #tables: string | null | undefined

  /** For every new connection. Throws DATA_IN_USE during a restore. */
  async enter(client: ClientBase): Promise<void> {
    const answers = (await client.query(enterSql)) as unknown as QueryResult[]
    const { entered, tables } = { ...answers[0]?.rows[0], ...answers[1]?.rows[0] } as {
      entered: boolean
      tables: string | null
    }
    if (!entered) throw new MeshError('DATA_IN_USE', { detail: 'the database is being restored' })
    this.#tables ??= tables
    if (this.#tables !== tables) throw new OperatorError('the database was restored: start this hub again')
  }
}

/** A connection that has ended a moment ago may still have its lock. */
const triesAlone = 10

/** Nobody else uses the tables while this connection lives. */
export async function enterAlone(client: ClientBase): Promise<void> {
  for (let tries = 1; tries <= triesAlone; tries++) {
    const { rows } = await client.query<{ alone: boolean }>(`SELECT pg_try_advisory_lock(${number}) AS alone`)
    if (rows[0]?.alone) return
    await client.query('SELECT pg_sleep(0.2)')
  }
  throw new MeshError('DATA_IN_USE', { detail: 'a hub, a backup or a restore uses the database' })
}
