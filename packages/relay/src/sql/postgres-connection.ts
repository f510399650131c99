/** Connections to PostgreSQL with every time bounded, values as SQLite gives them, and the Tx over one connection. */
import { limits } from '@meshbook/core/limits.ts'
import { type ClientConfig, Pool, type PoolClient, type PoolConfig, types } from 'pg'
import { enterScope } from './postgres-guard.ts'
import type { Presence } from './postgres-presence.ts'
import { numbered } from './postgres-sql.ts'
import type { SqlValue, Tx } from './tx.ts'

const bytea = 17
const int8 = 20
const numeric = 1700
/** So that a server that hangs is given up a little after it should have given up itself. */
const graceMs = 2_000

function numberFrom(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) throw new RangeError(`${text} is not a safe number`)
  return number
}

function bytesFrom(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(2), 'hex')
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The values that SQLite would have given. */
function parsersWith(integerFrom: (text: string) => number | bigint): NonNullable<ClientConfig['types']> {
  const getTypeParser = (oid: number, format?: 'text' | 'binary'): unknown => {
    if (oid === int8 || oid === numeric) return integerFrom
    if (oid === bytea) return bytesFrom
    return types.getTypeParser(oid, format)
  }
  return { getTypeParser } as NonNullable<ClientConfig['types']>
}

/** `integerFrom` is for who can do with whole numbers that a number does not hold exactly. */
export function clientConfig(url: string, integerFrom: (text: string) => number | bigint = numberFrom): ClientConfig {
  return {
    connectionString: url,
    application_name: 'meshbook',
    connectionTimeoutMillis: limits.databaseConnectMs,
    statement_timeout: limits.databaseStatementMs,
    query_timeout: limits.databaseStatementMs + graceMs,
    lock_timeout: limits.databaseLockMs,
    idle_in_transaction_session_timeout: limits.databaseStatementMs,
    keepAlive: true,
    // Whatever the server's default is: an acknowledgement means that the log is flushed (I1).
    options: '-c synchronous_commit=on',
    types: parsersWith(integerFrom),
  }
}

/**
 * A connection that breaks while nobody uses it is only forgotten; whoever asks next gets a new one. Who holds it hears of
 * it by the next query; without a listener of its own the event would end the process.
 */
export function openPool(url: string, connections: number, presence: Presence): Pool {
  const verify: PoolConfig['verify'] = (client, done) => {
    presence.enter(client).then(() => done(), done)
  }
  const pool = new Pool({ ...clientConfig(url), max: connections, idleTimeoutMillis: limits.databaseIdleMs, verify })
  pool.on('error', () => undefined)
  pool.on('connect', client => client.on('error', () => undefined))
  return pool
}

const statements = new Map<string, string>()
const mostStatements = 1_000

function statementOf(sql: string): string {
  const known = statements.get(sql)
  if (known !== undefined) return known
  if (statements.size >= mostStatements) statements.clear()
  const statement = numbered(sql)
  statements.set(sql, statement)
  return statement
}

type Rows<Row> = { rows: Row[]; rowCount: number | null }

/** `scope` is the one that the transaction is in by now. */
export function txOver(client: Pick<PoolClient, 'query'>, scope: string): Tx {
  const query = <Row>(sql: string, params: readonly SqlValue[] = []): Promise<Rows<Row>> =>
    client.query(statementOf(sql), [...params]) as Promise<Rows<never>>
  const tx: Tx = {
    all: async <Row>(sql: string, params?: readonly SqlValue[]) => (await query<Row>(sql, params)).rows,
    get: async <Row>(sql: string, params?: readonly SqlValue[]) => (await query<Row>(sql, params)).rows[0],
    run: async (sql, params) => ({ changes: (await query(sql, params)).rowCount ?? 0 }),
    inScope: (inner, work) => (inner === scope ? work(tx) : workIn(client, inner, scope, work)),
  }
  return tx
}

/** After an error the server may take no statement but a rollback, which restores the scope by itself. */
async function workIn<T>(
  client: Pick<PoolClient, 'query'>,
  inner: string,
  outer: string,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  await client.query(enterScope(inner))
  let isDone = false
  try {
    const value = await work(txOver(client, inner))
    isDone = true
    return value
  } finally {
    const restored = client.query(enterScope(outer))
    await (isDone ? restored : restored.then(undefined, () => undefined))
  }
}
