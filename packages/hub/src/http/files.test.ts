import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { FileInfo, FileState } from '@meshbook/core/api.ts'
import type { TreeEntry } from '@meshbook/core/executions.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { attachmentNamed } from '@meshbook/relay/serve/content-disposition.ts'
import { openDocument } from '../testing/open-document.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

const bytes = Buffer.from('a,b\n1,2\n')
const idOf = (content: Uint8Array) => `sha256-${createHash('sha256').update(content).digest('hex')}`
const newEntry = () => newId('document', Date.now(), systemRandom)
const entry = (path: string): TreeEntry => ({
  path,
  kind: 'asset',
  asset: idOf(bytes),
  bytes: bytes.length,
  by: 'anvil',
  at: 5,
})

const treeOf = (t: TestContext, test: TestHub) => openDocument(t, test, '.meshbook/tree').getMap<unknown>('files')
const list = (test: TestHub, query = '') =>
  test.json<{ items: FileInfo[]; next?: string }>('GET', `/files?project=${test.project.id}${query}`)
const put = (test: TestHub, body: Buffer, headers: Record<string, string> = {}) =>
  fetch(`${test.hub.url}/api/v1/assets/${idOf(bytes)}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${test.token}`, ...headers },
    body: body as Uint8Array<ArrayBuffer>,
  })

test('FL1 files of the tree are listed by path in pages; what no device would make a file of is not', async t => {
  const test = await startTestHub(t)
  const files = treeOf(t, test)
  const id = newEntry()
  files.doc!.transact(() => {
    files.set(id, entry('data/table.csv'))
    files.set(newEntry(), entry('a.bin'))
    files.set(newEntry(), { ...entry('gone.bin'), deletedAt: 3 })
    files.set(newEntry(), { ...entry('no-hash.bin'), asset: '../../etc/passwd' })
    files.set(newEntry(), { ...entry('negative.bin'), bytes: -1 })
    files.set(newEntry(), entry('.git/config'))
    files.set(newEntry(), entry('../out.bin'))
    files.set(newEntry(), { path: 'note.md', kind: 'document' })
    files.set(newEntry(), 'nonsense')
  })
  await until(async () => (await list(test)).items.length === 2)
  const { items } = await list(test)
  const told = { project: test.project.id, asset: idOf(bytes), bytes: bytes.length, by: 'anvil', at: 5 }
  assert.deepEqual(
    items.map(({ id: _, ...file }) => file),
    [
      { ...told, path: 'a.bin' },
      { ...told, path: 'data/table.csv' },
    ],
  )
  const first = await list(test, '&limit=1')
  assert.equal(first.items[0]?.path, 'a.bin')
  const second = await list(test, `&limit=1&cursor=${first.next}`)
  assert.deepEqual([second.items[0]?.id, second.next], [id, undefined])
  const other = newId('project', Date.now(), systemRandom)
  assert.equal((await test.api('GET', `/files?project=${other}`)).status, 404)
})

test('FL2 a changed file is told to pages, once for many changes', async t => {
  const test = await startTestHub(t)
  const files = treeOf(t, test)
  const stream = await test.api('GET', '/events')
  let text = ''
  const reading = (async () => {
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })().catch(() => undefined)
  for (let n = 0; n < 20; n++) files.set(newEntry(), entry(`${n}.csv`))
  await until(async () => (await list(test)).items.length === 20)
  const told = () => text.match(/event: files\n/g)?.length ?? 0
  await until(() => told() > 0)
  assert.ok(told() <= 2, `${told()}`)
  await test.hub.close()
  await reading
})

test('FL3 a file says whether its bytes are here, and how many of them have come so far', async t => {
  const test = await startTestHub(t)
  const files = treeOf(t, test)
  const id = newEntry()
  files.set(id, entry('table.csv'))
  await until(async () => (await list(test)).items.length === 1)
  const state = async () => {
    const { stored, arrived } = await test.json<FileState>('GET', `/files/${id}`)
    return [stored, arrived]
  }
  assert.deepEqual(await state(), [false, 0])
  await put(test, bytes.subarray(0, 3), { 'upload-offset': '0', 'upload-length': String(bytes.length) })
  assert.deepEqual(await state(), [false, 3])
  await put(test, bytes.subarray(3), { 'upload-offset': '3', 'upload-length': String(bytes.length) })
  assert.deepEqual(await state(), [true, bytes.length])
  assert.equal((await test.api('GET', `/files/${newEntry()}`)).status, 404)
})

test('AS8 with a name an asset is a download under it, by ranges too; type and sandbox stay (S9)', async t => {
  const test = await startTestHub(t)
  await put(test, bytes)
  const answer = await test.api('GET', `/assets/${idOf(bytes)}?name=data/t%C3%A4glich%22.csv`, undefined, {
    range: 'bytes=4-',
  })
  assert.deepEqual([answer.status, await answer.text()], [206, '1,2\n'])
  assert.equal(
    answer.headers.get('content-disposition'),
    `attachment; filename="t_glich_.csv"; filename*=UTF-8''t%C3%A4glich_.csv`,
  )
  assert.equal(answer.headers.get('content-type'), 'application/octet-stream')
  assert.match(answer.headers.get('content-security-policy')!, /sandbox/)
})

test('AS8 no name can end the header, leave its folder, hide itself or lose its ending', () => {
  assert.equal(attachmentNamed('a"\r\nset-cookie: x=1.csv'), 'attachment; filename="a___set-cookie_ x=1.csv"')
  assert.equal(attachmentNamed('../../.profile'), 'attachment; filename="profile"')
  assert.equal(attachmentNamed('gpj.\u202eexe'), 'attachment; filename="gpj._exe"')
  assert.equal(attachmentNamed('..'), 'attachment; filename="file"')
  assert.match(attachmentNamed(`${'x'.repeat(400)}.tar.gz`), /^attachment; filename="x{197}\.gz"$/)
  assert.doesNotThrow(() => new Headers({ 'content-disposition': attachmentNamed(`${'😀'.repeat(300)}\ud800.csv`) }))
})
