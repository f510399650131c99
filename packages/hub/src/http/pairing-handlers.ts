/** Handlers of pairing by a code, for the screen that pairs and for the new device. */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { claimPairingSchema, confirmPairingSchema, Pairing, pairResultSchema } from '@meshbook/core/pairing-api.ts'
import { RateLimiter } from '@meshbook/relay/serve/rate-limiter.ts'
import { hashSecret } from '@meshbook/relay/serve/secrets.ts'
import type { InferOutput } from 'valibot'
import { signInByPairing } from '../auth/sign-in.ts'
import { claim, confirm, found, outcomeOf, shownPairing, startPairing } from '../devices/pairing.ts'
import type { Parts } from '../parts.ts'
import { type Ask, json, knockOf, param, type UserAsk } from './route.ts'
import { shownOrigin } from './shown-origin.ts'

/** Guesses of codes, per address and of everybody together (S23, PR3). */
export class PairingTries {
  readonly #ofAddress: RateLimiter
  readonly #ofAll: RateLimiter

  constructor({ now }: Pick<Parts, 'now'>) {
    this.#ofAddress = new RateLimiter(limits.pairingTriesPerMinute, now)
    this.#ofAll = new RateLimiter(limits.pairingTriesPerHubMinute, now)
  }

  count(address: string): void {
    this.#ofAddress.count(address)
    this.#ofAll.count('all')
  }
}

export function newPairing(parts: Parts, { who, visit }: UserAsk<undefined>): Promise<Pairing> {
  return startPairing(parts, who, shownOrigin(parts, visit))
}

/** With `?seen=STATE` the answer waits a while for another state. */
export async function getPairing(parts: Parts, ask: UserAsk<undefined>): Promise<Pairing> {
  const read = async () => shownPairing(await found(parts.store, ask.who, param(ask, 'id')), parts.now())
  return changed(parts, ask, read, pairing => pairing.state === ask.query.get('seen'))
}

export function confirmPairing(parts: Parts, ask: UserAsk<InferOutput<typeof confirmPairingSchema>>): Promise<Pairing> {
  return confirm(parts, ask, param(ask, 'id'), ask.body.digits)
}

/** One that has ended already stays as it is. */
export async function cancelPairing({ store, audit }: Parts, ask: UserAsk<undefined>): Promise<void> {
  const { org, user } = ask.who
  const { id, name, kind } = await found(store, ask.who, param(ask, 'id'))
  const cancel = { org, user, id }
  if (ask.query.get('denied') === null) await store.call('cancelPairing', { ...cancel, as: 'cancelled' })
  else
    await audit.call(
      'cancelPairing',
      { ...cancel, as: 'denied' },
      audit.note('pairing-denied', ask, { detail: { name, kind, by: 'code' } }),
    )
}

export function pair(
  parts: Parts,
  tries: PairingTries,
  { body, visit }: Ask<InferOutput<typeof claimPairingSchema>>,
): Promise<object> {
  tries.count(visit.address)
  return claim(parts, body)
}

/** For a browser that was confirmed, the answer signs it in. */
export async function pairResult(parts: Parts, ask: Ask<InferOutput<typeof pairResultSchema>>): Promise<Response> {
  const { store, now } = parts
  const { claim: secret, wait } = ask.body
  const read = async () => {
    const row = await store.query('findClaim', { claimHash: hashSecret(secret) })
    if (!row) throw new MeshError('PAIRING_CODE')
    return outcomeOf(row, now())
  }
  const outcome = await changed(parts, ask, read, ({ state }) => wait === true && state === 'claimed')
  const response = json(outcome)
  const signedIn = outcome.state === 'done' ? await signInByPairing(parts, knockOf(ask), secret) : undefined
  if (!signedIn) return response
  response.headers.set('set-cookie', signedIn.cookie)
  parts.accounts.closeSessions(signedIn.ended)
  return response
}

const lookEveryMs = 250

/** Reads again until there is something new, the client goes, or `longPollMs` are over. */
async function changed<T>(
  { seats }: Pick<Parts, 'seats'>,
  { visit, request }: Pick<Ask<unknown>, 'visit' | 'request'>,
  read: () => Promise<T>,
  isOld: (value: T) => boolean,
): Promise<T> {
  const leave = seats.take(`long polls of ${visit.address}`, limits.longPollsPerAddress)
  try {
    let value = await read()
    for (
      let waitedMs = 0;
      isOld(value) && waitedMs < limits.longPollMs && !request.signal.aborted;
      waitedMs += lookEveryMs
    ) {
      await new Promise(resolve => setTimeout(resolve, lookEveryMs))
      value = await read()
    }
    return value
  } finally {
    leave()
  }
}
