/** kill -9 of the hub in the middle of an upload, again and again: what was acknowledged is there, and the rest comes. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseId } from '@meshbook/core/ids.ts'
import type { SnapshotInfo, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import { temporaryFolder } from '@meshbook/device/testing/temporary-folder.ts'
import {
  type HubAt,
  holdingDevice,
  keepSession,
  never,
  openSessions,
  pairedDevice,
  restored,
} from '../contract/sealed-sessions.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'

const rounds = 5

function hubAt({ url, token }: HubAddress): HubAt {
  return {
    url,
    async json<T>(method: string, path: string, body?: unknown) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const init = body === undefined ? {} : { body: JSON.stringify(body) }
      const answer = await fetch(`${url}/api/v1${path}`, { method, headers, ...init })
      const text = await answer.text()
      assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
      return (text === '' ? undefined : JSON.parse(text)) as T
    },
  }
}

test('HS2 HS11 SN70 I9 kill -9 of the hub in the middle of uploads: no record lacks a part, and nothing is lost that it had', async t => {
  const folder = await temporaryFolder()
  const [deskFolder, lapFolder] = [await temporaryFolder(), await temporaryFolder()]
  const key = randomBytes(32)
  let hub = new HubProcess(join(folder, 'hub'))
  t.after(() => hub.kill())
  let at = await hub.ready()
  const { device, held } = await holdingDevice(t, hubAt(at), parseId('project', at.project))
  const lap = await pairedDevice(hubAt(at), 'Lap')
  const base = Array.from({ length: 10 }, () => randomBytes(400_000))
  const stored: { record: SnapshotRecord; contents: Buffer[] }[] = []
  for (let round = 0; round < rounds; round++) {
    const { places, close } = await openSessions({ folder: deskFolder, device, key, url: at.url })
    const contents = [...base, ...Array.from({ length: 20 }, () => randomBytes(300_000))]
    const record = await keepSession(places, held, contents, { name: `round ${round}` })
    const late = setTimeout(() => void hub.kill(), 15 + 60 * round)
    const told = await places.upload(record, never).then(
      () => true,
      () => false,
    )
    clearTimeout(late)
    await hub.kill()
    await close()
    hub = new HubProcess(join(folder, 'hub'))
    at = await hub.ready()
    const again = await openSessions({ folder: deskFolder, device, key, url: at.url })
    const list = async () =>
      (await hubAt(at).json<{ items: SnapshotInfo[] }>('GET', `/snapshots?session=${held.session}`)).items
    const ids = (await list()).map(({ id }) => id)
    for (const before of stored) assert.ok(ids.includes(before.record.id), 'what was acknowledged is there')
    if (told) assert.ok(ids.includes(record.id))
    await again.places.upload(record, never)
    stored.push({ record, contents })
    await again.close()
    assert.equal((await list()).length, stored.length)
  }
  const { places, close } = await openSessions({ folder: lapFolder, device: lap, key, url: at.url })
  for (const { record, contents } of stored.toReversed()) {
    // The newest first would refuse the older ones, which nobody chose.
    const found = await places.find(record.id, never)
    const { plan, source } = await places.examine(found, expected(record), never)
    await places.fetch(found, { signal: never, progress: () => undefined })
    const order = plan.order as string[]
    for (const [i, part] of order.entries()) assert.deepEqual(Buffer.from(await source.get(part)), contents[i])
  }
  assert.equal((await restored(places, stored.at(-1)!.record)).length, 30)
  await close()
})

function expected({ id: snapshot, kind, asOf, session, fence }: SnapshotRecord) {
  return { rung: { snapshot, kind, asOf }, session, fence, newest: false }
}
