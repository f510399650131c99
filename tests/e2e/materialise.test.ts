/** Folders for the projects of an account, with a real hub, a real daemon, its page, and kills. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Here, hereSchema, type Project } from '@meshbook/core/api.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import { addTestUser, makeMember, setRoles, type TestUser } from '@meshbook/hub/testing/test-user.ts'
import * as v from 'valibot'
import { openBrowser, signIn } from '../browser.ts'
import { command, eventually, type MeshProcess, startProcess, temporaryFolder } from '../mesh-process.ts'

interface World {
  hub: TestHub
  ann: TestUser
  data: string
  up(...args: string[]): Promise<MeshProcess>
  run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>
  read(path: string): Promise<string>
}

async function worldOf(t: TestContext): Promise<World> {
  const hub = await startTestHub(t)
  const ann = await addTestUser(hub, 'ann')
  const data = join(await temporaryFolder(t), 'laptop')
  const env = { MESHBOOK_TOKEN: ann.token }
  return {
    hub,
    ann,
    data,
    up: (...args) =>
      startProcess(t, data, ['up', '--hub', hub.hub.url, '--name', 'Laptop', '--port', '0', ...args], env),
    run: (...args) => command([...args, '--data', data]),
    read: path => readFile(join(data, 'projects', path), 'utf8').catch(() => ''),
  }
}

async function make(user: Pick<TestUser, 'json'>, name: string, documents: Record<string, string>): Promise<Project> {
  const project = await user.json<Project>('POST', '/projects', { name })
  for (const [path, content] of Object.entries(documents))
    await user.json('POST', '/documents', { project: project.id, path, content })
  return project
}

test('DV100 DV101 DV106 DV107 with `all` every project of the account comes, a shared one only to be read, and stays when it is taken away', async t => {
  const { hub, ann, up, read, run, data } = await worldOf(t)
  await make(ann, 'demo', { 'a.md': 'own\n' })
  await make(hub, 'demo', { 'b.md': 'theirs\n' })
  await makeMember(hub, ann, ['viewer'])
  await up('--projects', 'all')
  await eventually('the own one', async () => (await read('demo/a.md')) === 'own\n')
  await eventually('the shared one beside it', async () => (await read('me-demo/b.md')) === 'theirs\n')
  // One that is made while the device is there comes by itself.
  await make(ann, 'later', { 'c.md': 'later\n' })
  await eventually('the new one', async () => (await read('later/c.md')) === 'later\n')

  const shared = join(data, 'projects/me-demo')
  await writeFile(join(shared, 'b.md'), 'changed by a viewer\n')
  await writeFile(join(shared, 'new.md'), 'a viewer’s own\n')
  await writeFile(join(shared, 'data.csv'), '1,2\n')
  await eventually('the text is back', async () => (await read('me-demo/b.md')) === 'theirs\n')
  await eventually('the edit is kept', async () => {
    const copy = (await readdir(shared)).find(name => name.includes('(conflict '))
    return copy && (await readFile(join(shared, copy), 'utf8')) === 'changed by a viewer\n'
  })
  const told = async (text: RegExp) => text.test((await run('doctor', '--json')).stdout)
  await eventually('it is told', () => told(/what was changed here in b\.md/), 60_000)
  assert.ok(await told(/new\.md is shared with nobody/))
  const paths = (await hub.json<{ items: { path: string }[] }>('GET', `/documents?project=${hub.project.id}`)).items
  assert.deepEqual(
    paths.map(({ path }) => path).filter(path => !path.startsWith('.')),
    ['b.md'],
  )

  await eventually('so is the other file', () => told(/data\.csv is shared with nobody/), 60_000)
  assert.deepEqual((await hub.json<{ items: unknown[] }>('GET', `/files?project=${hub.project.id}`)).items, [])

  // As an editor the same folder goes both ways.
  await setRoles(hub, ann, ['editor'])
  await eventually(
    'what waited is shared',
    async () => {
      const { items } = await hub.json<{ items: { path: string }[] }>('GET', `/documents?project=${hub.project.id}`)
      return items.some(({ path }) => path === 'new.md')
    },
    40_000,
  )

  await setRoles(hub, ann, [])
  await eventually('it is told', () => told(/names the project me\/demo no more/), 60_000)
  assert.equal(await read('me-demo/b.md'), 'theirs\n')
  assert.equal((await run('detach', shared)).code, 0)
  assert.equal(await told(/names the project me\/demo no more/), false)
})

test('DV100 DV102 DV105 with `ask` the page and the command offer folders, in one step each; nothing foreign is taken', async t => {
  const { ann, up, run, read, data } = await worldOf(t)
  await make(ann, 'thesis', { 'a.md': '# Thesis\n' })
  await make(ann, 'notes', { 'n.md': '# Notes\n' })
  const laptop = await up()
  await eventually('it is known', async () => (await run('attach', '--project', 'thesis', '--json')).code === 0)
  assert.equal(await read('thesis/a.md'), '# Thesis\n')
  assert.match((await run('attach', '--project', 'nothing')).stderr, /there are .*thesis/)
  assert.equal((await run('attach')).code, 2)

  await mkdir(join(data, 'projects/notes'))
  await writeFile(join(data, 'projects/notes/diary.md'), 'private\n')
  const { page, faults } = await openBrowser(t)
  await signIn(page, { url: laptop.url, link: JSON.parse((await run('link', '--json')).stdout).link })
  await page.goto(`${laptop.url}/devices`)
  await page.getByText('This is the page of Laptop itself.').waitFor()
  await page.getByRole('button', { name: 'Make a folder for notes' }).click()
  await page.getByText('nothing in it was touched').first().waitFor()
  assert.deepEqual(await readdir(join(data, 'projects/notes')), ['diary.md'])
  assert.equal((await run('attach', join(data, 'projects/notes'), '--project', 'notes')).code, 0)
  await eventually('both are there', async () => (await read('notes/n.md')) === '# Notes\n')
  await page.getByRole('button', { name: 'Detach the folder of notes' }).click()
  await page.getByRole('button', { name: 'Make a folder for notes' }).waitFor()
  await page.getByLabel('Projects without a folder here').selectOption('all')
  await eventually('it is kept', async () =>
    (await readFile(join(data, 'device/projects.json'), 'utf8').catch(() => '')).includes('"all"'),
  )
  assert.equal(await read('notes/diary.md'), 'private\n')

  // No page of it leads nowhere (LO11).
  await page.goto(`${laptop.url}/account`)
  await page.getByRole('link', { name: /\/account$/ }).waitFor()
  await page.goto(`${laptop.url}/audit`)
  await page.getByRole('cell', { name: 'device-added' }).first().waitFor()
  assert.deepEqual(
    faults.filter(text => !text.includes('Failed to load resource')),
    [],
  )
  const set = await run('up', '--projects', 'none', '--json')
  assert.deepEqual(JSON.parse(set.stdout), { projects: 'none' })
})

test('DV103 DV108 killed again and again while folders are made, every document has its file in the end, once', async t => {
  const { ann, up, run, data } = await worldOf(t)
  const documents = 150
  const texts = Object.fromEntries(Array.from({ length: documents }, (_, n) => [`part/${n}.md`, `document ${n}\n`]))
  await make(ann, 'large', texts)
  await make(ann, 'small', { 'a.md': 'A\n' })
  await up('--projects', 'all').then(one => one.kill('SIGKILL'))
  for (const ms of [300, 900, 1_500]) {
    const one = await up()
    await new Promise(resolve => setTimeout(resolve, ms))
    await one.kill('SIGKILL')
  }
  await up()
  const folder = join(data, 'projects/large/part')
  await eventually(
    'all files',
    async () => (await readdir(folder).catch(() => [])).filter(name => name.endsWith('.md')).length === documents,
    90_000,
  )
  const names = await readdir(folder)
  assert.equal(names.filter(name => name.endsWith('.md')).length, documents)
  for (let n = 0; n < documents; n++) assert.equal(await readFile(join(folder, `${n}.md`), 'utf8'), `document ${n}\n`)
  assert.deepEqual((await readdir(join(data, 'projects'))).sort(), ['large', 'small'])
  const here: Here = v.parse(hereSchema, await ownState(run))
  const large = here.projects.find(({ name }) => name === 'large')
  assert.deepEqual(large?.progress, { documents, here: documents })
  const { items } = await ann.json<{ items: unknown[] }>('GET', `/documents?project=${large!.id}&limit=200`)
  assert.equal(items.length, documents)
})

async function ownState(run: World['run']): Promise<unknown> {
  const { url, token } = JSON.parse((await run('token', '--json')).stdout)
  return (await fetch(`${url}/api/v1/here`, { headers: { authorization: `Bearer ${token}` } })).json()
}
