/** The public keys that a device shows: their form, the id that follows from them, and that both belong together. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, deviceIdOf } from '@meshbook/core/ids.ts'
import { fingerprintOf, sealProofText } from '@meshbook/core/pairing.ts'
import type { DeviceKeys } from '@meshbook/core/pairing-api.ts'

/** Throws BAD_REQUEST for what is no Ed25519 key. */
export function deviceOf(publicKey: string): DeviceId {
  keyObject(publicKey)
  return deviceIdOf(digestOf(publicKey))
}

export function fingerprint(publicKey: string): string {
  return fingerprintOf(digestOf(publicKey))
}

function digestOf(publicKey: string): Uint8Array {
  return createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest()
}

export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  return verify(null, Buffer.from(text), keyObject(publicKey), Buffer.from(signature, 'base64url'))
}

/** The id of the device, once it has shown that it holds the Ed25519 key and that the sealing key is its own (PR5). */
export function provenDevice({ publicKey, sealKey, sealProof }: DeviceKeys): DeviceId {
  const device = deviceOf(publicKey)
  if (!isSignedBy(publicKey, sealProofText(device, sealKey), sealProof))
    throw new MeshError('BAD_REQUEST', { detail: 'sealProof: not signed by this device' })
  return device
}

function keyObject(publicKey: string): KeyObject {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })
  } catch (cause) {
    throw new MeshError('BAD_REQUEST', { detail: 'publicKey: not an Ed25519 key', cause })
  }
}
