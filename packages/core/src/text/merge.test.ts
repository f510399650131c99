import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyEdits } from '../notebook/edits.ts'
import { mergeEdits } from './merge.ts'

const merged = (base: string, mine: string, theirs: string) => applyEdits(theirs, mergeEdits(base, mine, theirs))

test('edits of different lines both survive', () => {
  assert.equal(merged('a\nb\nc\n', 'A\nb\nc\n', 'a\nb\nC\n'), 'A\nb\nC\n')
  assert.equal(merged('a\nb\n', 'a\nmine\nb\n', 'a\nb\ntheirs\n'), 'a\nmine\nb\ntheirs\n')
})

test('lines written on both sides at one place both survive', () => {
  const text = merged('a\nz\n', 'a\nmine\nz\n', 'a\ntheirs\nz\n')
  assert.ok(text === 'a\nmine\ntheirs\nz\n' || text === 'a\ntheirs\nmine\nz\n')
})

test('without edits of mine theirs stays as it is, and without edits of theirs it becomes mine', () => {
  const text = fc.array(fc.constantFrom('a', 'b', '', 'longer line', 'ä€𝒳')).map(lines => lines.join('\n'))
  fc.assert(
    fc.property(text, text, (base, other) => {
      assert.equal(merged(base, base, other), other)
      assert.equal(merged(base, other, base), other)
    }),
  )
})
