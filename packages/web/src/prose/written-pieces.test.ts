import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writtenPieces } from './written-pieces.ts'

test('OU15 the pieces of a text are the text, end after lines and words, and cut no character', () => {
  const texts = ['', 'short', 'lorem ipsum '.repeat(9_000), `${'a line\n'.repeat(9_000)}end`, '🧊'.repeat(30_000)]
  for (const text of texts) {
    const pieces = writtenPieces(text)
    assert.equal(pieces.join(''), text)
    for (const piece of pieces) {
      assert.ok(piece.length > 0 && piece.length <= 16_384)
      assert.ok(piece.isWellFormed())
    }
  }
  const words = writtenPieces('lorem ipsum '.repeat(9_000)).slice(0, -1)
  assert.ok(words.every(piece => piece.endsWith(' ')))
  const lines = writtenPieces('a line\n'.repeat(9_000))
  assert.ok(lines.every(piece => piece.endsWith('\n')))
})
