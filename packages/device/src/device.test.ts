import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { type Device, startDevice } from './device.ts'
import { ScriptedKernels } from './testing/scripted-kernels.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'
import { until } from './testing/until.ts'

const quick: Limits = {
  ...limits,
  fileDebounceMs: 20,
  fileMaxWaitMs: 100,
  reconnectMinMs: 20,
  reconnectMaxMs: 100,
  handshakeMs: 200,
}
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const project = () => ({
  id: newId('project', Date.now(), systemRandom),
  name: 'My project',
  owner: 'me',
  tree: newId('document', Date.now(), systemRandom),
})

async function start(t: TestContext, data: string, hub?: string): Promise<Device> {
  const device = await startDevice(
    {
      folder: data,
      name: 'Desk',
      kind: 'desktop',
      limits: quick,
      kernels: new ScriptedKernels(),
      projectsFolder: join(data, 'projects'),
      ...(hub ? { hub: { url: hub } } : {}),
    },
    { now: Date.now, random: systemRandom, log: silent },
  )
  t.after(() => device.close())
  return device
}

test('a device without a hub keeps its documents: another folder gets them all, and nothing counts as deleted', async t => {
  const data = await temporaryFolder()
  const [one, two] = [await temporaryFolder(), await temporaryFolder()]
  await writeFile(join(one, 'a.md'), 'A\n')
  const mine = project()
  let device = await start(t, data)
  await device.attach({ project: mine, folder: one })
  await device.attach({ project: mine, folder: one })
  assert.deepEqual(device.attachments(), [{ project: mine, folder: one }])
  await device.close()
  device = await start(t, data)
  await device.attach({ project: mine, folder: two })
  await until(
    'the file in the other folder',
    async () => (await readFile(join(two, 'a.md'), 'utf8').catch(() => '')) === 'A\n',
  )
  assert.equal(await readFile(join(one, 'a.md'), 'utf8'), 'A\n')
  assert.deepEqual(device.attachments(), [{ project: mine, folder: two }])
})

test('by default a project gets a folder of its name', async t => {
  const data = await temporaryFolder()
  const device = await start(t, data)
  await device.attach({ project: project() })
  assert.ok(existsSync(join(data, 'projects', 'My project', '.meshbook')))
})

test('a folder whose disk is not there at the start is waited for: nothing is made in its place, nothing is deleted', async t => {
  const data = await temporaryFolder()
  const root = await temporaryFolder()
  const folder = join(root, 'disk')
  await mkdir(folder)
  await writeFile(join(folder, 'a.md'), 'A\n')
  let device = await start(t, data)
  await device.attach({ project: project(), folder })
  await device.close()
  await rename(folder, join(root, 'away'))
  device = await start(t, data)
  await until('the notice', () => device.problems().some(problem => problem.includes('nothing is deleted')))
  assert.ok(!existsSync(folder))
  await rename(join(root, 'away'), folder)
  await until('the end of the notice', () => device.problems().length === 0, 15_000)
  await writeFile(join(folder, 'a.md'), 'A\nB\n')
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.deepEqual(
    (await readdir(folder)).filter(name => name.endsWith('.md')),
    ['a.md'],
  )
})

test('two projects cannot share a folder, and two devices cannot share their data', async t => {
  const data = await temporaryFolder()
  const folder = await temporaryFolder()
  const device = await start(t, data)
  await device.attach({ project: project(), folder })
  await assert.rejects(device.attach({ project: project(), folder }), { code: 'CONFLICT' })
  await assert.rejects(start(t, data), { code: 'DATA_IN_USE' })
})

test('a detached folder keeps its files and is no longer followed', async t => {
  const data = await temporaryFolder()
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'a.md'), 'A\n')
  const device = await start(t, data)
  const mine = project()
  await device.attach({ project: mine, folder })
  await device.detach(mine.id)
  assert.equal(await readFile(join(folder, 'a.md'), 'utf8'), 'A\n')
  assert.deepEqual(device.attachments(), [])
  await assert.rejects(device.detach(mine.id), { code: 'NOT_FOUND' })
})

test('with a hub that cannot be reached a first attachment works after a moment, and the status says why there is no link', async t => {
  const data = await temporaryFolder()
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'a.md'), 'A\n')
  const device = await start(t, data, 'http://127.0.0.1:9')
  await device.attach({ project: project(), folder })
  await until('the status', () => device.status().link.state === 'offline')
  const { link } = device.status()
  assert.equal(link.state === 'offline' && link.error.code, 'UNREACHABLE')
  assert.equal(device.linked, false)
})

test('a key file that is damaged is not replaced: the message says what to do', async t => {
  const data = await temporaryFolder()
  await writeFile(join(data, 'device-key.json'), '{"publicKey":1}')
  await assert.rejects(start(t, data), { code: 'BAD_CONFIG' })
  assert.equal(await readFile(join(data, 'device-key.json'), 'utf8'), '{"publicKey":1}')
})
