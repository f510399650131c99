import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { DeviceProject } from '@meshbook/core/messages.ts'
import { type Device, startDevice } from '../device.ts'
import { writeMarker } from '../projects/folder-marker.ts'
import { NodeDisk } from '../projects/node-disk.ts'
import { ScriptedHub } from '../testing/scripted-hub.ts'
import { ScriptedKernels } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'
import { readProjectsPolicy, writeProjectsPolicy } from './policy-file.ts'

const quick: Limits = {
  ...limits,
  fileDebounceMs: 20,
  fileMaxWaitMs: 100,
  reconnectMinMs: 20,
  reconnectMaxMs: 100,
  handshakeMs: 300,
  projectRetryMs: 200,
}
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
const project = (name: string, owner = 'me', more: Partial<DeviceProject> = {}): DeviceProject => ({
  id: newId('project', Date.now(), systemRandom),
  tree: newId('document', Date.now(), systemRandom),
  name,
  owner,
  ...more,
})

interface World {
  hub: ScriptedHub
  data: string
  root: string
  start(changes?: Partial<Limits>): Promise<Device>
}

async function worldOf(t: TestContext, projects: DeviceProject[]): Promise<World> {
  const hub = await ScriptedHub.start(t, Date.now)
  hub.projects = projects
  const data = await temporaryFolder()
  const root = join(data, 'Meshbook')
  const start = async (changes: Partial<Limits> = {}) => {
    const device = await startDevice(
      {
        folder: join(data, 'device'),
        name: 'Desk',
        kind: 'desktop',
        limits: { ...quick, ...changes },
        kernels: new ScriptedKernels(),
        projectsFolder: root,
        hub: { url: hub.url },
      },
      { now: Date.now, random: systemRandom, log: silent },
    )
    t.after(() => device.close())
    hub.publicKey = device.publicKey
    return device
  }
  return { hub, data, root, start }
}

const folders = async (root: string) => (await readdir(root).catch(() => [])).sort()
const known = (device: Device, count: number) =>
  until('the projects are known', () => device.projects.list().length === count)

test('DV100 with `ask` no project gets a folder but each is offered; with `all` each gets one; `none` offers nothing', async t => {
  const mine = project('thesis')
  const { root, start, data } = await worldOf(t, [mine, project('Notes', 'ada', { shared: true })])
  let device = await start()
  await known(device, 2)
  assert.deepEqual(
    device.projects.list().map(({ state }) => state),
    ['offered', 'offered'],
  )
  assert.deepEqual(await folders(root), [])
  await device.projects.setPolicy('none')
  assert.deepEqual(
    device.projects.list().map(({ state }) => state),
    ['left-out', 'left-out'],
  )
  await device.projects.setPolicy('all')
  await until('both folders', async () => (await folders(root)).join() === 'Notes,thesis')
  await device.projects.setPolicy('none')
  assert.deepEqual(await folders(root), ['Notes', 'thesis'])
  await device.close()
  device = await start()
  assert.equal(device.projects.policy, 'none')
  assert.equal(device.attachments().length, 2)
  assert.equal(await readProjectsPolicy(join(data, 'device')), 'none')
})

test('DV100 a damaged policy is told and makes no folders', async t => {
  const { root, start, data } = await worldOf(t, [project('thesis')])
  await mkdir(join(data, 'device'), { recursive: true })
  await writeFile(join(data, 'device/projects.json'), '{"policy":"everything"}')
  const device = await start()
  await known(device, 1)
  assert.ok(device.problems().some(text => text.includes('projects.json is damaged')))
  assert.deepEqual(await folders(root), [])
  await device.projects.setPolicy('ask')
  assert.deepEqual(device.problems(), [])
})

test('DV101 DV102 names that are taken: another project yields, files of nobody’s project are refused and told, an empty folder is used', async t => {
  const [first, second, third] = [project('a'), project('b'), project('c')]
  const { root, start } = await worldOf(t, [first, second, third])
  await mkdir(join(root, 'b'), { recursive: true })
  await mkdir(join(root, 'c'))
  await mkdir(join(root, 'a'))
  await writeFile(join(root, 'b/diary.md'), 'private\n')
  await writeMarker(new NodeDisk(), join(root, 'a'), newId('project', 1, systemRandom))
  const device = await start()
  await known(device, 3)
  await device.projects.setPolicy('all')
  await until('two are there', () => device.attachments().length === 2)
  assert.deepEqual(
    device
      .attachments()
      .map(({ folder }) => folder)
      .sort(),
    [join(root, 'c'), join(root, 'me-a')].sort(),
  )
  await until('the third is told', () =>
    device.problems().some(text => text.includes('meshbook attach') && text.includes(join(root, 'b'))),
  )
  assert.equal(device.projects.list().find(({ id }) => id === second.id)?.state, 'refused')
  assert.deepEqual(await readdir(join(root, 'b')), ['diary.md'])
  await assert.rejects(device.attach({ project: second }), { code: 'FOLDER_TAKEN' })
  // Whoever names the folder says that it is to be shared.
  await device.attach({ project: second, folder: join(root, 'b') })
  assert.equal(device.attachments().length, 3)
  assert.deepEqual(device.problems(), [])
})

test('DV103 a kill between the mark and the store: the next start takes the same folder', async t => {
  const mine = project('thesis')
  const { root, start, data } = await worldOf(t, [mine])
  await mkdir(join(data, 'device'), { recursive: true })
  await writeProjectsPolicy(join(data, 'device'), 'all')
  await writeMarker(new NodeDisk(), join(root, 'called otherwise'), mine.id)
  await writeFile(join(root, 'called otherwise/a.md'), 'A\n')
  const device = await start()
  await until('the folder', () => device.attachments()[0]?.folder === join(root, 'called otherwise'))
  assert.deepEqual(await folders(root), ['called otherwise'])
})

test('DV104 without room nothing is begun and it is told; it goes on once there is room', async t => {
  const { root, start } = await worldOf(t, [project('thesis')])
  const device = await start({ diskReserveBytes: Number.MAX_SAFE_INTEGER })
  await known(device, 1)
  await device.projects.setPolicy('all')
  await until('it is told', () => device.problems().some(text => text.startsWith('The disk is full')))
  assert.deepEqual(await folders(root), [])
  await device.close()
  const roomy = await start()
  await until('the folder', () => roomy.attachments().length === 1)
  assert.deepEqual(roomy.problems(), [])
})

test('DV105 what is detached is not given its folder again while that is still being done', async t => {
  const mine = project('thesis')
  const { start } = await worldOf(t, [mine])
  const device = await start()
  await known(device, 1)
  await device.projects.setPolicy('all')
  await until('the folder', () => device.attachments().length === 1)
  const looking = setInterval(() => void device.projects.setPolicy('all'), 1)
  t.after(() => clearInterval(looking))
  await device.detach(mine.id)
  clearInterval(looking)
  await new Promise(resolve => setTimeout(resolve, 3 * quick.projectRetryMs))
  assert.deepEqual(device.attachments(), [])
  await assert.rejects(device.detach(mine.id), { code: 'NOT_FOUND' })
})

test('DV105 a folder that was detached stays so, with `all` and over a restart, until somebody attaches it', async t => {
  const mine = project('thesis')
  const { start } = await worldOf(t, [mine])
  let device = await start()
  await known(device, 1)
  await device.projects.setPolicy('all')
  await until('the folder', () => device.attachments().length === 1)
  await device.detach(mine.id)
  await device.close()
  device = await start()
  await until('it is linked', () => device.linked)
  await new Promise(resolve => setTimeout(resolve, 3 * quick.projectRetryMs))
  assert.deepEqual(device.attachments(), [])
  assert.equal(device.projects.list()[0]?.state, 'left-out')
  await device.attach({ project: mine })
  assert.equal(device.attachments().length, 1)
})

test('DV106 a project that the hub names no more: its folder is detached and stays, told until that was seen; a new name changes no folder', async t => {
  const [kept, gone] = [project('kept'), project('gone', 'ada', { shared: true })]
  const { hub, root, start } = await worldOf(t, [kept, gone])
  let device = await start()
  await known(device, 2)
  await device.projects.setPolicy('all')
  await until('both', () => device.attachments().length === 2)
  await writeFile(join(root, 'gone/a.md'), 'mine\n')
  hub.projects = [{ ...kept, name: 'renamed' }]
  hub.send({ type: 'PROJECT_LIST', projects: hub.projects })
  await until('it is detached', () => device.attachments().length === 1)
  assert.deepEqual(device.attachments()[0], { project: { ...kept, name: 'renamed' }, folder: join(root, 'kept') })
  assert.equal(await readFile(join(root, 'gone/a.md'), 'utf8'), 'mine\n')
  const told = () => device.problems().some(text => text.includes('names the project ada/gone no more'))
  await until('it is told', told)
  await device.close()
  device = await start()
  assert.ok(told(), 'also after a restart')
  assert.equal((await device.projects.sawLost(join(root, 'gone')))?.name, 'gone')
  assert.ok(!told())
})

test('DV106 another hub’s list, and what was made here, take no folder away', async t => {
  const mine = project('thesis')
  const { start, hub, data, root } = await worldOf(t, [mine])
  let device = await start()
  await known(device, 1)
  await device.attach({ project: mine })
  await device.close()
  await hub.stop()
  const other = await ScriptedHub.start(t, Date.now)
  device = await startDevice(
    {
      folder: join(data, 'device'),
      name: 'Desk',
      kind: 'desktop',
      limits: quick,
      kernels: new ScriptedKernels(),
      projectsFolder: root,
      hub: { url: other.url },
    },
    { now: Date.now, random: systemRandom, log: silent },
  )
  t.after(() => device.close())
  other.publicKey = device.publicKey
  const made = await device.projects.make('made here')
  await device.attach({ project: made })
  await until('it is linked', () => device.linked)
  other.send({ type: 'PROJECT_LIST', projects: [] })
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.equal(device.attachments().length, 2)
})

test('DV110 a project that is made here has its ids for good, and a name once', async t => {
  const { start, hub, root } = await worldOf(t, [])
  await hub.stop()
  let device = await start()
  const made = await device.projects.make('own')
  assert.deepEqual(await device.projects.make('own'), made)
  await device.attach({ project: made })
  await device.close()
  device = await start()
  assert.deepEqual(device.projects.named('own')?.id, made.id)
  assert.ok(existsSync(join(root, 'own/.meshbook/project.json')))
  await rm(root, { recursive: true })
})
