import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { newRecoveryKey } from '@meshbook/hub/backup/recovery-key.ts'
import { parseHubConfig } from '@meshbook/hub/config.ts'
import { type Hub, startHub } from '@meshbook/hub/hub.ts'
import { newLog } from '@meshbook/hub/log.ts'
import { Decrypter } from 'age-encryption'
import { eventually, temporaryFolder } from '../mesh-process.ts'

const dataOf = new WeakMap<Hub, string>()
const ports = { now: Date.now, random: systemRandom, log: newLog('silent') }

async function openHub(t: TestContext, data: string): Promise<Hub> {
  const hub = await startHub(parseHubConfig({}, { port: 0, data }), ports)
  t.after(() => hub.close())
  dataOf.set(hub, data)
  return hub
}

async function openDevice(
  t: TestContext,
  hub: Hub,
  folder: string,
  name: string,
  recovery: string | null = null,
): Promise<Device> {
  const kernels = createKernelSessions({ ...ports, folder: join(folder, 'sessions'), limits })
  const device = await startDevice(
    {
      folder,
      name,
      kind: 'desktop',
      hub: { url: hub.url },
      limits: { ...limits, reconnectMinMs: 20, reconnectMaxMs: 100 },
      kernels,
      projectsFolder: folder,
      register: (key, label, kind) => hub.registerDevice(key, label, kind),
      recovery: async () => recovery,
    },
    ports,
  )
  t.after(() => device.close())
  return device
}

const versionOf = async (device: Device): Promise<number> => (await device.ownerKey.current())?.version ?? 0
const keyOf = async (device: Device, version: number): Promise<string> =>
  Buffer.from((await device.ownerKey.open(version)) ?? []).toString('hex')
const has = (device: Device, version: number) =>
  eventually(`version ${version} at ${device.name}`, async () => (await versionOf(device)) === version)

async function revoke(hub: Hub, device: Device): Promise<void> {
  const headers = { authorization: `Bearer ${await hub.commandLineToken()}` }
  const response = await fetch(`${hub.url}/api/v1/devices/${device.id}`, { method: 'DELETE', headers })
  assert.equal(response.status, 204)
}

test('OK1 OK2 the first device makes the key, every other one gets it from a device, and the hub can open none of its copies', async t => {
  const data = await temporaryFolder(t)
  const hub = await openHub(t, data)
  const desk = await openDevice(t, hub, await temporaryFolder(t), 'desk')
  await has(desk, 1)
  const key = await keyOf(desk, 1)
  assert.equal(key.length, 64)
  const folder = await temporaryFolder(t)
  const laptop = await openDevice(t, hub, folder, 'laptop')
  await has(laptop, 1)
  assert.equal(await keyOf(laptop, 1), key)
  assert.deepEqual((await laptop.ownerKey.current())?.key.byteLength, 32)
  assert.equal(await laptop.ownerKey.open(2), undefined)
  const kept = await readFile(join(folder, 'owner-keys.json'), 'utf8')
  for (const file of ['hub.db', 'hub.db-wal']) {
    const bytes = await readFile(join(data, file)).catch(() => Buffer.alloc(0))
    assert.ok(!bytes.includes(Buffer.from(key, 'hex')) && !bytes.includes(key), file)
  }
  assert.ok(!kept.includes(key))
  await laptop.close()
  await hub.close()
  const offline = await openDevice(t, hub, folder, 'laptop')
  assert.equal(await keyOf(offline, 1), key)
})

test('OK3 several devices that start at once agree on one key', async t => {
  const hub = await openHub(t, await temporaryFolder(t))
  const folders = await Promise.all(Array.from({ length: 4 }, () => temporaryFolder(t)))
  const devices = await Promise.all(folders.map((folder, n) => openDevice(t, hub, folder, `machine ${n}`)))
  for (const device of devices) await has(device, 1)
  assert.equal(new Set(await Promise.all(devices.map(device => keyOf(device, 1)))).size, 1)
})

test('OK4 OK5 when a device is shut out the others get a new key that it lacks; the recovery key opens every version', async t => {
  const hub = await openHub(t, await temporaryFolder(t))
  const { secret, recipient } = await newRecoveryKey()
  const desk = await openDevice(t, hub, await temporaryFolder(t), 'desk', recipient)
  await has(desk, 1)
  const lost = await openDevice(t, hub, await temporaryFolder(t), 'lost')
  const laptop = await openDevice(t, hub, await temporaryFolder(t), 'laptop')
  await has(lost, 1)
  await has(laptop, 1)
  // The recipient goes on through a device that was never given it.
  await desk.close()
  await revoke(hub, lost)
  await has(laptop, 2)
  assert.equal(await versionOf(lost), 1)
  assert.notEqual(await keyOf(laptop, 2), await keyOf(laptop, 1))
  const late = await openDevice(t, hub, await temporaryFolder(t), 'late')
  await has(late, 2)
  assert.deepEqual([await keyOf(late, 1), await keyOf(late, 2)], [await keyOf(laptop, 1), await keyOf(laptop, 2)])
  const copies = await recoveryCopies(hub)
  for (const version of [1, 2]) {
    const decrypter = new Decrypter()
    decrypter.addIdentity(secret)
    const opened = await decrypter.decrypt(Buffer.from(copies.get(version)!, 'base64url'))
    assert.equal(Buffer.from(opened).toString('hex'), await keyOf(laptop, version))
  }
})

/** As they stand in the hub's database. */
async function recoveryCopies(hub: Hub): Promise<Map<number, string>> {
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(join(dataOf.get(hub)!, 'hub.db'), { readOnly: true })
  try {
    const rows = database.prepare("SELECT version, sealed FROM owner_key_copies WHERE recipient = 'recovery'").all()
    return new Map(rows.map(row => [Number(row.version), String(row.sealed)]))
  } finally {
    database.close()
  }
}
