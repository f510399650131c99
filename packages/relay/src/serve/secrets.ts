/** Secrets handed out once and kept only as hashes (S7). They have 256 random bits, so a plain SHA-256 is enough. */
import { createHash } from 'node:crypto'
import type { RandomBytes } from '@meshbook/core/ids.ts'

export function newSecret(random: RandomBytes, prefix = ''): string {
  return prefix + Buffer.from(random(32)).toString('base64url')
}

export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** The form of an API token: our own have 43 characters after the prefix, a bootstrap token is the operator's choice. */
export function isApiToken(text: string): boolean {
  return /^mb_[A-Za-z0-9_-]{8,200}$/.test(text)
}
