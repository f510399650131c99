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

test('a line that one side continued or cut short stays that line, whatever stands before it', () => {
  const base = 'start\nthe line itself\nend\n'
  assert.equal(
    merged(base, 'start\nthe changed line itself\nend\n', 'start\nanother\nsay, the line itself\nend\n'),
    'start\nanother\nsay, the changed line itself\nend\n',
  )
  const longer = 'start\nthe line itself, and much that was typed behind it\nend\n'
  assert.equal(merged(longer, 'start\nmine\nthe line itself\nend\n', base), 'start\nmine\nthe line itself\nend\n')
})

test('a hunk of any size becomes what it became', () => {
  const line = fc.constantFrom('one line of text', 'one line of text and more', 'before: one line of text', 'x', '')
  const text = fc.array(line, { maxLength: 12 }).map(lines => lines.join('\n'))
  fc.assert(fc.property(text, text, (from, to) => assert.equal(merged(from, to, from), to)))
})
