import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { DocumentInfo, Version } from '@meshbook/core/api.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { atEnd } from '../testing/at-end.ts'
import { signIn } from '../testing/sign-in.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const phone =
  'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'

/** A page of the app in a browser of its own: signed in, with its own User-Agent. */
async function browser(t: TestContext, hub: TestHub, path: string, agent: string): Promise<Y.Text> {
  const cookie = await signIn(hub)
  const doc = new Y.Doc()
  class Signed extends WebSocket {
    constructor(url: string) {
      super(url, { headers: { cookie, origin: hub.hub.url, 'user-agent': agent } })
    }
  }
  const provider = new WebsocketProvider(`${hub.hub.url.replace('http', 'ws')}/sync`, `me/demo/${path}`, doc, {
    WebSocketPolyfill: Signed as never,
    disableBc: true,
  })
  atEnd(t, () => {
    provider.destroy()
    doc.destroy()
  })
  await until(() => provider.synced)
  return doc.getText('content')
}

let requests = 0
const request = () => `request-${process.pid}-${requests++}`

const api = (hub: TestHub, id: string) => ({
  text: async (): Promise<string> => (await hub.api('GET', `/documents/${id}/content`)).text(),
  at: async (version: number): Promise<string> => (await hub.api('GET', `/documents/${id}/versions/${version}`)).text(),
  versions: async (): Promise<Version[]> =>
    (await hub.json<{ items: Version[] }>('GET', `/documents/${id}/versions`)).items,
  record: (name?: string) => hub.json<Version>('POST', `/documents/${id}/versions`, name === undefined ? {} : { name }),
  restore: (version: number, as = request()) =>
    hub.json<Version>('POST', `/documents/${id}/restore`, { version, request: as }),
  undo: (more: object = {}) => hub.json<Version>('POST', `/documents/${id}/undo`, { request: request(), ...more }),
  redo: () => hub.json<Version>('POST', `/documents/${id}/redo`, { request: request() }),
})

/** Edits, and waits until the hub has them. */
async function write(history: ReturnType<typeof api>, text: Y.Text, at: number, insert: string): Promise<void> {
  text.insert(at, insert)
  await until(async () => (await history.text()) === text.toString())
}

const names = (version: Version) => version.authors.map(({ name }) => name)

test('two browsers that write one after the other are both named, each with a version of its own (HI4, HI5)', async t => {
  const hub = await startTestHub(t, { timesDivisor: 1000 })
  const { id } = await hub.document('a.md', 'one\n')
  const history = api(hub, id)
  const desk = await browser(t, hub, 'a.md', firefox)
  await write(history, desk, 4, 'two\n')
  await new Promise(resolve => setTimeout(resolve, 50))
  const mobile = await browser(t, hub, 'a.md', phone)
  await write(history, mobile, 8, 'three\n')
  await history.record()
  const versions = await history.versions()
  assert.deepEqual(versions.map(names), [['Chrome on Android'], ['Firefox on Linux'], ['A program']])
  assert.deepEqual(
    versions.map(({ version, kind, added, removed }) => [version, kind, added, removed]),
    [
      [3, 'edit', 1, 0],
      [2, 'edit', 1, 0],
      [1, 'edit', 1, 0],
    ],
  )
  assert.ok(versions[2]!.authors[0]!.here && !versions[0]!.authors[0]!.here, 'who asks knows which is them')
  assert.deepEqual([await history.at(1), await history.at(2)], ['one\n', 'one\ntwo\n'])
})

test('a version comes by itself when it is quiet, and none without a change (HI1)', async t => {
  const hub = await startTestHub(t, { timesDivisor: 300 })
  const { id } = await hub.document('a.md', 'one\n')
  const history = api(hub, id)
  await until(async () => (await history.versions()).length === 1)
  const before = await history.versions()
  await history.record()
  await hub.restart()
  await history.record()
  assert.deepEqual(await history.versions(), before)
})

test('a named version is kept, and naming twice keeps both names', async t => {
  const hub = await startTestHub(t)
  const { id } = await hub.document('a.md', 'one\n')
  const history = api(hub, id)
  assert.equal((await history.record('first draft')).name, 'first draft')
  assert.equal((await history.record('sent to Ada')).name, 'sent to Ada')
  assert.deepEqual(
    (await history.versions()).map(({ name }) => name),
    ['sent to Ada', 'first draft'],
  )
})

test('a restore is an edit: what is typed meanwhile stays, and the same request changes nothing again (HI20, HI23)', async t => {
  const hub = await startTestHub(t)
  const { id } = await hub.document('a.md', 'alpha\nbeta\ngamma\n')
  const history = api(hub, id)
  await history.record()
  const desk = await browser(t, hub, 'a.md', firefox)
  desk.delete(6, 5)
  await write(history, desk, 0, 'new heading\n')
  await history.record()
  const typing = setInterval(() => desk.insert(desk.length, 'x'), 1)
  const as = request()
  const restored = await history.restore(1, as)
  clearInterval(typing)
  assert.deepEqual([restored.kind, restored.of], ['restore', 1])
  const typed = 'x'.repeat(desk.toString().split('x').length - 1)
  await until(async () => (await history.text()) === desk.toString())
  assert.equal(desk.toString(), `alpha\nbeta\ngamma\n${typed}`)
  await write(history, desk, 0, 'and on\n')
  assert.equal((await history.restore(1, as)).version, restored.version)
  assert.equal(await history.text(), `and on\nalpha\nbeta\ngamma\n${typed}`)
})

test('undo takes back the newest change of the user, from any device, then the one before; redo brings it back (HI21, HI22)', async t => {
  const hub = await startTestHub(t, { timesDivisor: 1000 })
  const { id } = await hub.document('a.md', 'start\n')
  const history = api(hub, id)
  const desk = await browser(t, hub, 'a.md', firefox)
  const mobile = await browser(t, hub, 'a.md', phone)
  await write(history, desk, 6, 'desk\n')
  await history.record()
  await write(history, mobile, 0, 'phone\n')
  const undone = await history.undo()
  assert.deepEqual([undone.kind, undone.of, await history.text()], ['undo', 3, 'start\ndesk\n'])
  await until(() => desk.toString() === 'start\ndesk\n')
  assert.equal((await history.undo()).of, 2)
  assert.equal(await history.text(), 'start\n')
  const refused = await hub.api('POST', `/documents/${id}/undo`, { request: request() })
  assert.deepEqual([refused.status, (await refused.json()).code], [409, 'NOTHING_TO_UNDO'])
  await history.redo()
  assert.equal(await history.text(), 'start\ndesk\n')
  await history.redo()
  assert.equal(await history.text(), 'phone\nstart\ndesk\n')
  await assert.rejects(history.redo(), /NOTHING_TO_UNDO/)
  assert.equal((await history.undo()).of, 3, 'what was redone can be undone again')
  await until(() => mobile.toString() === 'start\ndesk\n')
  await write(history, mobile, 0, 'another\n')
  await assert.rejects(history.redo(), /NOTHING_TO_UNDO/, 'a new change ends redoing')
  await assert.rejects(history.undo({ version: 2 }), /CONFLICT/, 'it is not the change that was looked at')
})

test('a reader may look and not restore; another scope sees nothing (HI24)', async t => {
  const hub = await startTestHub(t)
  const { id } = await hub.document('a.md', 'secret\n')
  await api(hub, id).record()
  const { token } = await hub.json<{ token: string }>('POST', '/tokens', { name: 'reader', scopes: ['read'] })
  const asReader = { authorization: `Bearer ${token}` }
  const status = async (method: string, path: string, body?: unknown) =>
    (await hub.api(method, `/documents/${id}${path}`, body, asReader)).status
  assert.equal(await status('GET', '/versions'), 200)
  assert.equal(await status('GET', '/versions/1'), 200)
  assert.equal(await status('GET', '/versions/2'), 404)
  assert.equal(await status('GET', '/versions/x'), 400)
  for (const [path, body] of [
    ['/versions', {}],
    ['/restore', { version: 1, request: request() }],
    ['/undo', { request: request() }],
    ['/redo', { request: request() }],
  ] as const)
    assert.equal(await status('POST', path, body), 403, path)
  assert.equal((await hub.api('GET', '/documents/doc_01k00000000000000000000000/versions')).status, 404)
})

test('a rename keeps the history, and a deleted document comes back from it (HI24, HI25)', async t => {
  const hub = await startTestHub(t)
  const { id } = await hub.document('a.md', 'kept\n')
  const history = api(hub, id)
  await history.record()
  await hub.json('PATCH', `/documents/${id}`, { path: 'b.md' })
  assert.equal((await history.versions()).length, 1)
  assert.equal((await hub.api('DELETE', `/documents/${id}`)).status, 204)
  assert.equal(await history.at(1), 'kept\n')
  await history.restore(1)
  assert.equal((await hub.json<DocumentInfo>('GET', `/documents/${id}`)).path, 'b.md')
  assert.equal(await history.text(), 'kept\n')
})

test('versions come in pages, newest first', async t => {
  const hub = await startTestHub(t)
  const { id } = await hub.document('a.md', 'x\n')
  const history = api(hub, id)
  await history.record()
  const desk = await browser(t, hub, 'a.md', firefox)
  for (let i = 0; i < 5; i++) {
    await write(history, desk, 0, `${i}\n`)
    await history.record()
  }
  const seen: number[] = []
  for (let cursor = ''; ; ) {
    const page = await hub.json<{ items: Version[]; next?: string }>(
      'GET',
      `/documents/${id}/versions?limit=2${cursor && `&cursor=${cursor}`}`,
    )
    seen.push(...page.items.map(({ version }) => version))
    if (!page.next) break
    cursor = page.next
  }
  assert.deepEqual(seen, [6, 5, 4, 3, 2, 1])
})
