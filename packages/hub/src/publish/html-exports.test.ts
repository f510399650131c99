import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { fromIpynb } from '@meshbook/core/formats/ipynb/from-ipynb.ts'
import { type RawAnswer, rawRequest } from '../testing/raw-request.ts'
import { startTestHub, type TestHub, type TestHubOptions } from '../testing/test-hub.ts'

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII='
const imported = fromIpynb(
  JSON.stringify({
    cells: [
      { cell_type: 'markdown', id: 'a', metadata: {}, source: ['# Of Jupyter'] },
      {
        cell_type: 'code',
        execution_count: 1,
        id: 'b',
        metadata: {},
        outputs: [
          {
            data: { 'text/html': ['<table><tr><td>cell of a table</td></tr></table>'], 'text/plain': ['plain words'] },
            execution_count: 1,
            metadata: {},
            output_type: 'execute_result',
          },
          { data: { 'image/png': png, 'text/plain': ['a picture'] }, metadata: {}, output_type: 'display_data' },
        ],
        source: ['x'],
      },
    ],
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5,
  }),
)

const put = ({ hub, token }: TestHub, id: string, body: Uint8Array): Promise<RawAnswer> =>
  rawRequest(`${hub.url}/api/v1/assets/${id}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: Buffer.from(body),
  })

async function start(t: TestContext, content: string, options: TestHubOptions = {}) {
  const test = await startTestHub(t, options)
  const { id } = await test.document('notes/über x.md', content)
  const read = (query: string) => test.api('GET', `/documents/${id}/export?${query}`)
  return { test, id, read }
}

test('FM44 FM25 a document is exported as one file of HTML: pictures inside, imported tables shown, nothing runs', async t => {
  const { test, read } = await start(t, imported.markdown)
  for (const [id, bytes] of imported.assets) await put(test, id, bytes)
  const answer = await read('to=html')
  assert.equal(answer.status, 200)
  const html = await answer.text()
  assert.match(html, /cell of a table/)
  assert.ok(!html.includes('plain words'), 'the table stands in the place of its words')
  assert.equal(html.split(`data:image/png;base64,${png}`).length - 1, 1, 'the picture is there, and once')
  assert.ok(!/<script|asset:sha256|\/api\/v1/.test(html))
  assert.equal(answer.headers.get('x-missing-assets'), '')
  assert.match(answer.headers.get('content-disposition')!, /^attachment; filename="_ber x.html"; filename\*=UTF-8''/)
  assert.match(answer.headers.get('content-security-policy')!, /^sandbox; default-src 'none'/)
  const bare = await (await read('to=html&outputs=no')).text()
  assert.ok(!bare.includes('cell of a table') && !bare.includes('data:image/png'))
  assert.match(bare, /Of Jupyter/)
})

test('FM44 what the hub does not have is named in its place and counted; pictures beyond the cap too', async t => {
  const bytes = Buffer.from(png, 'base64')
  const id = `sha256-${createHash('sha256').update(bytes).digest('hex')}`
  const gone = `sha256-${'0'.repeat(64)}`
  const { test, read } = await start(t, `# P\n\n![here](asset:${id})\n\n![gone](asset:${gone})\n`)
  await put(test, id, bytes)
  const answer = await read('to=html')
  assert.equal(answer.headers.get('x-missing-assets'), gone)
  const html = await answer.text()
  assert.ok(html.includes(`data:image/png;base64,${png}`))
  assert.ok(!html.includes(gone))
})

test('FM44 a text that is too long to be drawn is there whole, as text; other formats are refused', async t => {
  const long = `# Long\n\n${'words and words\n'.repeat(300_000)}THE END\n`
  const { test, id, read } = await start(t, '# Long\n')
  const put = await test.api('GET', `/documents/${id}/export?to=pdf`)
  assert.deepEqual([put.status, ((await put.json()) as { code: string }).code], [400, 'BAD_REQUEST'])
  assert.equal((await read('to=html&outputs=some')).status, 400)
  const path = `/projects/${test.project.id}/documents?path=long.md`
  const made = await fetch(`${test.hub.url}/api/v1${path}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${test.token}`, 'content-type': 'text/markdown' },
    body: long,
  })
  const document = (await made.json()) as { id: string }
  const html = await (await test.api('GET', `/documents/${document.id}/export?to=html`)).text()
  assert.match(html, /THE END/)
})

test('FM25 PB4 a published page shows what imported outputs hold, and gives their pictures', async t => {
  const { test, id } = await start(t, imported.markdown)
  for (const [asset, bytes] of imported.assets) await put(test, asset, bytes)
  await test.json('PUT', `/publications/${id}`, { mode: 'continuous' })
  const { items } = await test.json<{ items: { url: string }[] }>('GET', `/publications?project=${test.project.id}`)
  const page = await (await fetch(items[0]!.url)).text()
  assert.match(page, /cell of a table/)
  const [, src] = /<img src="([^"]+)"/.exec(page)!
  const picture = await fetch(test.hub.url + src)
  assert.deepEqual([picture.status, Buffer.from(await picture.arrayBuffer()).toString('base64')], [200, png])
})
