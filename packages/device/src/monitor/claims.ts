/**
 * Who wants to run what, in the document itself: a map in which each key is written by one monitor alone, so that no
 * claim is ever lost to another (HM20), also not between servers that are joined later (HM23). Who goes on is decided here.
 */
import { sharedNames } from '@meshbook/core/executions.ts'
import { isRunId, type RunId } from '@meshbook/core/ids.ts'
import { nameSchema } from '@meshbook/core/messages.ts'
import * as v from 'valibot'
import type * as Y from 'yjs'

const when = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const claimSchema = v.object({ at: when, name: nameSchema, goesAt: v.optional(when), ranAt: v.optional(when) })

export interface Claim extends v.InferOutput<typeof claimSchema> {
  run: RunId
  client: number
}

export class Claims {
  readonly #map: Y.Map<unknown>
  readonly #client: number
  readonly #name: string

  constructor(doc: Y.Doc, name: string) {
    this.#map = doc.getMap(sharedNames.claims)
    this.#client = doc.clientID
    this.#name = name
  }

  make(run: RunId, at: number): void {
    this.#map.set(keyOf(run, this.#client), { at, name: this.#name })
  }

  /** Said before it is run, so that of two who go at once one sees the other. Not run yet: it may be withdrawn. */
  goes(run: RunId, at: number, goesAt: number): void {
    this.#map.set(keyOf(run, this.#client), { at, name: this.#name, goesAt })
  }

  withdraw(run: RunId): void {
    this.#map.delete(keyOf(run, this.#client))
  }

  /** From now on it counts as run here, whatever becomes of it. */
  ran(run: RunId, at: number, ranAt: number): void {
    this.#map.set(keyOf(run, this.#client), { at, name: this.#name, goesAt: ranAt, ranAt })
  }

  of(run: RunId): Claim[] {
    return this.all().filter(claim => claim.run === run)
  }

  all(): Claim[] {
    return [...this.#map].flatMap(([key, value]) => claimOf(key, value) ?? []).sort(byRank)
  }

  /** Runs that more than one monitor has run. */
  ranTwice(): RunId[] {
    const ran = this.all().filter(({ ranAt }) => ranAt !== undefined)
    return [...Map.groupBy(ran, ({ run }) => run)].filter(([, by]) => by.length > 1).map(([run]) => run)
  }

  /** Forgets what nobody needs any more. */
  prune(isNeeded: (claim: Claim) => boolean): void {
    for (const claim of this.all()) if (!isNeeded(claim)) this.#map.delete(keyOf(claim.run, claim.client))
  }

  onChange(listener: () => void): void {
    this.#map.observe(listener)
  }
}

/** Whether the claim of `client` goes on: the lowest (claimedAt, clientId) of those whose monitor is there. */
export function goesOn(claims: readonly Claim[], client: number, isPresent: (client: number) => boolean): boolean {
  const first = claims.filter(claim => claim.client === client || isPresent(claim.client)).sort(byRank)[0]
  return first?.client === client
}

/** Whether another one who is there goes on already, or has. */
export function isTaken(claims: readonly Claim[], client: number, isPresent: (client: number) => boolean): boolean {
  return claims.some(claim => claim.goesAt !== undefined && claim.client !== client && isPresent(claim.client))
}

export function byRank(a: Claim, b: Claim): number {
  return a.at - b.at || a.client - b.client
}

const keyOf = (run: RunId, client: number): string => `${run} ${client}`

function claimOf(key: string, value: unknown): Claim | undefined {
  const [run, client] = key.split(' ')
  const parsed = v.safeParse(claimSchema, value)
  return isRunId(run) && /^\d{1,16}$/.test(client ?? '') && parsed.success
    ? { run, client: Number(client), ...parsed.output }
    : undefined
}
