/**
 * Makes the certificates of a hub's own authority (X.509, RFC 5280) over node:crypto: the authority's, and the hub's. It
 * knows nothing of files, names of this machine or when a certificate is due.
 */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { addressBytes, bits, der, integer, objectId, octets, sequence, set, text, time, yes } from './der.ts'

export interface Certified {
  certificate: X509Certificate
  key: KeyObject
}

export interface Permitted {
  /** A host and what is below it. */
  names: readonly string[]
  /** As `10.0.0.0/8`. */
  networks: readonly string[]
}

interface Clock {
  now: number
  random: RandomBytes
}

const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'))
/** Of clocks that are a little slow. */
const earlierMs = 3_600_000

export function makeAuthority(name: string, permitted: Permitted, clock: Clock): Certified {
  const key = newKey()
  const issuer = nameOf(`Meshbook on ${name}`)
  return certified({ subject: issuer, key, issuer, signer: key, lifeMs: limits.authorityMs, ...clock }, [
    extension('2.5.29.19', true, sequence(yes(), integer(Buffer.from([0])))),
    // Signs certificates and lists of revoked ones.
    extension('2.5.29.15', true, bits(Buffer.from([0b0000_0110]), 1)),
    extension('2.5.29.30', true, constraints(permitted)),
    extension('2.5.29.14', false, octets(keyId(key))),
  ])
}

export function makeCertificate(names: readonly string[], authority: Certified, clock: Clock): Certified {
  const key = newKey()
  const issuer = subjectOf(authority.certificate)
  const about = { key, issuer, signer: authority.key, lifeMs: limits.certificateMs, ...clock }
  return certified({ ...about, subject: nameOf('Meshbook') }, [
    extension('2.5.29.19', true, sequence()),
    // Digital signature, and nothing else.
    extension('2.5.29.15', true, bits(Buffer.from([0b1000_0000]), 7)),
    extension('2.5.29.37', false, sequence(objectId('1.3.6.1.5.5.7.3.1'))),
    extension('2.5.29.17', false, sequence(...names.map(alternativeName))),
    extension('2.5.29.14', false, octets(keyId(key))),
    extension('2.5.29.35', false, sequence(der(0x80, keyId(authority.key)))),
  ])
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
}

interface About extends Clock {
  subject: Buffer
  key: KeyObject
  issuer: Buffer
  signer: KeyObject
  lifeMs: number
}

function certified(about: About, extensions: readonly Buffer[]): Certified {
  const { now, random, subject, key, issuer, signer, lifeMs } = about
  const from = now - earlierMs
  // A serial number is positive and not to be foretold.
  const serial = Buffer.from(random(16))
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const content = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ecdsaWithSha256,
    issuer,
    sequence(time(from), time(from + lifeMs)),
    subject,
    publicKeyOf(key),
    der(0xa3, sequence(...extensions)),
  )
  const certificate = sequence(content, ecdsaWithSha256, bits(sign('sha256', content, signer)))
  return { certificate: new X509Certificate(certificate), key }
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(isCritical ? [yes()] : []), octets(value))
}

function nameOf(common: string): Buffer {
  return sequence(set(sequence(objectId('2.5.4.3'), text(common.slice(0, 64)))))
}

/** As the authority wrote it: issuer and subject are compared byte by byte. */
function subjectOf(certificate: X509Certificate): Buffer {
  return nameOf(certificate.subject.replace(/^CN=/, ''))
}

function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' })
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1').update(publicKeyOf(key).subarray(-65)).digest()
}

function alternativeName(name: string): Buffer {
  return isIP(name) === 0 ? der(0x82, Buffer.from(name)) : der(0x87, addressBytes(name))
}

function constraints({ names, networks }: Permitted): Buffer {
  const hosts = names.map(name => sequence(der(0x82, Buffer.from(name))))
  return sequence(der(0xa0, ...hosts, ...networks.map(network => sequence(der(0x87, networkBytes(network))))))
}

/** Address and mask, one after the other. */
function networkBytes(network: string): Buffer {
  const [address = '', length] = network.split('/')
  const bytes = addressBytes(address)
  const mask = Buffer.alloc(bytes.length)
  for (let bit = 0; bit < Number(length); bit++) mask[bit >> 3]! |= 0x80 >> (bit & 7)
  return Buffer.concat([bytes.map((byte, i) => byte & mask[i]!), mask])
}
