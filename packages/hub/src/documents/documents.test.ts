import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DocumentInfo } from '@meshbook/core/api.ts'
import { pathOfId, type TreeEntry } from '@meshbook/core/executions.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { atEnd } from '../testing/at-end.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

function client(t: Parameters<typeof startTestHub>[0], test: TestHub, path: string): Y.Doc {
  const doc = new Y.Doc()
  class WithToken extends WebSocket {
    constructor(url: string) {
      super(url, { headers: { authorization: `Bearer ${test.token}` } })
    }
  }
  const provider = new WebsocketProvider(`${test.hub.url.replace('http', 'ws')}/sync`, `me/demo/${path}`, doc, {
    WebSocketPolyfill: WithToken as never,
    disableBc: true,
  })
  atEnd(t, () => {
    provider.destroy()
    doc.destroy()
  })
  return doc
}

const list = async (test: TestHub): Promise<DocumentInfo[]> =>
  (await test.json<{ items: DocumentInfo[] }>('GET', `/documents?project=${test.project.id}`)).items

test('a document is made with its text, moved with its id and connections, and deleted as a tombstone', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', '# Hello\n')
  assert.equal(await (await test.api('GET', `/documents/${id}/content`)).text(), '# Hello\n')
  const open = client(t, test, 'a.md')
  const tree = client(t, test, '.meshbook/tree')
  await until(() => open.getText('content').length > 0)
  const moved = await test.json<DocumentInfo>('PATCH', `/documents/${id}`, { path: 'notes/b.md' })
  assert.deepEqual([moved.id, moved.path], [id, 'notes/b.md'])
  open.getText('content').insert(0, 'still here ')
  await until(async () => (await (await test.api('GET', `/documents/${id}/content`)).text()).startsWith('still here'))
  assert.equal((await test.api('DELETE', `/documents/${id}`)).status, 204)
  assert.equal((await test.api('GET', `/documents/${id}`)).status, 404)
  assert.equal((await list(test)).length, 0)
  await until(() => (tree.getMap<TreeEntry>('files').get(id)?.deletedAt ?? 0) > 0)
})

test('a client that syncs by id means the same document after a rename and after a deletion; nothing is made anew (I2)', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md', '# Hello\n')
  await test.json<DocumentInfo>('PATCH', `/documents/${id}`, { path: 'b.md' })
  const late = client(t, test, pathOfId(id))
  await until(() => late.getText('content').toString() === '# Hello\n')
  assert.deepEqual(
    (await list(test)).map(({ path }) => path),
    ['b.md'],
  )
  assert.equal((await test.api('DELETE', `/documents/${id}`)).status, 204)
  const later = client(t, test, pathOfId(id))
  await until(() => later.getText('content').length > 0)
  assert.deepEqual(await list(test), [])
})

test('paths are checked, taken paths are a conflict, and the system folder is out of reach (S11)', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md')
  await test.document('b.md')
  for (const path of ['../x.md', '/x.md', 'a//b.md', 'x\u0000.md', 'con', '.meshbook/tree', '.meshbook/x', '']) {
    const answer = await test.api('POST', '/documents', { project: test.project.id, path })
    assert.equal(answer.status, 400, path)
  }
  assert.equal((await test.api('POST', '/documents', { project: test.project.id, path: 'A.md' })).status, 409)
  assert.equal((await test.api('PATCH', `/documents/${id}`, { path: 'b.md' })).status, 409)
  assert.equal((await test.api('PATCH', `/documents/${id}`, { path: '../b.md' })).status, 400)
})

test('a client that writes into the tree makes, moves and deletes documents; the index follows', async t => {
  const test = await startTestHub(t)
  const files = client(t, test, '.meshbook/tree').getMap<TreeEntry>('files')
  const id = 'doc_01k00000000000000000000000'
  files.set(id, { path: 'by-client.md', kind: 'document' })
  files.set('not an id', { path: 'x.md', kind: 'document' })
  files.set('doc_01k00000000000000000000001', { path: '../evil.md', kind: 'document' })
  files.set('doc_01k00000000000000000000002', null as unknown as TreeEntry)
  files.set('doc_01k00000000000000000000003', { path: 'image.png', kind: 'asset' })
  await until(async () => (await list(test)).length === 1)
  assert.deepEqual(
    (await list(test)).map(({ id, path }) => [id, path]),
    [[id, 'by-client.md']],
  )
  files.set(id, { path: 'moved.md', kind: 'document' })
  await until(async () => (await list(test))[0]?.path === 'moved.md')
  files.set(id, { path: 'moved.md', kind: 'document', deletedAt: 1 })
  await until(async () => (await list(test)).length === 0)
})

test('many clients that open one new path at once get one document', async t => {
  const test = await startTestHub(t)
  const docs = Array.from({ length: 8 }, () => client(t, test, 'new.md'))
  docs[0]!.getText('content').insert(0, 'once')
  await until(() => docs.every(doc => doc.getText('content').toString() === 'once'))
  assert.equal((await list(test)).length, 1)
})

test('a document of another project does not become one of this project by standing in its tree', async t => {
  const test = await startTestHub(t)
  const other = await test.hub.ensureProject('other')
  const { id } = await test.json<DocumentInfo>('POST', '/documents', { project: other.id, path: 'secret.md' })
  client(t, test, '.meshbook/tree').getMap<TreeEntry>('files').set(id, { path: 'stolen.md', kind: 'document' })
  await new Promise(resolve => setTimeout(resolve, 200))
  assert.equal((await test.json<DocumentInfo>('GET', `/documents/${id}`)).project, other.id)
  assert.equal((await list(test)).length, 0)
})

test('lists come in pages, and a project is made once', async t => {
  const test = await startTestHub(t)
  for (const path of ['c.md', 'a.md', 'b.md']) await test.document(path)
  const paths: string[] = []
  let cursor: string | undefined
  do {
    const page = await test.json<{ items: DocumentInfo[]; next?: string }>(
      'GET',
      `/documents?project=${test.project.id}&limit=2${cursor ? `&cursor=${cursor}` : ''}`,
    )
    paths.push(...page.items.map(({ path }) => path))
    cursor = page.next
  } while (cursor)
  assert.deepEqual(paths, ['a.md', 'b.md', 'c.md'])
  const made = await test.api('POST', '/projects', { name: 'second' })
  assert.equal(made.status, 201)
  assert.equal((await test.api('POST', '/projects', { name: 'second' })).status, 200)
})

test('a document that was just written to says when', async t => {
  const test = await startTestHub(t)
  const { id } = await test.document('a.md')
  const before = (await test.json<DocumentInfo>('GET', `/documents/${id}`)).updatedAt
  client(t, test, 'a.md').getText('content').insert(0, 'x')
  await until(async () => (await test.json<DocumentInfo>('GET', `/documents/${id}`)).updatedAt > before)
})
