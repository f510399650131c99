import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { Encrypter } from 'age-encryption'
import { DeviceKey, type KeychainUse } from './device-key.ts'
import { DeviceToken } from './keys/device-token.ts'
import { FileSecrets } from './keys/file-secrets.ts'
import { KeychainSecrets, whyNoKeychain } from './keys/keychain-secrets.ts'
import type { SecretStore } from './keys/secret-store.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const load = (folder: string, use?: KeychainUse) => DeviceKey.load(folder, Date.now, systemRandom, use)

/** A keychain as a program of its own: keeps secrets in a file, or does what a locked one does. */
async function keychain(
  manner: 'works' | 'hangs' | 'ends',
): Promise<{ use: KeychainUse; file: string; program: string }> {
  const folder = await temporaryFolder()
  const file = join(folder, 'secrets.json')
  const program = join(folder, 'keychain.mjs')
  const source = {
    works: `const all = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
      if (ask.do === 'write') all[ask.account] = ask.secret
      if (ask.do === 'remove') delete all[ask.account]
      writeFileSync(file, JSON.stringify(all))
      console.log(JSON.stringify({ ok: true, secret: ask.do === 'read' ? all[ask.account] : undefined }))`,
    hangs: 'setInterval(() => undefined, 1000)',
    ends: 'process.exit(1)',
  }[manner]
  await writeFile(
    program,
    `import { existsSync, readFileSync, writeFileSync } from 'node:fs'
    const file = ${JSON.stringify(file)}
    const ask = JSON.parse(readFileSync(0, 'utf8'))
    ${source}`,
  )
  return { use: { use: 'auto', keychain: { program, timeoutMs: manner === 'hangs' ? 500 : 10_000 } }, file, program }
}

/** As on a desktop, whatever this machine has. */
function onDesktop(t: { after(work: () => void): void }): void {
  const before = process.env.DBUS_SESSION_BUS_ADDRESS
  process.env.DBUS_SESSION_BUS_ADDRESS = 'unix:path=/nowhere'
  t.after(() => {
    if (before === undefined) delete process.env.DBUS_SESSION_BUS_ADDRESS
    else process.env.DBUS_SESSION_BUS_ADDRESS = before
  })
}

test('DV1 DV80 both keys are made once; what may be known stands in device.json, the rest only its user can read', async () => {
  const folder = await temporaryFolder()
  const key = await load(folder)
  assert.deepEqual((await readdir(folder)).sort(), ['device.json', 'device.key'])
  for (const name of ['device.json', 'device.key']) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600)
  const { privateKey, sealIdentity } = JSON.parse(await readFile(join(folder, 'device.key'), 'utf8')) as Record<
    string,
    string
  >
  const facts = await readFile(join(folder, 'device.json'), 'utf8')
  assert.ok(!facts.includes(privateKey!) && !facts.includes(sealIdentity!))
  const again = await load(folder)
  assert.deepEqual([again.id, again.sealKey, again.org], [key.id, key.sealKey, key.org])
  assert.equal(again.where, `keys are in ${join(folder, 'device.key')}, because no keychain is used`)
  const encrypter = new Encrypter()
  encrypter.addRecipient(key.sealKey)
  assert.deepEqual(await again.unseal(await encrypter.encrypt(new Uint8Array([1, 2]))), new Uint8Array([1, 2]))
})

test('DV80 a key file of an older version is taken over: same id, same documents', async () => {
  const folder = await temporaryFolder()
  const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const org = newId('org', Date.now(), systemRandom)
  await writeFile(join(folder, 'device-key.json'), JSON.stringify({ publicKey: x, privateKey: d, org }))
  const key = await load(folder)
  assert.deepEqual([key.publicKey, key.org], [x, org])
  assert.deepEqual((await readdir(folder)).sort(), ['device.json', 'device.key'])
  assert.equal((await load(folder)).id, key.id)
})

test('DV81 keys move into a keychain that works, with the token, and out of it when it is switched off', async t => {
  onDesktop(t)
  const folder = await temporaryFolder()
  const plain = await load(folder)
  await plain.secrets.write('token', 'a-token')
  const { use, file } = await keychain('works')
  const kept = await load(folder, use)
  assert.deepEqual([kept.id, kept.where], [plain.id, 'keys are in the keychain of this system'])
  assert.deepEqual(await readdir(folder), ['device.json'])
  assert.equal(await kept.secrets.read('token'), 'a-token')
  assert.ok((await readFile(file, 'utf8')).includes(kept.id))
  assert.equal((await load(folder, use)).id, plain.id)
  const off: KeychainUse = {
    use: 'off',
    because: 'MESHBOOK_KEYCHAIN is off',
    ...(use.use === 'auto' && { keychain: use.keychain }),
  }
  const out = await load(folder, off)
  assert.deepEqual([out.id, await out.secrets.read('token')], [plain.id, 'a-token'])
  assert.deepEqual((await readdir(folder)).sort(), ['device.json', 'device.key', 'device.token'])
  assert.equal(await readFile(file, 'utf8'), '{}')
})

test('DV81 a keychain that hangs or ends is not used, and the reason is named', async t => {
  onDesktop(t)
  for (const [manner, why] of [
    ['hangs', /device\.key, because no keychain answers \(no answer within 0\.5 s\)/],
    ['ends', /because no keychain answers \(it ended without an answer\)/],
  ] as const) {
    const folder = await temporaryFolder()
    const { use } = await keychain(manner)
    assert.match((await load(folder, use)).where, why, manner)
  }
})

test('DV81 keys that are in a keychain which does not answer now are not made anew', async t => {
  onDesktop(t)
  const folder = await temporaryFolder()
  const { use, program } = await keychain('works')
  const { id } = await load(folder, use)
  const works = await readFile(program, 'utf8')
  await writeFile(program, 'setInterval(() => undefined, 1000)')
  const slow: KeychainUse = { use: 'auto', keychain: { program, timeoutMs: 300 } }
  await assert.rejects(load(folder, slow), { code: 'KEYCHAIN_SILENT' })
  await writeFile(program, works)
  assert.equal((await load(folder, use)).id, id)
})

test('DV81 without a desktop session nothing is even asked', async () => {
  const why = await whyNoKeychain({ program: '/nowhere', timeoutMs: 1 }, { platform: 'linux', env: {} })
  assert.equal(why, 'there is no desktop session')
})

test('DV81 the real keychain program answers in time whatever this machine has', async t => {
  onDesktop(t)
  const { keychainProgram } = await import('./keys/keychain-secrets.ts')
  const why = await whyNoKeychain({ program: keychainProgram, timeoutMs: 20_000 }, process)
  assert.ok(why === undefined || why.length > 0)
})

test('both stores of secrets keep, replace and forget', async () => {
  const { use } = await keychain('works')
  const stores: SecretStore[] = [new FileSecrets(await temporaryFolder())]
  if (use.use === 'auto') stores.push(new KeychainSecrets(use.keychain, 'dev_x'))
  for (const store of stores) {
    assert.equal(await store.read('key'), undefined)
    await store.write('key', 'one')
    await store.write('token', 'other')
    await store.write('key', 'two')
    assert.deepEqual([await store.read('key'), await store.read('token')], ['two', 'other'])
    await store.remove('key')
    await store.remove('key')
    assert.deepEqual([await store.read('key'), await store.read('token')], [undefined, 'other'])
  }
})

test('DV83 a key that was shut out is replaced by the next pairing; the owner of what is kept stays', async () => {
  const folder = await temporaryFolder()
  const key = await load(folder)
  await key.secrets.write('token', 'a-token')
  await key.markRevoked('two places')
  const marked = await load(folder)
  assert.deepEqual([marked.id, marked.revoked], [key.id, 'two places'])
  const next = await DeviceKey.renew(folder, marked)
  assert.notEqual(next.id, key.id)
  assert.deepEqual([next.org, next.revoked, await next.secrets.read('token')], [key.org, undefined, undefined])
  assert.equal((await load(folder)).id, next.id)
})

test('DV82 a token that cannot be saved is not shown: the one before it is, and the user is told', async () => {
  const folder = await temporaryFolder()
  const files = new FileSecrets(folder)
  await files.write('token', 'first')
  let broken = true
  const store: SecretStore = {
    kind: 'file',
    read: name => files.read(name),
    write: async (name, secret) => {
      if (broken) throw new Error('the disk is full')
      await files.write(name, secret)
    },
    remove: name => files.remove(name),
  }
  const told: (string | undefined)[] = []
  const token = new DeviceToken(store, error => told.push(error?.code))
  token.keep('second')
  assert.equal(await token.show(), 'first')
  broken = false
  token.keep('third')
  assert.equal(await token.show(), 'third')
  assert.deepEqual(told, ['INTERNAL', undefined])
})
