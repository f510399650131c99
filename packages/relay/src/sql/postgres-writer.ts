/**
 * Calls that write, in group transactions on a few connections: those that wait together share a commit, and none runs
 * beside one that has a lock in common with it. It must not know what the procedures do, nor when to give up the server.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Pool, PoolClient } from 'pg'
import type { After } from '../timers.ts'
import { type Locked, orderedLocks, takeGroup } from './call-locks.ts'
import { txOver } from './postgres-connection.ts'
import { callErrorOf, isLost, isRolledBack, serverErrorOf } from './postgres-error.ts'
import { enterScope } from './postgres-guard.ts'
import { beginWith } from './postgres-sql.ts'
import type { CallLock, Together, Tx } from './tx.ts'

export interface WriteCall extends Locked {
  readonly locks: readonly CallLock[]
  /** The org whose rows it sees. */
  readonly scope: string
  perform(tx: Tx): Promise<unknown>
  /** How it is done with others like it. */
  readonly together: Together | undefined
  readonly args: unknown
  resolve(value: unknown): void
  reject(error: MeshError): void
}

export interface WriterOptions {
  pool: Pool
  after: After
  /** The server failed: nothing of the group is acknowledged. */
  onBroken(error: MeshError): void
}

type Outcome = { ok: true; value: unknown } | { ok: false; error: MeshError }

/** A call failed where it had no savepoint: the transaction is lost, but nothing else is wrong. */
class Unguarded {
  readonly error: MeshError
  constructor(error: MeshError) {
    this.error = error
  }
}

const retryMs = 10

export class PostgresWriter {
  readonly #options: WriterOptions
  readonly #running = new Set<Locked>()
  readonly #idle: (() => void)[] = []
  #queue: WriteCall[] = []
  #pumping = false

  constructor(options: WriterOptions) {
    this.#options = options
  }

  add(call: WriteCall): void {
    this.#queue.push(call)
    if (this.#pumping) return
    this.#pumping = true
    // At the end of this tick, so that everything asked for in it shares a commit.
    queueMicrotask(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  failAll(error: MeshError): void {
    for (const call of this.#queue.splice(0)) call.reject(error)
  }

  /** Until everything that was asked for is answered. */
  async idle(): Promise<void> {
    if (this.#queue.length > 0 || this.#running.size > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#running.size < limits.databaseWriters) {
      const { group, rest } = takeGroup(this.#queue, [...this.#running], limits.groupCommitCalls)
      if (group.length === 0) break
      this.#queue = rest
      this.#start(likeBesideLike(group))
    }
    if (this.#queue.length === 0 && this.#running.size === 0) for (const tell of this.#idle.splice(0)) tell()
  }

  #start(group: WriteCall[]): void {
    const running = { locks: group.flatMap(({ locks }) => locks) }
    this.#running.add(running)
    this.#run(group)
      .catch((thrown: unknown) => this.#reject(group, thrown))
      .finally(() => {
        this.#running.delete(running)
        this.#pump()
      })
  }

  #reject(group: readonly WriteCall[], thrown: unknown): void {
    const broken = serverErrorOf(thrown)
    if (broken) this.#options.onBroken(broken)
    const error = broken ?? callErrorOf(thrown)
    for (const call of group) call.reject(error)
  }

  /**
   * First without savepoints, which halves the round trips; when a call fails, which is rare, once more with them. That is
   * the same for the calls: what they did was rolled back, and a procedure acts on nothing but its Tx.
   */
  async #run(group: WriteCall[]): Promise<void> {
    let guarded = false
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(group, guarded)
      } catch (thrown) {
        if (thrown instanceof Unguarded) {
          if (group.length === 1) return group[0]!.reject(thrown.error)
          guarded = true
        } else if (!isRolledBack(thrown) || attempt >= limits.databaseTries) throw thrown
        else await new Promise<void>(resolve => this.#options.after(retryMs * 2 ** attempt, resolve))
      }
    }
  }

  async #attempt(group: WriteCall[], guarded: boolean): Promise<void> {
    const client = await this.#options.pool.connect()
    let outcomes: Outcome[]
    try {
      outcomes = await performGroup(client, group, guarded)
    } catch (thrown) {
      await rollBack(client, thrown)
      throw thrown
    }
    client.release()
    // What the group had no time for goes first next time.
    this.#queue.unshift(...group.splice(outcomes.length))
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.ok) group[i]!.resolve(outcome.value)
      else group[i]!.reject(outcome.error)
    }
  }
}

async function performGroup(client: PoolClient, group: readonly WriteCall[], guarded: boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let scope = group[0]!.scope
  await client.query(`${beginWith(orderedLocks(group.flatMap(({ locks }) => locks)))}; ${enterScope(scope)}`)
  const until = performance.now() + limits.groupCommitMs
  while (outcomes.length < group.length) {
    const call = group[outcomes.length]!
    if (call.scope !== scope) await client.query(enterScope(call.scope))
    scope = call.scope
    const tx = txOver(client, scope)
    if (guarded) outcomes.push(await performGuarded(client, tx, call))
    else outcomes.push(...(await performPlain(tx, alike(group, outcomes.length))))
    if (performance.now() > until) break
  }
  const { command } = await client.query('COMMIT')
  // A transaction that a procedure broke and went on with answers ROLLBACK here.
  if (command !== 'COMMIT')
    throw new MeshError('STORAGE_FAILED', { detail: `PostgreSQL answered ${command} to COMMIT` })
  return outcomes
}

const areAlike = (a: WriteCall, b: WriteCall): boolean =>
  a.together !== undefined && a.together === b.together && a.scope === b.scope

/** Calls that can be done together stand together, where the first of them stood. */
function likeBesideLike(group: readonly WriteCall[]): WriteCall[] {
  const kinds: WriteCall[][] = []
  for (const call of group) {
    const kind = call.together && kinds.find(([first]) => areAlike(first!, call))
    if (kind) kind.push(call)
    else kinds.push([call])
  }
  return kinds.flat()
}

/** From this one on, as far as they can be done together; itself at least. */
function alike(group: readonly WriteCall[], from: number): WriteCall[] {
  let to = from + 1
  while (to < group.length && areAlike(group[from]!, group[to]!)) to++
  return group.slice(from, to)
}

async function performPlain(tx: Tx, calls: readonly WriteCall[]): Promise<Outcome[]> {
  const [first] = calls
  try {
    const values =
      first!.together && calls.length > 1
        ? await first!.together(tx, calls.map(({ args }) => args) as never[])
        : [await first!.perform(tx)]
    return values.map(value => ({ ok: true, value }))
  } catch (thrown) {
    if (isOfAll(thrown)) throw thrown
    throw new Unguarded(callErrorOf(thrown))
  }
}

/** One call inside the group: a failure of its own takes back only what it wrote. */
async function performGuarded(client: PoolClient, tx: Tx, call: WriteCall): Promise<Outcome> {
  await client.query('SAVEPOINT one_call')
  try {
    const value = await call.perform(tx)
    await client.query('RELEASE one_call')
    return { ok: true, value }
  } catch (thrown) {
    if (isOfAll(thrown)) throw thrown
    await client.query('ROLLBACK TO one_call; RELEASE one_call')
    return { ok: false, error: callErrorOf(thrown) }
  }
}

const isOfAll = (thrown: unknown): boolean => isRolledBack(thrown) || serverErrorOf(thrown) !== undefined

/** A connection on which even that fails is thrown away; the server then rolls back by itself. */
async function rollBack(client: PoolClient, reason: unknown): Promise<void> {
  if (isLost(reason)) return client.release(true)
  try {
    await client.query('ROLLBACK')
    client.release()
  } catch {
    client.release(true)
  }
}
