/** Which calls may run at the same time, as pure functions over their locks. It must not know who enforces them. */
import { createHash } from 'node:crypto'
import type { CallLock } from './tx.ts'

/** A lock as PostgreSQL knows it: a number, the same in every process. */
export interface NumberedLock {
  number: bigint
  shared: boolean
}

const allOrgs = 'all orgs'

/** A call that names an org has that org to itself; one that names none has all of them. */
export function locksOfOrg(args: unknown): CallLock[] {
  const org = typeof args === 'object' && args !== null && 'org' in args ? args.org : undefined
  if (typeof org !== 'string') return [{ key: allOrgs, shared: false }]
  return [
    { key: allOrgs, shared: true },
    { key: `org ${org}`, shared: false },
  ]
}

/**
 * Each lock once, at its strongest, and in the one order in which everybody takes them, so that nobody waits in a ring.
 * A lock that is only ever shared comes before those that are taken alone: nobody who holds one waits for it.
 */
export function orderedLocks(locks: readonly CallLock[]): NumberedLock[] {
  const strongest = new Map<bigint, boolean>()
  for (const { key, shared } of locks) {
    const number = numberOf(key)
    strongest.set(number, shared && (strongest.get(number) ?? true))
  }
  return [...strongest]
    .map(([number, shared]) => ({ number, shared }))
    .sort((a, b) => rankOf(a) - rankOf(b) || (a.number < b.number ? -1 : 1))
}

export function collide(some: readonly CallLock[], others: readonly CallLock[]): boolean {
  return some.some(a => others.some(b => a.key === b.key && !(a.shared && b.shared)))
}

export interface Locked {
  readonly locks: readonly CallLock[]
}

/**
 * The calls, oldest first, that can share the next transaction while those of `running` are under way; the rest keeps
 * its order. A call that must wait holds back later ones with its locks: nobody is overtaken for ever.
 */
export function takeGroup<Call extends Locked>(
  queue: readonly Call[],
  running: readonly Locked[],
  most: number,
): { group: Call[]; rest: Call[] } {
  const blocked = running.flatMap(({ locks }) => locks)
  const group: Call[] = []
  const rest: Call[] = []
  for (const call of queue) {
    if (group.length < most && !collide(call.locks, blocked)) group.push(call)
    else {
      rest.push(call)
      blocked.push(...call.locks)
    }
  }
  return { group, rest }
}

const rankOf = ({ number }: NumberedLock): number => (number === numberOf(allOrgs) ? 0 : 1)

function numberOf(key: string): bigint {
  return createHash('sha256').update(`meshbook ${key}`).digest().readBigInt64BE()
}
