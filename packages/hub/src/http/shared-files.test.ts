import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { FileInfo, FileState } from '@meshbook/core/api.ts'
import type { TreeEntry } from '@meshbook/core/executions.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { openDocument } from '../testing/open-document.ts'
import { rawRequest } from '../testing/raw-request.ts'
import { TestDevice } from '../testing/test-device.ts'
import { startTestHub } from '../testing/test-hub.ts'
import { addTestUser, makeMember, setRoles } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'

const bytes = 'a,b\n1,2\n'
const asset = `sha256-${createHash('sha256').update(bytes).digest('hex')}`
const entry: TreeEntry = { path: 'table.csv', kind: 'asset', asset, bytes: bytes.length, by: 'anvil', at: 5 }

test('ME3 ME5 files of a shared project, what they hold and their changes are told to members and to nobody else', async t => {
  const test = await startTestHub(t)
  const [ann, eve] = [await addTestUser(test, 'ann'), await addTestUser(test, 'eve')]
  await makeMember(test, ann, ['viewer'])
  const stream = await fetch(`${test.hub.url}/api/v1/events`, { headers: { authorization: `Bearer ${ann.token}` } })
  let told = ''
  const reading = (async () => {
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) told += chunk
  })()
  await until(() => told.includes('event: storage'))
  const id = newId('document', Date.now(), systemRandom)
  openDocument(t, test, '.meshbook/tree').getMap<unknown>('files').set(id, entry)
  const list = `/files?project=${test.project.id}`
  await until(async () => (await ann.json<{ items: FileInfo[] }>('GET', list)).items.length === 1)
  await until(() => told.includes('event: files'))
  assert.equal((await ann.json<FileState>('GET', `/files/${id}`)).stored, false)
  const headers = { authorization: `Bearer ${test.token}` }
  await rawRequest(`${test.hub.url}/api/v1/assets/${asset}`, { method: 'PUT', headers, body: bytes })
  assert.equal((await ann.json<FileState>('GET', `/files/${id}`)).stored, true)
  assert.equal(await (await ann.api('GET', `/assets/${asset}?name=table.csv`)).text(), bytes)
  for (const path of [list, `/files/${id}`, `/assets/${asset}?name=table.csv`])
    assert.equal(await eve.status('GET', path), 404, path)
  await setRoles(test, ann, [])
  await reading
  for (const path of [list, `/files/${id}`, `/assets/${asset}?name=table.csv`])
    assert.equal(await ann.status('GET', path), 404, path)
})

test('ME5 what is wrong at a device is shown to its owner alone', async t => {
  const test = await startTestHub(t)
  const ann = await addTestUser(test, 'ann')
  await makeMember(test, ann, ['runner'])
  const desk = new TestDevice('Desk')
  await test.hub.registerDevice(desk.publicKey, 'Desk', 'desktop')
  await desk.join(t, test.hub, [test.project.id])
  const items = [{ code: 'DISK_FULL', text: 'The disk is full.', next: 'Make room.' }]
  desk.send({ type: 'PROBLEMS', items, more: 0 })
  const shown = async (who: Pick<typeof ann, 'json'>) =>
    (await who.json<{ items: DeviceInfo[] }>('GET', '/devices')).items.map(device => device.problems?.items.length)
  await until(async () => (await shown(test))[0] === 1)
  assert.deepEqual(await shown(ann), [undefined])
})
