import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LongText } from './long-text.ts'
import { applyChanges, type Change } from './text-delta.ts'

const edits = fc.array(
  fc.record({ at: fc.nat(60), remove: fc.nat(5), insert: fc.string({ maxLength: 4 }), look: fc.nat(60) }),
  { maxLength: 60 },
)

test('NB61 a text in pieces reads as the text it is after any edits', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), edits, (start, list) => {
      let text = start
      let pieces = new LongText([start])
      for (const { at, remove, insert, look } of list) {
        const from = Math.min(at, text.length)
        const changes: Change[] = [{ from, to: Math.min(text.length, from + remove), insert }]
        text = applyChanges(text, changes)
        pieces = pieces.changed(changes)
        assert.equal(pieces.slice(look, look + 7), text.slice(look, look + 7))
        assert.equal(pieces.length, text.length)
      }
      assert.equal(pieces.slice(0), text)
      assert.equal(pieces.toString(), text)
    }),
    { numRuns: 500, seed: 9 },
  )
})

test('NB61 an edit of a long text copies little of it', () => {
  const long = 'x'.repeat(20_000_000)
  let text = new LongText([long])
  const started = performance.now()
  for (let at = 0; at < 300; at++) text = text.changed([{ from: 9_000_000 + at, to: 9_000_000 + at, insert: 'y' }])
  const took = performance.now() - started
  assert.equal(text.slice(8_999_999, 9_000_002), 'xyy')
  // Copying it whole each time would be six gigabytes.
  assert.ok(took < 1_000, `300 edits took ${took} ms`)
})
