/** "The hub may restore my sessions" (CP40–CP43): what the hub keeps, from whom it takes it, and who gets it. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { AuditEntry } from '@meshbook/core/api.ts'
import { computeStatusSchema, type RestoringRecipient } from '@meshbook/core/compute-api.ts'
import type { DeviceId } from '@meshbook/core/ids.ts'
import type { KeyCopy } from '@meshbook/core/messages.ts'
import { keyCopyText } from '@meshbook/core/pairing.ts'
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import * as v from 'valibot'
import { askAsWorker } from '../testing/ask-as-worker.ts'
import { ScriptedDriver, ScriptedEngine } from '../testing/scripted-driver.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
const keyIdOf = (key: Uint8Array): string =>
  createHash('sha256').update('meshbook-owner-key-id|').update(key).digest('hex')

interface World {
  it: TestHub
  engine: ScriptedEngine
  desk: TestDevice
  key: Buffer
  recipient: RestoringRecipient
}

async function seal(
  key: Uint8Array,
  by: TestDevice,
  version: number,
  to: { id: DeviceId; sealKey: string },
): Promise<KeyCopy> {
  const encrypter = new Encrypter()
  encrypter.addRecipient(to.sealKey)
  const sealed = Buffer.from(await encrypter.encrypt(key)).toString('base64url')
  const signature = by.sign(keyCopyText(version, to.id, sha256(sealed)))
  return { version, recipient: to.id, sealed, by: by.id, byKey: by.publicKey, signature }
}

/** A hub, and a device that has made the first version of its owner's data key. */
async function world(t: TestContext): Promise<World> {
  const engine = new ScriptedEngine()
  const it = await startTestHub(t, {
    env: { MESHBOOK_COMPUTE: 'docker' },
    limits: { workerLookMs: 30 },
    computeDriver: hub => new ScriptedDriver(engine, hub),
  })
  const desk = new TestDevice('Desk')
  await it.json('POST', '/devices', { publicKey: desk.publicKey, name: 'Desk', kind: 'desktop' })
  const { sealKey, sealProof } = await desk.keys()
  const shown = { seal: { key: sealKey, proof: sealProof } }
  await desk.join(t, it.hub, [], { heads: [], runs: [] }, [], undefined, shown)
  const key = randomBytes(32)
  const own = await seal(key, desk, 1, { id: desk.id, sealKey })
  desk.send({ type: 'OWNER_KEY', version: 1, keyId: keyIdOf(key), copies: [own] })
  await desk.next('OWNER_KEYS', ({ version }) => version === 1)
  const recipient = await it.json<RestoringRecipient>('POST', '/compute/restoring/recipient')
  return { it, engine, desk, key, recipient }
}

const stateOf = async ({ it }: World) => v.parse(computeStatusSchema, await it.json('GET', '/compute')).restoring.state
const put = async ({ it }: World, copies: KeyCopy[]): Promise<number> =>
  (await it.api('PUT', '/compute/restoring', { copies })).status

/** A worker that has joined for a run, with the identity that it is sealed to. */
async function worker(t: TestContext, { it, engine }: World): Promise<{ device: TestDevice; identity: string }> {
  const { id: document } = await it.document(`${randomBytes(4).toString('hex')}.md`, '# A\n')
  await it.json('POST', '/runs', { document, language: 'python', code: '1' })
  await until(() => engine.workers.size > 0)
  const { spec } = [...engine.workers.values()][0]!
  const device = new TestDevice('Worker')
  const shown = { token: spec.token, publicKey: device.publicKey }
  assert.equal((await askAsWorker(it.folder, 'POST', '/api/v1/workers/self', shown)).status, 200)
  const identity = await generateIdentity()
  const { sealKey, sealProof } = await device.keys(await identityToRecipient(identity))
  await device.join(t, it.hub, [it.project.id], { heads: [], runs: [] }, ['python'], undefined, {
    seal: { key: sealKey, proof: sealProof },
  })
  return { device, identity }
}

test('CP40 a copy is taken only from a device of the user, for this hub, of the key that the user has', async t => {
  const w = await world(t)
  const { desk, key, recipient } = w
  const stranger = new TestDevice('Stranger')
  const other = { id: desk.id, sealKey: recipient.sealKey }
  const good = await seal(key, desk, 1, recipient)
  const wrong = [
    await seal(key, stranger, 1, recipient),
    await seal(randomBytes(32), desk, 1, recipient),
    await seal(key, desk, 2, recipient),
    await seal(key, desk, 1, other),
    await seal(key, desk, 1, { ...recipient, sealKey: await identityToRecipient(await generateIdentity()) }),
    { ...good, signature: desk.sign('something else') },
  ]
  for (const copy of wrong) assert.equal(await put(w, [copy]), 403)
  assert.equal(await stateOf(w), 'off')
  assert.equal(await put(w, [good]), 204)
  assert.equal(await stateOf(w), 'on')
})

test('CP40 S19 neither the database nor the log of the hub has the key, and the master key is a private file', async t => {
  const w = await world(t)
  await put(w, [await seal(w.key, w.desk, 1, w.recipient)])
  const master = join(w.it.folder, 'master.key')
  assert.equal((await stat(master)).mode & 0o777, 0o600)
  const masterKey = (await readFile(master, 'utf8')).trim()
  await w.it.hub.close()
  const kept = Buffer.concat([await readFile(join(w.it.folder, 'hub.db')), Buffer.from(w.it.logged.join(''))])
  for (const secret of [w.key, w.key.toString('base64url'), w.key.toString('hex'), masterKey])
    assert.ok(!kept.includes(secret))
  await w.it.restart()
  assert.equal(await stateOf(w), 'on')
})

test('CP41 a worker gets the key of its owner, sealed to itself and signed; it opens', async t => {
  const w = await world(t)
  await put(w, [await seal(w.key, w.desk, 1, w.recipient)])
  const { device, identity } = await worker(t, w)
  assert.ok([...w.engine.workers.values()][0]!.spec.restores)
  const { version, copies, devices, rotate } = await device.next('OWNER_KEYS')
  assert.deepEqual([version, copies.length, devices, rotate], [1, 1, [], false])
  const [copy] = copies as [KeyCopy]
  assert.deepEqual([copy.recipient, copy.by, copy.byKey], [device.id, w.recipient.id, w.recipient.publicKey])
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  assert.deepEqual(Buffer.from(await decrypter.decrypt(Buffer.from(copy.sealed, 'base64url'))), w.key)
})

test('CP42 turning it off deletes the copies, stops the workers that have them, and is in the audit log', async t => {
  const w = await world(t)
  await put(w, [await seal(w.key, w.desk, 1, w.recipient)])
  const { device } = await worker(t, w)
  await device.next('OWNER_KEYS')
  assert.equal((await w.it.api('DELETE', '/compute/restoring')).status, 204)
  assert.equal(await stateOf(w), 'off')
  await until(() => w.engine.workers.size === 0 || [...w.engine.workers.values()].every(({ spec }) => !spec.restores))
  const { items } = await w.it.json<{ items: AuditEntry[] }>('GET', '/audit')
  const noted = items.map(({ action }) => action).filter(action => action.startsWith('restoring'))
  assert.deepEqual(noted, ['restoring-off', 'restoring-on'])
})

test('CP43 without restoring a worker gets no key in any way, and other devices are not asked to seal for it', async t => {
  const w = await world(t)
  w.desk.received.length = 0
  const { device } = await worker(t, w)
  await new Promise(resolve => setTimeout(resolve, 200))
  assert.ok(!device.received.some(({ type }) => type === 'OWNER_KEYS'))
  assert.ok(
    !w.desk.received.some(
      message => message.type === 'OWNER_KEYS' && message.devices.some(({ id }) => id === device.id),
    ),
  )
  const lone = await seal(w.key, w.desk, 1, { id: device.id, sealKey: (await device.keys()).sealKey })
  w.desk.send({ type: 'OWNER_KEY', version: 1, keyId: keyIdOf(w.key), copies: [lone] })
  await w.desk.next('OWNER_KEYS')
  await device.drop()
  await device.connect(t, w.it.hub)
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.ok(!device.received.some(({ type }) => type === 'OWNER_KEYS'))
})

test('CP40 when a device was shut out the hub hands out nothing until it has the newest version', async t => {
  const w = await world(t)
  await put(w, [await seal(w.key, w.desk, 1, w.recipient)])
  const laptop = new TestDevice('Laptop')
  await w.it.json('POST', '/devices', { publicKey: laptop.publicKey, name: 'Laptop', kind: 'desktop' })
  const { sealKey, sealProof } = await laptop.keys()
  await laptop.join(t, w.it.hub, [], { heads: [], runs: [] }, [], undefined, {
    seal: { key: sealKey, proof: sealProof },
  })
  const copy = await seal(w.key, w.desk, 1, { id: laptop.id, sealKey })
  w.desk.send({ type: 'OWNER_KEY', version: 1, keyId: keyIdOf(w.key), copies: [copy] })
  await laptop.next('OWNER_KEYS', ({ copies }) => copies.length > 0)
  await w.it.json('DELETE', `/devices/${laptop.id}`)
  assert.equal(await stateOf(w), 'outdated')
  const { device } = await worker(t, w)
  await new Promise(resolve => setTimeout(resolve, 150))
  assert.ok(!device.received.some(({ type }) => type === 'OWNER_KEYS'))
})
