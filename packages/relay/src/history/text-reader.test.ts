import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import * as Y from 'yjs'
import { TextReader } from './text-reader.ts'

function typed(words: readonly string[]): Uint8Array[] {
  const doc = new Y.Doc()
  const pieces: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => pieces.push(update))
  for (const word of words) doc.getText('content').insert(doc.getText('content').length, word)
  return pieces
}

test('the text at several points of a log is the same read here and in the thread (HI2)', async t => {
  const reader = new TextReader(limits)
  t.after(() => reader.close())
  const small = { pieces: typed(['a', 'b', 'c']), ends: [0, 1, 3] }
  assert.deepEqual(await reader.texts(small), ['', 'a', 'abc'])
  const big = 'x'.repeat(limits.updateInlineBytes)
  const large = { pieces: typed([big, 'y', 'z']), ends: [1, 2, 3] }
  const both = await Promise.all([reader.texts(large), reader.texts(large)])
  for (const texts of both) assert.deepEqual(texts, [big, `${big}y`, `${big}yz`])
})

test('what cannot be read is an error for who asked, and for nobody after', async t => {
  const reader = new TextReader(limits)
  t.after(() => reader.close())
  const broken = { pieces: [new Uint8Array(limits.updateInlineBytes + 1).fill(255)], ends: [1] }
  await assert.rejects(reader.texts(broken), /cannot be read/)
  const big = 'x'.repeat(limits.updateInlineBytes)
  assert.deepEqual(await reader.texts({ pieces: typed([big]), ends: [1] }), [big])
})

test('closing answers those who wait', async () => {
  const reader = new TextReader(limits)
  const asked = reader.texts({ pieces: typed(['x'.repeat(limits.updateInlineBytes)]), ends: [1] })
  const refused = assert.rejects(asked, /SHUTTING_DOWN|shutting down/)
  await reader.close()
  await refused
})
