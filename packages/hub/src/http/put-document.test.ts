import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { DocumentInfo, Version } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import { startTestHub } from '../testing/test-hub.ts'

async function start(t: TestContext) {
  const test = await startTestHub(t)
  const put = async (query: string, body: string | Uint8Array<ArrayBuffer>, type = 'text/markdown; charset=utf-8') => {
    const answer = await fetch(`${test.hub.url}/api/v1/projects/${test.project.id}/documents?${query}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${test.token}`, 'content-type': type },
      body,
    })
    return { status: answer.status, said: (await answer.json()) as DocumentInfo & { code?: string } }
  }
  const content = async (id: string) => (await test.api('GET', `/documents/${id}/content`)).text()
  return { test, put, content }
}

test('FM52 a text far above the body of a request becomes a document, character for character', async t => {
  const { put, content } = await start(t)
  const text = `\ufeff# Größe\r\n${'line of a notebook 𝄞\n'.repeat(300_000)}`
  assert.ok(Buffer.byteLength(text) > 6 * limits.requestBodyBytes)
  const { status, said } = await put('path=large.md', text)
  assert.deepEqual([status, said.path], [201, 'large.md'])
  assert.ok((await content(said.id)) === text.slice(1), 'but for its mark, which `text()` takes away')
})

test('FM52 a path that is taken is kept, unless replacing is asked for: then it is a change of the document there', async t => {
  const { test, put, content } = await start(t)
  const { said: first } = await put('path=a.md', '# Mine\n\nkept line\n\nold words\n')
  const refused = await put('path=a.md', '# Other\n')
  assert.deepEqual([refused.status, refused.said.code], [409, 'WOULD_OVERWRITE'])
  const cased = await put('path=A.md&replace=yes', '# Other\n')
  assert.deepEqual([cased.status, cased.said.code], [409, 'CONFLICT'])
  assert.match(await content(first.id), /old words/)

  const { status, said } = await put('path=a.md&replace=yes', '# Mine\n\nkept line\n\nnew words\n')
  assert.deepEqual([status, said.id], [200, first.id])
  assert.equal(await content(first.id), '# Mine\n\nkept line\n\nnew words\n')
  const { items } = await test.json<{ items: Version[] }>('GET', `/documents/${first.id}/versions`)
  const texts = await Promise.all(
    items.map(async ({ version }) => (await test.api('GET', `/documents/${first.id}/versions/${version}`)).text()),
  )
  assert.deepEqual(texts, ['# Mine\n\nkept line\n\nnew words\n', '# Mine\n\nkept line\n\nold words\n'])
  await put('path=a.md&replace=yes', '# Mine\n\nkept line\n\nnew words\n')
  const again = await test.json<{ items: Version[] }>('GET', `/documents/${first.id}/versions`)
  assert.equal(again.items.length, 2, 'the same text again changes nothing')
})

test('FM52 what is too large, no Markdown text or no path is refused, and nothing is left of it', async t => {
  const { test, put } = await start(t)
  const tooLarge = await put('path=b.md', 'x'.repeat(limits.documentBytes + 1))
  assert.deepEqual([tooLarge.status, tooLarge.said.code], [413, 'TOO_LARGE'])
  const fits = await put('path=full.md', 'x'.repeat(limits.documentBytes))
  assert.deepEqual(
    [fits.status, fits.said.code],
    [413, 'TOO_LARGE'],
    'with what stands beside the text it is too large',
  )
  assert.equal((await put('path=b.md', 'x', 'text/plain')).said.code, 'BAD_REQUEST')
  assert.equal((await put('path=b.md', Uint8Array.of(0xff, 0xfe))).said.code, 'BAD_REQUEST')
  assert.equal((await put('path=../b.md', 'x')).said.code, 'BAD_PATH')
  assert.equal((await put('', 'x')).said.code, 'BAD_PATH')
  const { items } = await test.json<{ items: unknown[] }>('GET', `/documents?project=${test.project.id}`)
  assert.deepEqual(items, [])
})
