/**
 * The identity of this device, made at the first start: an Ed25519 key by which it is known, and an X25519 key (an
 * identity of age) to which secrets for it are sealed. `device.json` holds what may be known; the private halves are in
 * the keychain, or in a file that only its user can read.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ChannelProof, channelProofText, writeChannelProof } from '@meshbook/core/device-auth.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, deviceIdOf, isId, type Now, newId, type OrgId, type RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { sealProofText } from '@meshbook/core/pairing.ts'
import { type DeviceKeys, publicKeySchema, sealKeySchema } from '@meshbook/core/pairing-api.ts'
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import * as v from 'valibot'
import { FileSecrets } from './keys/file-secrets.ts'
import { type Keychain, KeychainSecrets, keychainProgram, whyNoKeychain } from './keys/keychain-secrets.ts'
import type { SecretStore } from './keys/secret-store.ts'
import { readPrivate, writeWhole } from './keys/whole-file.ts'
import { type SecureIdentity, secureIdentity } from './link/direct/certificate.ts'

const privateKeySchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/))
/** The owner of what this device keeps; made here, it names no org of a hub. */
const orgSchema = v.custom<OrgId>(text => isId('org', text))
const factsSchema = v.object({
  publicKey: publicKeySchema,
  sealKey: sealKeySchema,
  org: orgSchema,
  secrets: v.picklist(['file', 'keychain']),
  /** Why the hub shut this key out; the next pairing makes another one. */
  revoked: v.optional(v.string()),
})
type Facts = v.InferOutput<typeof factsSchema>
const secretsSchema = v.object({
  privateKey: privateKeySchema,
  sealIdentity: v.pipe(v.string(), v.startsWith('AGE-SECRET-KEY-1')),
})
type Secrets = v.InferOutput<typeof secretsSchema>
/** What versions before this one wrote: `device-key.json`. */
const formerSchema = v.object({ publicKey: publicKeySchema, privateKey: privateKeySchema, org: orgSchema })

/** `off`: where they are in a keychain already, they are taken out of it. */
export type KeychainUse = { use: 'auto'; keychain: Keychain } | { use: 'off'; because: string; keychain?: Keychain }
const systemKeychain: Keychain = { program: keychainProgram, timeoutMs: limits.keychainMs }
export const anyKeychain: KeychainUse = { use: 'auto', keychain: systemKeychain }
const noKeychain: KeychainUse = { use: 'off', because: 'no keychain is used' }

export class DeviceKey {
  readonly id: DeviceId
  /** Raw, base64url. */
  readonly publicKey: string
  readonly org: OrgId
  /** Recipient of age. */
  readonly sealKey: string
  readonly revoked: string | undefined
  readonly secrets: SecretStore
  /** For people: `keys are in …`. */
  readonly where: string
  readonly #folder: string
  readonly #facts: Facts
  readonly #key: KeyObject
  readonly #identity: string

  constructor(folder: string, facts: Facts, secret: Secrets, { store, where }: Place) {
    const { publicKey, sealKey, org, revoked } = facts
    this.id = idOf(publicKey)
    this.publicKey = publicKey
    this.org = org
    this.sealKey = sealKey
    this.revoked = revoked
    this.secrets = store
    this.where = where
    this.#folder = folder
    this.#facts = facts
    this.#key = createPrivateKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: publicKey, d: secret.privateKey },
      format: 'jwk',
    })
    this.#identity = secret.sealIdentity
  }

  static async load(folder: string, now: Now, random: RandomBytes, use: KeychainUse = noKeychain): Promise<DeviceKey> {
    const facts = await read(folder, 'device.json', factsSchema)
    const former = await (facts ? undefined : read(folder, 'device-key.json', formerSchema))
    const loaded = facts
      ? await moved(folder, facts, use)
      : await make(folder, former ?? { ...newKeyPair(), org: newId('org', now(), random) }, use)
    await rm(join(folder, 'device-key.json'), { force: true })
    return loaded
  }

  /** Another key in the place of one that was shut out; what the device keeps stays its own. */
  static async renew(folder: string, old: DeviceKey, use: KeychainUse = noKeychain): Promise<DeviceKey> {
    await old.secrets.remove('token')
    return make(folder, { ...newKeyPair(), org: old.org }, use)
  }

  /** The Authorization header for a hub, good once. `host` as the request will name it. */
  proof(host: string, now: number, random: RandomBytes): string {
    const proof: Omit<ChannelProof, 'signature'> = {
      device: this.id,
      timestamp: now,
      nonce: Buffer.from(random(18)).toString('base64url'),
    }
    return writeChannelProof({ ...proof, signature: this.sign(channelProofText(host, proof)) })
  }

  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString('base64url')
  }

  /** What others may know of it, and how they can tell that both keys are its own. */
  keys(): DeviceKeys {
    const { publicKey, sealKey } = this
    return { publicKey, sealKey, sealProof: this.sign(sealProofText(this.id, sealKey)) }
  }

  /** What it shows to other devices of its user that connect with it directly. */
  secureIdentity(random: RandomBytes): SecureIdentity {
    const spki = createPublicKey(this.#key).export({ type: 'spki', format: 'der' })
    return secureIdentity(this.id, this.#key, spki, random)
  }

  /** Opens what was sealed to this device. */
  async unseal(sealed: Uint8Array): Promise<Uint8Array> {
    const decrypter = new Decrypter()
    decrypter.addIdentity(this.#identity)
    return decrypter.decrypt(sealed)
  }

  async markRevoked(reason: string): Promise<void> {
    await writeFacts(this.#folder, { ...this.#facts, revoked: reason })
  }
}

function idOf(publicKey: string): DeviceId {
  return deviceIdOf(createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest())
}

async function read<S extends v.GenericSchema>(
  folder: string,
  name: string,
  schema: S,
): Promise<v.InferOutput<S> | undefined> {
  const file = join(folder, name)
  const text = await readPrivate(file)
  if (text === undefined) return undefined
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text)
  if (parsed.success) return parsed.output
  throw new MeshError('BAD_CONFIG', {
    detail: `${file} does not hold a device key; restore it, or delete it to pair this device anew`,
  })
}

function newKeyPair(): { publicKey: string; privateKey: string } {
  const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  return { publicKey: x!, privateKey: d! }
}

interface Place {
  store: SecretStore
  where: string
}

async function place(folder: string, publicKey: string, use: KeychainUse): Promise<Place> {
  const why = use.use === 'off' ? use.because : await whyNoKeychain(use.keychain, process)
  if (why === undefined && use.use === 'auto') return inKeychain(publicKey, use.keychain)
  const store = new FileSecrets(folder)
  const because = use.use === 'off' ? why : `no keychain answers (${why})`
  return { store, where: `keys are in ${store.pathOf('key')}, because ${because}` }
}

function inKeychain(publicKey: string, keychain: Keychain): Place {
  return { store: new KeychainSecrets(keychain, idOf(publicKey)), where: 'keys are in the keychain of this system' }
}

/** The secrets are durable before `device.json` says where they are. */
async function make(
  folder: string,
  { publicKey, privateKey, org }: v.InferOutput<typeof formerSchema>,
  use: KeychainUse,
): Promise<DeviceKey> {
  const sealIdentity = await generateIdentity()
  const secrets = { privateKey, sealIdentity }
  const { store, where } = await place(folder, publicKey, use)
  await store.write('key', JSON.stringify(secrets))
  const facts: Facts = { publicKey, org, secrets: store.kind, sealKey: await identityToRecipient(sealIdentity) }
  await writeFacts(folder, facts)
  return new DeviceKey(folder, facts, secrets, { store, where })
}

/** Secrets go where they belong now; they are read back there before they go from where they were. */
async function moved(folder: string, facts: Facts, use: KeychainUse): Promise<DeviceKey> {
  const keychain = use.use === 'auto' ? use.keychain : undefined
  const wanted =
    facts.secrets === 'keychain' && keychain
      ? inKeychain(facts.publicKey, keychain)
      : await place(folder, facts.publicKey, use)
  const from = facts.secrets === wanted.store.kind ? wanted.store : storeOf(folder, facts, use.keychain)
  const secrets = await secretsIn(from, folder)
  if (from === wanted.store) return new DeviceKey(folder, facts, secrets, wanted)
  const token = await from.read('token')
  await wanted.store.write('key', JSON.stringify(secrets))
  if (token !== undefined) await wanted.store.write('token', token)
  await secretsIn(wanted.store, folder)
  const next: Facts = { ...facts, secrets: wanted.store.kind }
  await writeFacts(folder, next)
  await from.remove('key')
  await from.remove('token')
  return new DeviceKey(folder, next, secrets, wanted)
}

/** Where `device.json` says that they are; asked for the last time when the keychain is switched off. */
function storeOf(folder: string, { secrets, publicKey }: Facts, keychain: Keychain | undefined): SecretStore {
  if (secrets === 'file') return new FileSecrets(folder)
  return inKeychain(publicKey, keychain ?? systemKeychain).store
}

async function secretsIn(store: SecretStore, folder: string): Promise<Secrets> {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), secretsSchema), await store.read('key'))
  if (parsed.success) return parsed.output
  throw new MeshError('BAD_CONFIG', {
    detail: `the private keys of ${join(folder, 'device.json')} are not in the ${store.kind} where they should be; restore them, or delete that file to pair this device anew`,
  })
}

function writeFacts(folder: string, facts: Facts): Promise<void> {
  return writeWhole(join(folder, 'device.json'), `${JSON.stringify(facts)}\n`)
}
