/** Whether a delivery is from whom its hook is for (GT61). Over the bytes as they came, in constant time. Pure. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { HookKind } from '@meshbook/core/hooks-api.ts'

export interface SignedDelivery {
  headers: Headers
  body: Uint8Array
}

/** `old`: it was good once, or will be; nobody knows whether it is a replay. */
export type Verdict = 'good' | 'bad' | 'old'

export function verdictOf(
  kind: HookKind,
  secret: string,
  { headers, body }: SignedDelivery,
  { now, windowMs }: { now: number; windowMs: number },
): Verdict {
  if (kind === 'github') {
    const said = /^sha256=([0-9a-f]{64})$/.exec(headers.get('x-hub-signature-256') ?? '')?.[1]
    return isSame(said ?? '', hmac(secret, body)) ? 'good' : 'bad'
  }
  if (kind === 'gitlab') return isSame(digest(headers.get('x-gitlab-token') ?? ''), digest(secret)) ? 'good' : 'bad'
  const [, seconds = '', said = ''] = ownSignature(headers)
  const isGood = isSame(said, hmac(secret, Buffer.concat([Buffer.from(`${seconds}.`), body])))
  if (!isGood) return 'bad'
  return Math.abs(now - Number(seconds) * 1_000) <= windowMs ? 'good' : 'old'
}

/** When it was signed, by the sender's clock; null where no time is signed. */
export function signedTime(headers: Headers): number | null {
  const [, seconds] = ownSignature(headers)
  return seconds === undefined ? null : Number(seconds) * 1_000
}

function ownSignature(headers: Headers): readonly string[] {
  return /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(headers.get('x-meshbook-signature') ?? '') ?? []
}

const hmac = (secret: string, bytes: Uint8Array): string => createHmac('sha256', secret).update(bytes).digest('hex')
const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(digest(a), 'hex'), Buffer.from(digest(b), 'hex')]
  return timingSafeEqual(left, right)
}
