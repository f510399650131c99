/**
 * One part, sealed and opened (SN1–SN3): a byte for the version of the form, the bytes under AES-256-GCM with the name
 * bound in, the tag. Pure, and the same for the same bytes.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import type { PartId } from '@meshbook/core/snapshot.ts'
import type { PartKeys } from './part-keys.ts'

const formVersion = 1
const nonceBytes = 12
const tagBytes = 16
/** So much at a time stays in the cache of a processor. */
const pieceBytes = 64 * 1024
/** What sealing adds. */
export const sealBytes = 1 + tagBytes

export function nameOfPart(keys: PartKeys, bytes: Uint8Array): PartId {
  return createHmac('sha256', keys.name).update(bytes).digest('hex')
}

/** `part` must be the name of these bytes. */
export function sealPart(keys: PartKeys, part: PartId, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const cipher = createCipheriv('aes-256-gcm', keys.bytes, nonceOf(keys, part), { authTagLength: tagBytes })
  cipher.setAAD(boundTo(part))
  // Not of the pool, so that it can be handed to another thread; all of it is written below.
  const sealed = Buffer.allocUnsafeSlow(bytes.byteLength + sealBytes)
  sealed[0] = formVersion
  for (let at = 0; at < bytes.byteLength; at += pieceBytes)
    sealed.set(cipher.update(bytes.subarray(at, at + pieceBytes)), 1 + at)
  cipher.final()
  sealed.set(cipher.getAuthTag(), 1 + bytes.byteLength)
  return sealed
}

/** Throws SNAPSHOT_REFUSED unless it is exactly what was sealed under this name. */
export function openPart(keys: PartKeys, part: PartId, sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  if (sealed.byteLength < sealBytes) throw refused(part, 'it is cut short')
  if (sealed[0] !== formVersion) throw refused(part, 'it is of a form that is not known here')
  const end = sealed.byteLength - tagBytes
  const bytes = decrypted(keys, part, sealed.subarray(1, end), sealed.subarray(end))
  const name = createHmac('sha256', keys.name).update(bytes).digest()
  if (!timingSafeEqual(name, Buffer.from(part, 'hex'))) throw refused(part, 'it is not what its name says')
  return bytes
}

function decrypted(keys: PartKeys, part: PartId, bytes: Uint8Array, tag: Uint8Array): Uint8Array<ArrayBuffer> {
  const decipher = createDecipheriv('aes-256-gcm', keys.bytes, nonceOf(keys, part), { authTagLength: tagBytes })
  decipher.setAAD(boundTo(part))
  decipher.setAuthTag(tag)
  const opened = Buffer.allocUnsafeSlow(bytes.byteLength)
  for (let at = 0; at < bytes.byteLength; at += pieceBytes)
    opened.set(decipher.update(bytes.subarray(at, at + pieceBytes)), at)
  try {
    decipher.final()
  } catch {
    throw refused(part, 'it is altered, or was sealed with another key')
  }
  return opened
}

function nonceOf(keys: PartKeys, part: PartId): Uint8Array {
  return createHmac('sha256', keys.nonce).update(boundTo(part)).digest().subarray(0, nonceBytes)
}

function boundTo(part: PartId): Uint8Array {
  const id = Buffer.from(part, 'hex')
  if (id.byteLength !== 32) throw new MeshError('SNAPSHOT_REFUSED', { detail: 'the name of a part is not understood' })
  return id
}

function refused(part: PartId, why: string): MeshError {
  return new MeshError('SNAPSHOT_REFUSED', { detail: `part ${part.slice(0, 12)}: ${why}` })
}
