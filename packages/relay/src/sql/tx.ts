/**
 * How store code speaks to a database: portable SQL with `?` placeholders inside one transaction.
 * It must not know which database it is, so that SQLite and PostgreSQL run the same procedures.
 */
export type SqlValue = string | number | bigint | null | Uint8Array

export interface Tx {
  all<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row[]>
  get<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row | undefined>
  run(sql: string, params?: readonly SqlValue[]): Promise<{ changes: number }>
  /** Absent where nothing keeps orgs apart but the statements. Called by `inOrg` and `acrossOrgs` only. */
  inScope?<T>(scope: string, work: (tx: Tx) => Promise<T>): Promise<T>
}

/**
 * One unit of work: it either happens whole or not at all. It runs where the database is (for SQLite in a worker
 * thread), so arguments and result are plain data, and it awaits nothing but its `tx`.
 */
export type Procedure = (tx: Tx, args: never) => Promise<unknown>
export type Procedures = Record<string, Procedure>

/**
 * A call that brings much says so in its arguments as `turn`: on the way to a single writer it lets others by, and calls
 * `of` one name keep their order. What several names bring goes in turns.
 */
export interface Turn {
  of: string
  bytes: number
}

/** A module of procedures exports `schema` and `procedures`. A released migration is never edited, only followed by another. */
export interface Schema {
  name: string
  migrations: readonly string[]
  /** Tables of which a call on PostgreSQL sees and changes only rows of the org that it is for. */
  guarded?: readonly string[]
  /** Of these, those that also have rows of no org (`org_id = ''`), which every call may reach. */
  common?: readonly string[]
  /** By table: which rows of other orgs a call may read, as a condition in which `:org` is the org that it is for. */
  seen?: Readonly<Record<string, string>>
}

/**
 * What a call must have to itself on a database with several writers: calls with the same key run one after the other,
 * unless both only share it.
 */
export interface CallLock {
  key: string
  shared: boolean
}

/** Calls that no order binds: none of those who made them has waited for another. */
export type Together = (tx: Tx, calls: readonly never[]) => Promise<unknown[]>

export interface SqlModule {
  schema: Schema
  procedures: Procedures
  /** What PostgreSQL does in place of procedures of the same name, and to the same end, in fewer statements. */
  onPostgres?: Readonly<Record<string, Procedure>>
  /** What PostgreSQL does for several calls of one procedure and org that wait together: a result for each, in their order. */
  together?: Readonly<Record<string, Together>>
  /** Procedures that may be called without an `org`, and then reach the rows of all. Any other is refused then. */
  withoutOrg?: ReadonlySet<string>
  /** Procedures that reach rows of other orgs than the one that they are called for. */
  acrossOrgs?: ReadonlySet<string>
  /** Other locks than those of the call's org; see `locksOfOrg`. */
  locksOf?: (args: never) => CallLock[]
}
