/**
 * A sign-in under way at a provider, as the browser holds it: one secret in a short-lived cookie, from which everything
 * else is derived, so that nothing secret needs to be stored (AU10). Pure.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'
import { newSecret } from '@meshbook/relay/serve/secrets.ts'

export interface AttemptSecrets {
  /** In the cookie only. */
  cookie: string
  /** In the address at the provider and back. */
  state: string
  /** In the ID token. */
  nonce: string
  /** PKCE: the verifier is shown when the code is redeemed, its hash (`challenge`) before. */
  verifier: string
  challenge: string
}

export function newAttempt(random: RandomBytes): AttemptSecrets {
  return attemptOf(newSecret(random))
}

export function attemptOf(cookie: string): AttemptSecrets {
  const derived = (purpose: string): string => createHmac('sha256', cookie).update(purpose).digest('base64url')
  const verifier = derived('pkce')
  return {
    cookie,
    state: derived('state'),
    nonce: derived('nonce'),
    verifier,
    challenge: createHash('sha256').update(verifier).digest('base64url'),
  }
}

export function isState({ state }: AttemptSecrets, shown: string | null): boolean {
  const [expected, got] = [Buffer.from(state), Buffer.from(shown ?? '')]
  return expected.length === got.length && timingSafeEqual(expected, got)
}

export function attemptCookieName(visit: Visit): string {
  return visit.secure ? '__Host-mb_attempt' : 'mb_attempt'
}

/** Lax, because the provider leads back here from its own site. An empty value removes it. */
export function attemptCookie(visit: Visit, value: string): string {
  const ageMs = value === '' ? 0 : limits.signInAttemptMs
  const secure = visit.secure ? 'Secure; ' : ''
  return `${attemptCookieName(visit)}=${value}; Path=/; HttpOnly; ${secure}SameSite=Lax; Max-Age=${ageMs / 1000}`
}
