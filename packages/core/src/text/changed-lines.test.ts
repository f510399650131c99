import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyEdits } from '../notebook/edits.ts'
import { changedLines } from './changed-lines.ts'
import { editsBetween, hunksBetween, linesOf } from './edits.ts'

const text = fc
  .array(fc.constantFrom('a', 'b', '\n', 'a\n', 'line\n', '\r\n'), { maxLength: 14 })
  .map(all => all.join(''))

test('what is between are the very lines that a comparison line by line finds', () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const changed = changedLines(before, after)
      const [old, now] = [linesOf(before), linesOf(after)]
      let head = 0
      while (head < old.length && head < now.length && old[head] === now[head]) head++
      let tail = 0
      while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++
      assert.deepEqual(linesOf(changed.before), old.slice(head, old.length - tail))
      assert.deepEqual(linesOf(changed.after), now.slice(head, now.length - tail))
      if (before !== after) assert.equal(changed.from, old.slice(0, head).join('').length)
      assert.equal(applyEdits(before, editsBetween(before, after)), after)
    }),
    { numRuns: 5_000, seed: 3 },
  )
})

test('a small change of a long text is found without its lines', () => {
  const lines = Array.from({ length: 200_000 }, (_, at) => `line ${at} of a long text\n`)
  const before = lines.join('')
  const after = before.replace('line 90000 ', 'line 90000x ').replace('line 90002 ', '')
  const changed = changedLines(before, after)
  assert.equal(linesOf(changed.before).length, 3)
  const whole = hunksBetween(lines, linesOf(after))
  const part = hunksBetween(linesOf(changed.before), linesOf(changed.after))
  assert.deepEqual(
    part,
    whole.map(({ from, to, lines }) => ({ from: from - 90_000, to: to - 90_000, lines })),
  )
})
