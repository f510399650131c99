/**
 * The data key of this device's owner (OK1…): which versions there are, copies for devices that lack one, a new version
 * when a device was shut out. Kept sealed to this device; opened for whoever asks on this machine.
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { deviceIdOf, type RandomBytes } from '@meshbook/core/ids.ts'
import { type DownMessage, type KeyCopy, keyCopySchema, type UpMessage } from '@meshbook/core/messages.ts'
import { keyCopyText, sealProofText } from '@meshbook/core/pairing.ts'
import { Encrypter } from 'age-encryption'
import * as v from 'valibot'
import type { DeviceKey } from '../device-key.ts'
import { readPrivate, writeWhole } from '../keys/whole-file.ts'

type State = Extract<DownMessage, { type: 'OWNER_KEYS' }>
type Known = State['devices'][number]

export interface OwnerKey {
  version: number
  /** 32 bytes. */
  key: Uint8Array
}

export interface OwnerKeyPorts {
  folder: string
  key: DeviceKey
  random: RandomBytes
  send(message: UpMessage): void
  /** The recipient of the recovery key, where this machine has been given one. */
  recovery(): Promise<string | null>
}

const keptSchema = v.array(keyCopySchema)
const keyBytes = 32

export class OwnerKeys {
  readonly #ports: OwnerKeyPorts
  readonly #file: string
  #copies = new Map<number, KeyCopy>()
  #work: Promise<void>

  constructor(ports: OwnerKeyPorts) {
    this.#ports = ports
    this.#file = join(ports.folder, 'owner-keys.json')
    this.#work = this.#load()
    // Whoever asks for a key is told.
    this.#work.catch(() => undefined)
  }

  /** The newest version; undefined before this device has a copy of any. */
  async current(): Promise<OwnerKey | undefined> {
    await this.#work
    const version = Math.max(0, ...this.#copies.keys())
    const key = await this.open(version)
    return key && { version, key }
  }

  /** The key of this version, for what was sealed with it. */
  async open(version: number): Promise<Uint8Array | undefined> {
    await this.#work
    const copy = this.#copies.get(version)
    return copy && this.#ports.key.unseal(Buffer.from(copy.sealed, 'base64url'))
  }

  /** For whoever the user of this machine names, such as the hub; of every version that is here (CP40). */
  async copiesFor(recipient: Omit<Known, 'lacks'>): Promise<KeyCopy[]> {
    await this.#work
    if (!isOwnSealKey({ ...recipient, lacks: [] }))
      throw new MeshError('FORBIDDEN', { detail: 'the recipient has not signed the key that copies are sealed to' })
    if (this.#copies.size === 0) throw new MeshError('NOT_FOUND', { detail: 'this device has no data key yet' })
    const made: KeyCopy[] = []
    for (const version of this.#copies.keys())
      made.push(await this.#seal(version, (await this.#opened(version))!, recipient.id, recipient.sealKey))
    return made
  }

  receive(state: State): Promise<void> {
    const done = this.#work.then(() => this.#take(state))
    this.#work = done.catch(() => undefined)
    return done
  }

  async #load(): Promise<void> {
    const text = await readPrivate(this.#file)
    const kept = v.safeParse(v.pipe(v.string(), v.parseJson(), keptSchema), text ?? '[]')
    if (kept.success) this.#copies = new Map(kept.output.map(copy => [copy.version, copy]))
  }

  async #take(state: State): Promise<void> {
    await this.#keep(state.copies)
    const devices = state.devices.filter(device => isOwnSealKey(device))
    if (state.version === 0 && this.#copies.size === 0) return this.#make(1, devices, await this.#recoveryOf(state))
    if (state.rotate && this.#copies.has(state.version))
      await this.#make(state.version + 1, devices, await this.#recoveryOf(state))
    await this.#sealFor(devices)
    if (!state.recovery) await this.#sealForRecovery()
  }

  /** Only copies that open, and that the device which is named has made. */
  async #keep(copies: KeyCopy[]): Promise<void> {
    const before = this.#copies.size
    for (const copy of copies) {
      if (copy.recipient !== this.#ports.key.id || this.#copies.has(copy.version) || !isSigned(copy)) continue
      const key = await this.#ports.key.unseal(Buffer.from(copy.sealed, 'base64url')).catch(() => undefined)
      if (key?.byteLength === keyBytes) this.#copies.set(copy.version, copy)
    }
    if (this.#copies.size > before) await writeWhole(this.#file, `${JSON.stringify([...this.#copies.values()])}\n`)
  }

  /** The hub takes one of those who make the same version; the copy that it hands out is kept then. */
  async #make(version: number, devices: Known[], recovery: string | null): Promise<void> {
    const key = this.#ports.random(keyBytes)
    const recipients = devices.map(({ id, sealKey }) => ({ recipient: id, sealKey }))
    const copies: KeyCopy[] = []
    for (const { recipient, sealKey } of recipients) copies.push(await this.#seal(version, key, recipient, sealKey))
    if (recovery) copies.push(await this.#seal(version, key, 'recovery', recovery))
    if (copies.length > 0) this.#ports.send({ type: 'OWNER_KEY', version, keyId: idOf(key), copies })
  }

  async #sealFor(devices: Known[]): Promise<void> {
    for (const version of this.#copies.keys()) {
      const lacking = devices.filter(({ lacks }) => lacks.includes(version))
      const key = lacking.length > 0 ? await this.#opened(version) : undefined
      if (!key) continue
      const copies: KeyCopy[] = []
      for (const { id, sealKey } of lacking) copies.push(await this.#seal(version, key, id, sealKey))
      this.#ports.send({ type: 'OWNER_KEY', version, keyId: idOf(key), copies })
    }
  }

  async #sealForRecovery(): Promise<void> {
    const recipient = await this.#ports.recovery()
    if (!recipient) return
    for (const version of this.#copies.keys()) {
      const key = await this.#opened(version)
      if (key) {
        const copy = await this.#seal(version, key, 'recovery', recipient)
        this.#ports.send({ type: 'OWNER_KEY', version, keyId: idOf(key), copies: [copy] })
      }
    }
  }

  #opened(version: number): Promise<Uint8Array> | undefined {
    const copy = this.#copies.get(version)
    return copy && this.#ports.key.unseal(Buffer.from(copy.sealed, 'base64url'))
  }

  /** The recovery key of this machine, else the one that another device has sealed for before. */
  async #recoveryOf({ recovery }: State): Promise<string | null> {
    const own = await this.#ports.recovery()
    return own ?? (recovery && isSigned(recovery) ? (recovery.sealKey ?? null) : null)
  }

  async #seal(version: number, key: Uint8Array, recipient: KeyCopy['recipient'], sealKey: string): Promise<KeyCopy> {
    const encrypter = new Encrypter()
    encrypter.addRecipient(sealKey)
    const sealed = Buffer.from(await encrypter.encrypt(key)).toString('base64url')
    const { id, publicKey } = this.#ports.key
    const signature = this.#ports.key.sign(keyCopyText(version, signedRecipient(recipient, sealKey), hashOf(sealed)))
    const known = recipient === 'recovery' ? { sealKey } : {}
    return { version, recipient, ...known, sealed, by: id, byKey: publicKey, signature }
  }
}

/** The recovery key has no id of its own: to whom a copy is sealed is part of what is signed. */
function signedRecipient(recipient: KeyCopy['recipient'], sealKey: string): string {
  return recipient === 'recovery' ? `recovery ${sealKey}` : recipient
}

function isSigned({ version, recipient, sealKey, sealed, by, byKey, signature }: KeyCopy): boolean {
  return (
    deviceIdOf(createHash('sha256').update(Buffer.from(byKey, 'base64url')).digest()) === by &&
    isSignedBy(byKey, keyCopyText(version, signedRecipient(recipient, sealKey ?? ''), hashOf(sealed)), signature)
  )
}

/** The id follows from the key that was confirmed, and that key has signed where secrets for it are sealed to. */
function isOwnSealKey({ id, publicKey, sealKey, sealProof }: Known): boolean {
  const own = deviceIdOf(createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest())
  return own === id && isSignedBy(publicKey, sealProofText(id, sealKey), sealProof)
}

function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })
    return verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))
  } catch {
    return false
  }
}

/** Says nothing about the key, which is random. */
function idOf(key: Uint8Array): string {
  return createHash('sha256').update('meshbook-owner-key-id|').update(key).digest('hex')
}

function hashOf(sealed: string): string {
  return createHash('sha256').update(sealed).digest('hex')
}
