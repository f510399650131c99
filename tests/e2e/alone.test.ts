/** A machine without a hub, with real processes and a real browser: it works, keeps its address, and takes all along to a hub. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { documentSchema, listOf, projectSchema, tokenSchema } from '@meshbook/core/api.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { openBrowser, signIn } from '../browser.ts'
import { clientOf, command, eventually, startMesh, startProcess, temporaryFolder } from '../mesh-process.ts'

const json = async (args: string[], data: string) =>
  JSON.parse((await command([...args, '--json', '--data', data])).stdout)

test('UP5 UP7 DV110 DV111 a machine without a hub is of use, and what it has goes along when it joins one', async t => {
  const folder = await temporaryFolder(t)
  const data = join(folder, 'desk')
  const thesis = join(folder, 'thesis')
  await mkdir(thesis)
  await writeFile(join(thesis, 'readme.md'), '# Written alone\n')
  const desk = await startProcess(t, data, ['up', '--port', '0'])
  assert.equal((await json(['attach', thesis, '--project', 'thesis'], data)).name, 'thesis')
  const { link } = await json(['open', 'thesis', '--no-open'], data)
  const { page, faults } = await openBrowser(t)
  await signIn(page, { url: desk.url, link })
  await page.getByRole('heading', { name: 'Written alone' }).waitFor()
  // A second project is made on the page, and its document has a file once it has a folder.
  const made = await page.evaluate(async () => {
    const post = async (path: string, body: object) => {
      const headers = { 'content-type': 'application/json' }
      return (await fetch(`/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()
    }
    const { id } = await post('/projects', { name: 'notes' })
    await post('/documents', { project: id, path: 'a.md', content: 'made on the page\n' })
    return id
  })
  await page.goto(`${desk.url}/devices`)
  await page.getByText('has none yet').waitFor()
  await page.getByRole('button', { name: 'Make a folder for notes' }).click()
  await page.getByRole('button', { name: 'Detach the folder of notes' }).waitFor()
  const file = join(data, 'projects/notes/a.md')
  await eventually('the file', async () => (await readFile(file, 'utf8').catch(() => '')) === 'made on the page\n')
  assert.equal(await page.locator('.toasts > *').count(), 0)
  assert.deepEqual(
    faults.filter(text => !text.includes('Failed to load resource')),
    [],
  )
  await desk.kill('SIGTERM')

  const hub = await startMesh(t, join(folder, 'hub'))
  const client = await clientOf(hub)
  await client.post('/projects', { name: 'notes' }, projectSchema)
  const { token } = await client.post('/tokens', { name: 'desk' }, tokenSchema)
  await startProcess(t, data, ['up', '--hub', hub.url, '--port', '0'], { MESHBOOK_TOKEN: token! })
  const named = await eventually('both are at the hub', async () => {
    const { items } = await client.get('/projects', listOf(projectSchema))
    return items.some(({ id }) => id === made) && items
  })
  assert.deepEqual(named.map(({ name }) => name).sort(), ['demo', 'notes', 'notes 2', 'thesis'])
  const textOf = async (project: string, path: string) => {
    const { items } = await client.get(`/documents?project=${project}`, listOf(documentSchema))
    const found = items.find(it => it.path === path)
    return found ? client.text(`/documents/${found.id}/content`) : ''
  }
  const own = named.find(({ name }) => name === 'thesis')!.id
  await eventually(
    'the texts are at the hub',
    async () => (await textOf(own, 'readme.md')) === '# Written alone\n',
    40_000,
  )
  await eventually('of both', async () => (await textOf(made, 'a.md')) === 'made on the page\n', 40_000)
  await writeFile(file, 'made on the page\nand edited with the hub\n')
  await eventually('edits go on', async () => (await textOf(made, 'a.md')).includes('edited with the hub'), 40_000)
  assert.equal(await readFile(join(thesis, 'readme.md'), 'utf8'), '# Written alone\n')
})

test('UP6 LO9 the address stays; while another program has the port it says so, and comes back to it', async t => {
  const data = await temporaryFolder(t)
  const first = await startProcess(t, data, ['up'])
  const port = Number(new URL(first.url).port)
  await first.kill('SIGTERM')
  const blocker = createServer()
  await new Promise<void>(resolve => blocker.listen(port, '127.0.0.1', resolve))
  t.after(() => blocker.close())
  const second = await startProcess(t, data, ['up'])
  assert.notEqual(second.url, first.url)
  assert.equal(JSON.parse(await readFile(join(data, 'up.json'), 'utf8')).port, port)
  await second.kill('SIGTERM')
  await new Promise(resolve => blocker.close(resolve))
  const third = await startProcess(t, data, ['up'])
  assert.equal(third.url, first.url)
  await third.kill('SIGTERM')
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  t.after(() => taken.close())
  const wanted = String((taken.address() as AddressInfo).port)
  const refused = await command(['up', '--port', wanted, '--json', '--data', data])
  assert.deepEqual([refused.code, JSON.parse(refused.stdout).error], [1, 'PORT_IN_USE'])
})

test('LO12 a stock y-websocket client uses the daemon with the token that `meshbook token` prints', async t => {
  const data = await temporaryFolder(t)
  await startProcess(t, data, ['up', '--port', '0'])
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'a.md'), 'from the file\n')
  await json(['attach', folder, '--project', 'p'], data)
  const { sync, token } = await json(['token'], data)
  class WithToken extends WebSocket {
    constructor(address: string, protocols?: string | string[]) {
      super(address, protocols, { headers: { authorization: `Bearer ${token}` } })
    }
  }
  const doc = new Y.Doc()
  const client = new WebsocketProvider(sync, 'me/p/a.md', doc, {
    WebSocketPolyfill: WithToken as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  t.after(() => {
    client.destroy()
    doc.destroy()
  })
  await eventually('its content', () => doc.getText('content').toString() === 'from the file\n')
  doc.getText('content').insert(0, 'from the client, ')
  await eventually('the file has it', async () =>
    (await readFile(join(folder, 'a.md'), 'utf8')).startsWith('from the client, '),
  )
})

test('UP8 `meshbook open` opens what is named, and says what to do where nothing runs or nothing is found', async t => {
  const data = await temporaryFolder(t)
  const nothing = await command(['open', '--no-open', '--data', data])
  assert.equal(nothing.code, 4)
  assert.match(nothing.stderr, /Start it with `meshbook up`/)
  const desk = await startProcess(t, data, ['up', '--port', '0'])
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'part 1'))
  await writeFile(join(folder, 'part 1/b.md'), 'B\n')
  await writeFile(join(folder, 'index.md'), 'I\n')
  await json(['attach', folder, '--project', 'p'], data)
  const pageOf = async (...place: string[]) => new URL((await json(['open', ...place, '--no-open'], data)).link)
  assert.equal((await pageOf()).pathname, '/signin')
  assert.equal((await pageOf('p')).searchParams.get('to'), '/p/p/index.md')
  assert.equal((await pageOf(folder)).searchParams.get('to'), '/p/p/index.md')
  assert.equal((await pageOf('me/p/part 1/b.md')).searchParams.get('to'), '/p/p/part%201/b.md')
  assert.equal((await pageOf(join(folder, 'part 1/b.md'))).searchParams.get('to'), '/p/p/part%201/b.md')
  assert.equal((await pageOf('p')).origin, new URL(desk.url).origin)
  const wrong = await command(['open', 'nowhere', '--json', '--data', data])
  assert.deepEqual([wrong.code, JSON.parse(wrong.stdout).error], [1, 'NOT_FOUND'])
})
