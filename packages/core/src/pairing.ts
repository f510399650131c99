/**
 * What both ends of pairing compute alike: codes that people type, the two digits that they compare, and the texts that
 * keys sign. Pure text; hashing and signing belong to those who have the keys.
 */
import { base32, type DeviceId, type RandomBytes } from './ids.ts'

/** Eight Crockford digits, 40 bits: `K7Q2M9XD`. */
export function newPairingCode(random: RandomBytes): string {
  return base32(random(5)).toUpperCase()
}

/** `K7Q2-M9XD`, as people read it. */
export function shownCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`
}

/** What somebody typed, pasted or scanned: also with spaces, in lower case, with letters that look like digits, or as the address of a QR code. */
export function readPairingCode(text: string): string | undefined {
  const last = text.trim().split('.').at(-1) ?? ''
  const code = last.replaceAll(/[\s-]/g, '').toUpperCase().replaceAll('O', '0').replaceAll(/[IL]/g, '1')
  return /^[0-9A-HJKMNP-TV-Z]{8}$/.test(code) ? code : undefined
}

/** The part of an address behind `#`, which no browser sends to a server. */
export const pairingFragments = { code: 'v1', grant: 'd1', redirect: 'r1' } as const
export type PairingFragment = keyof typeof pairingFragments

export function pairingUrl(hub: string, kind: PairingFragment, value: string): string {
  return `${hub}/pair#${pairingFragments[kind]}.${value}`
}

export function readPairingFragment(hash: string): { kind: PairingFragment; value: string } | undefined {
  const [, version, value] = /^#?([a-z]\d)\.([\w-]{1,4000})$/i.exec(hash) ?? []
  const kind = (Object.keys(pairingFragments) as PairingFragment[]).find(key => pairingFragments[key] === version)
  return kind && value ? { kind, value } : undefined
}

export interface Transcript {
  pairing: string
  code: string
  /** Raw Ed25519, base64url; of a browser a random value of the same form. */
  publicKey: string
  /** Recipient of age (`age1…`); empty for a browser. */
  sealKey: string
}

/** The two digits are made of the SHA-256 of this: another code, pairing or key shows other digits. */
export function transcriptText({ pairing, code, publicKey, sealKey }: Transcript): string {
  return `meshbook-pairing|1|${pairing}|${code}|${publicKey}|${sealKey}`
}

export function digitsOf(digest: Uint8Array): string {
  const number = new DataView(digest.buffer, digest.byteOffset).getUint32(0)
  return String(number % 100).padStart(2, '0')
}

/** What a person compares when there is time: the first 64 bits of the SHA-256 of a public key. */
export function fingerprintOf(digest: Uint8Array): string {
  const hex = Array.from(digest.subarray(0, 8), byte => byte.toString(16).padStart(2, '0')).join('')
  return hex.replaceAll(/(.{4})(?=.)/g, '$1 ')
}

/** Signed with the Ed25519 key of a device: this is where secrets for it are sealed to. */
export function sealProofText(device: DeviceId, sealKey: string): string {
  return `meshbook-seal|${device}|${sealKey}`
}

/** Signed with the key of the device that asks to be added, when it fetches what the user granted in a browser. */
export function joinProofText(host: string, code: string, verifier: string): string {
  return `meshbook-join|${host.toLowerCase()}|${code}|${verifier}`
}

/** Signed by the device that made a copy of the owner's key. `sealedHash` is the SHA-256 of the copy in hex. */
export function keyCopyText(version: number, recipient: string, sealedHash: string): string {
  return `meshbook-owner-key|${version}|${recipient}|${sealedHash}`
}
