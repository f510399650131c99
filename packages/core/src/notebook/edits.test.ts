import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyEdits, type Edit } from './edits.ts'

test('edits are of the text as it was, so one does not move the place of another', () => {
  const edits = [
    { at: 0, remove: 1, insert: 'XY' },
    { at: 2, remove: 0, insert: '-' },
    { at: 4, remove: 2, insert: '' },
  ]
  assert.equal(applyEdits('abcdef', edits), 'XYb-cd')
  assert.equal(applyEdits('abc', []), 'abc')
})

const edits = fc.array(fc.tuple(fc.nat(5), fc.nat(3), fc.string({ maxLength: 3 })), { maxLength: 5 }).map(steps => {
  let at = 0
  return steps.map(([gap, remove, insert]): Edit => {
    const edit = { at: at + gap, remove, insert }
    at = edit.at + remove
    return edit
  })
})

test('applied one by one from the last to the first they give the same text', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 40, maxLength: 60 }), edits, (text, list) => {
      const oneByOne = list.reduceRight(
        (now, { at, remove, insert }) => now.slice(0, at) + insert + now.slice(at + remove),
        text,
      )
      assert.equal(applyEdits(text, list), oneByOne)
    }),
  )
})
