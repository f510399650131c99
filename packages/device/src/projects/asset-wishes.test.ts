import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { FileHub, newEntryId, type Sharer, sharer } from '../testing/shared-files.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'

const large = 'x'.repeat(100)

/** Two devices; the second fetches nothing by itself that is not tiny. */
async function lazy(t: TestContext): Promise<{ hub: FileHub; a: Sharer; b: Sharer }> {
  const hub = new FileHub(join(await temporaryFolder(), 'hub'))
  const a = await sharer(t, hub, 'anvil')
  const b = await sharer(t, hub, 'bench', a)
  b.limits = { ...b.limits, fileFetchBytes: 10 }
  await Promise.all([a.start(), b.start()])
  for (const name of ['data/one.bin', 'data/two.bin', 'data.bin']) await a.write(name, name + large)
  await until('all are listed', () => b.tree.size === 3)
  return { hub, a, b }
}

const holds = async (p: Sharer, path: string) => (await p.read(path).catch(() => '')) === path + large
const ask = (p: Sharer, path: string) => p.folderOf!.fetch(path, true)
const state = (p: Sharer, path: string) => p.folderOf!.fetch(path, false)

test('DV58 a listed file comes when it is asked for, and no other; a folder brings what is in it', async t => {
  const { b } = await lazy(t)
  const asked = await ask(b, 'data/one.bin')
  assert.deepEqual([asked.files, asked.here, asked.bytes], [1, 0, 112])
  await until('the file', () => holds(b, 'data/one.bin'))
  assert.equal(await holds(b, 'data/two.bin'), false)
  assert.equal((await ask(b, 'data')).files, 2)
  await until('the folder', () => holds(b, 'data/two.bin'))
  await until('it is told', async () => (await state(b, 'data')).here === 2)
  assert.equal(await holds(b, 'data.bin'), false)
  assert.deepEqual(await state(b, 'data'), { files: 2, here: 2, bytes: 224, received: 224, stuck: 0 })
  assert.deepEqual(await ask(b, 'data'), await state(b, 'data'))
  await ask(b, '')
  await until('all', () => holds(b, 'data.bin'))
})

test('DV58 a wish outlasts a restart, and the file is kept up to date from then on', async t => {
  const { hub, a, b } = await lazy(t)
  hub.isOnline = false
  await ask(b, 'data.bin')
  await b.stop()
  hub.isOnline = true
  await b.start()
  await until('the file', () => holds(b, 'data.bin'))
  await a.write('data.bin', `new${large}`)
  await until('its next state', async () => (await b.read('data.bin')) === `new${large}`)
})

test('DV59 what holds a file up is told: no hub, or bytes that are still elsewhere; it comes by itself later', async t => {
  const { hub, b } = await lazy(t)
  const reason = async (path: string) => {
    await until('it is stuck', async () => (await state(b, path)).stuck === 1)
    const { error } = (await state(b, path)).reason!
    return [error.code, error.detail]
  }
  hub.isOnline = false
  await ask(b, 'data.bin')
  assert.equal((await reason('data.bin'))[0], 'UNREACHABLE')
  hub.isOnline = true
  await until('the file', () => holds(b, 'data.bin'))
  const asset = `sha256-${'0'.repeat(64)}`
  b.tree.set(newEntryId(), { path: 'late.bin', kind: 'asset', asset, bytes: 50, by: 'anvil', at: 1 })
  await ask(b, 'late.bin')
  const [code, detail] = await reason('late.bin')
  assert.equal(code, 'NOT_FOUND')
  assert.match(detail!, /they are on anvil/)
})

test('DV59 a try that got further than the one before does not count as held up', async t => {
  const { hub, b } = await lazy(t)
  const [entry] = [...b.tree.values()].filter(({ path }) => path === 'data.bin')
  let tries = 0
  b.sharing!.fetch = async () => {
    hub.received.set(entry!.asset as never, Math.min(3, ++tries))
    throw new MeshError('UNREACHABLE')
  }
  await b.stop()
  await b.start()
  await ask(b, 'data.bin')
  await until('a second try', () => tries >= 2)
  assert.equal((await state(b, 'data.bin')).stuck, 0)
  await until('it is stuck', async () => (await state(b, 'data.bin')).stuck === 1)
  assert.ok(tries >= 4, `${tries}`)
})

test('DV58 a path with no shared file is NOT_FOUND', async t => {
  const { b } = await lazy(t)
  for (const path of ['nothing.bin', 'dat', 'data/one.bin/x', '../data.bin'])
    await assert.rejects(ask(b, path), { code: 'NOT_FOUND' })
})
