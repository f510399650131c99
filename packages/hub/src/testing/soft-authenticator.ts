/**
 * An authenticator in software, written from the WebAuthn standard: makes and uses passkeys (ES256), and lies on demand
 * about each thing that a hub must check.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { PasskeyMade, PasskeyUsed } from '@meshbook/core/account-api.ts'

export interface Lies {
  origin?: string
  domain?: string
  type?: string
  /** The person was not verified by PIN or finger. */
  unverified?: boolean
  counter?: number
  userHandle?: string
  /** Signs with another key. */
  wrongKey?: boolean
}

export class SoftAuthenticator {
  readonly id = randomBytes(32)
  readonly #origin: string
  readonly #domain: string
  #key: KeyObject
  readonly #publicKey: KeyObject
  userHandle = ''
  counter = 0

  constructor(origin: string) {
    this.#origin = origin
    this.#domain = new URL(origin).hostname
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#key = privateKey
    this.#publicKey = publicKey
  }

  make(options: { challenge: string; user: { id: string } }, lies: Lies = {}): PasskeyMade {
    this.userHandle = options.user.id
    const data = this.#authenticatorData(lies, this.#attested())
    const attestation = concat([
      cborHead(5, 3),
      cborText('fmt'),
      cborText('none'),
      cborText('attStmt'),
      cborHead(5, 0),
      cborText('authData'),
      cborBytes(data),
    ])
    const clientDataJSON = this.#clientData('webauthn.create', options.challenge, lies)
    return {
      ...this.#credential(),
      response: { clientDataJSON, attestationObject: attestation.toString('base64url'), transports: ['internal'] },
    }
  }

  use(options: { challenge: string }, lies: Lies = {}): PasskeyUsed {
    if (this.counter > 0) this.counter++
    const data = this.#authenticatorData(lies)
    const clientDataJSON = this.#clientData('webauthn.get', options.challenge, lies)
    const hash = createHash('sha256').update(Buffer.from(clientDataJSON, 'base64url')).digest()
    const key = lies.wrongKey ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : this.#key
    const signature = sign('sha256', concat([data, hash]), key).toString('base64url')
    const userHandle = lies.userHandle ?? this.userHandle
    return {
      ...this.#credential(),
      response: { clientDataJSON, authenticatorData: data.toString('base64url'), signature, userHandle },
    }
  }

  #credential() {
    const id = this.id.toString('base64url')
    return { id, rawId: id, type: 'public-key' as const, clientExtensionResults: {} }
  }

  #clientData(type: string, challenge: string, lies: Lies): string {
    const text = JSON.stringify({
      type: lies.type ?? type,
      challenge,
      origin: lies.origin ?? this.#origin,
      crossOrigin: false,
    })
    return Buffer.from(text).toString('base64url')
  }

  #authenticatorData(lies: Lies, attested?: Buffer): Buffer {
    const [present, verified, withKey] = [0x01, 0x04, 0x40]
    const flags = present | (lies.unverified ? 0 : verified) | (attested ? withKey : 0)
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(lies.counter ?? this.counter)
    const domain = createHash('sha256')
      .update(lies.domain ?? this.#domain)
      .digest()
    return concat([domain, Buffer.from([flags]), counter, ...(attested ? [attested] : [])])
  }

  #attested(): Buffer {
    const { x, y } = this.#publicKey.export({ format: 'jwk' })
    const key = concat([
      cborHead(5, 5),
      Buffer.from([0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
      cborBytes(Buffer.from(x!, 'base64url')),
      Buffer.from([0x22]),
      cborBytes(Buffer.from(y!, 'base64url')),
    ])
    const length = Buffer.alloc(2)
    length.writeUInt16BE(this.id.length)
    return concat([Buffer.alloc(16), length, this.id, key])
  }
}

const concat = (parts: Uint8Array[]): Buffer => Buffer.concat(parts)
const cborText = (text: string): Buffer => concat([cborHead(3, Buffer.byteLength(text)), Buffer.from(text)])
const cborBytes = (bytes: Buffer): Buffer => concat([cborHead(2, bytes.length), bytes])

function cborHead(major: number, value: number): Buffer {
  const kind = major << 5
  if (value < 24) return Buffer.from([kind | value])
  return value < 256 ? Buffer.from([kind | 24, value]) : Buffer.from([kind | 25, value >> 8, value & 0xff])
}
