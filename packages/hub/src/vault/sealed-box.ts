/** AES-256-GCM over bytes, bound to what they are about: nonce, tag and what was sealed, in base64url. Pure but for chance. */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { RandomBytes } from '@meshbook/core/ids.ts'

export const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

export function seal(key: Uint8Array, random: RandomBytes, secret: Uint8Array, about: string): string {
  const nonce = random(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(about))
  const sealed = Buffer.concat([cipher.update(secret), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
}

/** Undefined for what another key sealed, or about something else. */
export function unseal(key: Uint8Array, sealed: string, about: string): Uint8Array | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.byteLength < nonceBytes + tagBytes) return undefined
  const nonce = bytes.subarray(0, nonceBytes)
  const tag = bytes.subarray(nonceBytes, nonceBytes + tagBytes)
  try {
    const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    cipher.setAAD(Buffer.from(about)).setAuthTag(tag)
    return Buffer.concat([cipher.update(bytes.subarray(nonceBytes + tagBytes)), cipher.final()])
  } catch {
    return undefined
  }
}
