/**
 * The certificate by which a device is known on the direct path: self-signed by its device key (LAN10), so that whoever
 * knows the device's id can tell it by that alone. It knows no connection.
 */
import { createHash, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { type DeviceId, deviceIdOf, type RandomBytes } from '@meshbook/core/ids.ts'

export interface SecureIdentity {
  /** PEM. */
  key: string
  certificate: string
  /** What is told to the hub: the certificate's DER, base64url. */
  told: string
}

const tag = { integer: 0x02, bits: 0x03, oid: 0x06, text: 0x0c, utcTime: 0x17, time: 0x18, sequence: 0x30, set: 0x31 }
const explicit0 = 0xa0

function der(type: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([type, ...head]), content])
}

const ed25519 = der(tag.sequence, der(tag.oid, Buffer.from([0x2b, 0x65, 0x70])))
const commonName = der(tag.oid, Buffer.from([0x55, 0x04, 0x03]))
/** It is good for as long as the key is; what ends it is the hub's word (RFC 5280, 4.1.2.5). */
const validity = der(
  tag.sequence,
  der(tag.utcTime, Buffer.from('200101000000Z')),
  der(tag.time, Buffer.from('99991231235959Z')),
)

export function secureIdentity(
  device: DeviceId,
  key: KeyObject,
  spki: Uint8Array,
  random: RandomBytes,
): SecureIdentity {
  const name = der(tag.sequence, der(tag.set, der(tag.sequence, commonName, der(tag.text, Buffer.from(device)))))
  const serial = Buffer.from(random(16))
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const version3 = der(explicit0, der(tag.integer, Buffer.from([2])))
  const body = der(tag.sequence, version3, der(tag.integer, serial), ed25519, name, validity, name, spki)
  const signature = der(tag.bits, Buffer.from([0]), sign(null, body, key))
  const certificate = der(tag.sequence, body, ed25519, signature)
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate: pemOf(certificate),
    told: certificate.toString('base64url'),
  }
}

export function pemOf(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** Whose certificate it is, by the key in it alone (LAN11); undefined if it is none, or not signed by that key. */
export function deviceOfCertificate(told: string): DeviceId | undefined {
  try {
    const certificate = new X509Certificate(Buffer.from(told, 'base64url'))
    const { x, crv } = certificate.publicKey.export({ format: 'jwk' })
    if (crv !== 'Ed25519' || !x || !certificate.verify(certificate.publicKey)) return undefined
    return deviceIdOf(createHash('sha256').update(Buffer.from(x, 'base64url')).digest())
  } catch {
    return undefined
  }
}
