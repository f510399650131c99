/** The identity of this device: an Ed25519 key made at the first start, in a file that only its user can read. */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { chmod, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type ChannelProof, channelProofText, writeChannelProof } from '@meshbook/core/device-auth.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, deviceIdOf, isId, type Now, newId, type OrgId, type RandomBytes } from '@meshbook/core/ids.ts'
import * as v from 'valibot'
import { syncFolder } from './projects/node-disk.ts'
import { codeOf, orStorageError } from './projects/storage-error.ts'

const fileSchema = v.object({
  publicKey: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
  privateKey: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
  /** The owner of what this device keeps; made here, it names no org of a hub. */
  org: v.custom<OrgId>(text => isId('org', text)),
})

export class DeviceKey {
  readonly id: DeviceId
  /** Raw, base64url. */
  readonly publicKey: string
  readonly org: OrgId
  readonly #key: KeyObject

  private constructor({ publicKey, privateKey, org }: v.InferOutput<typeof fileSchema>) {
    this.id = deviceIdOf(createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest())
    this.publicKey = publicKey
    this.org = org
    this.#key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey, d: privateKey }, format: 'jwk' })
  }

  static async load(folder: string, now: Now, random: RandomBytes): Promise<DeviceKey> {
    const file = join(folder, 'device-key.json')
    const stored = await readFile(file, 'utf8').catch(thrown => {
      if (codeOf(thrown) === 'ENOENT') return undefined
      throw new MeshError('READ_ONLY_FOLDER', { detail: file, cause: thrown })
    })
    if (stored === undefined) return new DeviceKey(await makeKey(file, folder, now, random))
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), fileSchema), stored)
    if (!parsed.success)
      throw new MeshError('BAD_CONFIG', {
        detail: `${file} does not hold a device key; restore it, or delete it to pair this device anew`,
      })
    await chmod(file, 0o600)
    return new DeviceKey(parsed.output)
  }

  /** The Authorization header for a hub, good once. `host` as the request will name it. */
  proof(host: string, now: number, random: RandomBytes): string {
    const proof: Omit<ChannelProof, 'signature'> = {
      device: this.id,
      timestamp: now,
      nonce: Buffer.from(random(18)).toString('base64url'),
    }
    const signature = sign(null, Buffer.from(channelProofText(host, proof)), this.#key).toString('base64url')
    return writeChannelProof({ ...proof, signature })
  }
}

async function makeKey(
  file: string,
  folder: string,
  now: Now,
  random: RandomBytes,
): Promise<v.InferOutput<typeof fileSchema>> {
  const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const made = { publicKey: x!, privateKey: d!, org: newId('org', now(), random) }
  await orStorageError(folder, async () => {
    const handle = await open(`${file}.new`, 'w', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(made)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(`${file}.new`, file)
    await syncFolder(folder)
  })
  return made
}
