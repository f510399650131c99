/** The keys that parts are named and sealed with, from the owner's data key (SN1). Pure. */
import { hkdfSync } from 'node:crypto'

export interface PartKeys {
  name: Uint8Array
  bytes: Uint8Array
  nonce: Uint8Array
}

const keyBytes = 32

export function partKeys(ownerKey: Uint8Array): PartKeys {
  if (ownerKey.byteLength !== keyBytes) throw new RangeError('the key of an owner has 32 bytes')
  const of = (use: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', ownerKey, 'meshbook saved sessions', `meshbook part ${use}`, keyBytes))
  return { name: of('name'), bytes: of('bytes'), nonce: of('nonce') }
}
