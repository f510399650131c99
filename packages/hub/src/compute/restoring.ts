/**
 * "The hub may restore my sessions" (CP40–CP43): copies of owners' data keys, sealed to a key of the hub by a device of
 * the owner, kept sealed with the master key, and handed to workers of that owner sealed to each. Nothing is opened but
 * to check it when it comes and to seal it for a worker.
 */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { RestoringRecipient, RestoringState } from '@meshbook/core/compute-api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, deviceIdOf, type Now, type OrgId, type RandomBytes, type UserId } from '@meshbook/core/ids.ts'
import type { KeyCopy } from '@meshbook/core/messages.ts'
import { keyCopyText, sealProofText } from '@meshbook/core/pairing.ts'
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import * as v from 'valibot'
import type { Audit, AuditSource } from '../auth/audit.ts'
import { isSignedBy } from '../devices/device-keys.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { MasterKey } from '../vault/master-key.ts'
import { aboutComputeKeys, aboutOwnerKey } from '../vault/sealing.ts'

export interface RestoringPorts {
  store: HubStore
  audit: Audit
  now: Now
  random: RandomBytes
  /** Opened when it is first needed. */
  masterKey(): Promise<MasterKey>
}

interface Owner {
  org: OrgId
  user: UserId
}

interface OwnKeys {
  id: DeviceId
  publicKey: string
  key: KeyObject
  sealKey: string
  identity: string
}

const keyBytes = 32
const keysSchema = v.object({ publicKey: v.string(), privateKey: v.string(), identity: v.string() })
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export class Restoring {
  readonly #ports: RestoringPorts
  #own: Promise<OwnKeys> | undefined

  constructor(ports: RestoringPorts) {
    this.#ports = ports
  }

  /** To whom a device seals. It looks like a device, which it is for nobody else. */
  async recipient(): Promise<RestoringRecipient> {
    const { id, publicKey, sealKey, key } = await this.#keys()
    const sealProof = sign(null, Buffer.from(sealProofText(id, sealKey)), key).toString('base64url')
    return { id, publicKey, sealKey, sealProof }
  }

  async state(owner: Owner): Promise<{ state: RestoringState; since: number | null }> {
    const { newest, rotate, copies, since } = await this.#ports.store.query('restoringOf', owner)
    if (copies.length === 0) return { state: 'off', since: null }
    const isWhole = !rotate && copies.some(({ version }) => version === newest)
    return { state: isWhole ? 'on' : 'outdated', since }
  }

  /** FORBIDDEN for a copy that no device of the user made, or that is of no key of theirs. */
  async turnOn(owner: Owner, copies: readonly KeyCopy[], source: AuditSource): Promise<void> {
    const { store, audit, now } = this.#ports
    const ids = new Map((await store.query('ownerKeyIds', owner)).map(({ version, keyId }) => [version, keyId]))
    const master = await this.#ports.masterKey()
    const sealed: { version: number; sealed: string }[] = []
    for (const copy of copies) {
      const key = await this.#opened(owner, copy, ids.get(copy.version))
      sealed.push({ version: copy.version, sealed: master.seal(key, aboutOwnerKey(owner, copy.version)) })
    }
    const note = audit.note('restoring-on', source, { detail: { versions: copies.map(({ version }) => version) } })
    await audit.call('putRestoring', { ...owner, copies: sealed, now: now() }, note)
  }

  /** False where it was off. */
  async turnOff(owner: Owner, source: AuditSource): Promise<boolean> {
    return this.#ports.audit.call('dropRestoring', owner, this.#ports.audit.note('restoring-off', source))
  }

  /** The keys of this owner for one worker; none while the hub lacks the newest. */
  async copiesFor(
    owner: Owner,
    device: DeviceId,
    sealKey: string,
  ): Promise<{ version: number; copies: KeyCopy[] } | null> {
    const { newest, rotate, copies } = await this.#ports.store.query('restoringOf', owner)
    if (rotate || !copies.some(({ version }) => version === newest)) return null
    const master = await this.#ports.masterKey()
    const opened = copies.map(({ version, sealed }) => ({
      version,
      key: master.open(sealed, aboutOwnerKey(owner, version)),
    }))
    // Sealed with another master key, as after a change of it: it has to be turned on again.
    if (opened.some(({ key }) => key === undefined)) return null
    const own = await this.#keys()
    const made: KeyCopy[] = []
    for (const { version, key } of opened) made.push(await copyFor(own, version, key!, device, sealKey))
    return { version: newest, copies: made }
  }

  async #opened(owner: Owner, copy: KeyCopy, keyId: string | undefined): Promise<Uint8Array> {
    const own = await this.#keys()
    const text = keyCopyText(copy.version, copy.recipient, sha256(copy.sealed))
    const by = await this.#ports.store.query('findDevice', { id: copy.by })
    const isOwners = by?.org === owner.org && by.user === owner.user && by.revoked === null && by.kind !== 'worker'
    if (
      !isOwners ||
      by.publicKey !== copy.byKey ||
      copy.recipient !== own.id ||
      !isSignedBy(copy.byKey, text, copy.signature)
    )
      throw new MeshError('FORBIDDEN', { detail: 'the copy was not made by a device of yours for this hub' })
    const decrypter = new Decrypter()
    decrypter.addIdentity(own.identity)
    const key = await decrypter.decrypt(Buffer.from(copy.sealed, 'base64url')).catch(() => undefined)
    const isKnown =
      key?.byteLength === keyBytes &&
      createHash('sha256').update('meshbook-owner-key-id|').update(key).digest('hex') === keyId
    if (!key || !isKnown) throw new MeshError('FORBIDDEN', { detail: `version ${copy.version} is not your data key` })
    return key
  }

  #keys(): Promise<OwnKeys> {
    this.#own ??= this.#open().catch((error: unknown) => {
      this.#own = undefined
      throw error
    })
    return this.#own
  }

  async #open(): Promise<OwnKeys> {
    const { store, now } = this.#ports
    const master = await this.#ports.masterKey()
    const known = await store.query('computeKeys', { made: null, now: now() })
    const sealed = known ?? (await store.call('computeKeys', { made: await newKeys(master), now: now() }))
    const opened = sealed === null ? undefined : master.open(sealed, aboutComputeKeys)
    if (!opened)
      throw new MeshError('BAD_CONFIG', {
        detail: 'the keys of this hub were sealed with another master key; restore that key',
      })
    const { publicKey, privateKey, identity } = v.parse(
      v.pipe(v.string(), v.parseJson(), keysSchema),
      Buffer.from(opened).toString('utf8'),
    )
    return {
      id: deviceIdOf(createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest()),
      publicKey,
      key: createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey, d: privateKey }, format: 'jwk' }),
      sealKey: await identityToRecipient(identity),
      identity,
    }
  }
}

async function newKeys(master: MasterKey): Promise<string> {
  const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const keys = { publicKey: x!, privateKey: d!, identity: await generateIdentity() }
  return master.seal(Buffer.from(JSON.stringify(keys)), aboutComputeKeys)
}

async function copyFor(
  own: OwnKeys,
  version: number,
  key: Uint8Array,
  recipient: DeviceId,
  sealKey: string,
): Promise<KeyCopy> {
  const encrypter = new Encrypter()
  encrypter.addRecipient(sealKey)
  const sealed = Buffer.from(await encrypter.encrypt(key)).toString('base64url')
  const signature = sign(null, Buffer.from(keyCopyText(version, recipient, sha256(sealed))), own.key).toString(
    'base64url',
  )
  return { version, recipient, sealed, by: own.id, byKey: own.publicKey, signature }
}
