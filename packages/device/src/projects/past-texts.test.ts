import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import fc from 'fast-check'
import {
  insertPast,
  isKnown,
  nearestText,
  type PastTexts,
  remember,
  textsBefore,
  unremember,
  wasText,
} from './past-texts.ts'

function pastOf(texts: readonly string[]): { base: string; past: PastTexts } {
  let past: PastTexts = []
  texts.forEach((text, i) => {
    if (i > 0) past = remember(past, texts[i - 1]!, text, 0, limits)
  })
  return { base: texts.at(-1)!, past }
}

const line = fc.constantFrom('', 'one\n', 'two\n', 'three three\n', '}\n', 'x = 1\n', 'end')
const text = fc.array(line, { maxLength: 8 }).map(lines => lines.join(''))

test('DV43 former texts are kept exactly, newest first, within their caps', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 12 }), texts => {
      const { base, past } = pastOf(texts)
      const distinct = texts.filter((it, i) => i === 0 || it !== texts[i - 1])
      assert.deepEqual([...textsBefore(base, past)], distinct.slice(0, -1).toReversed())
      assert.ok(texts.every(it => wasText(it, base, past)))
    }),
  )
  const many = pastOf(Array.from({ length: 1_000 }, (_, i) => `${i}\n`))
  assert.equal(many.past.length, limits.pastTexts)
  assert.deepEqual([...textsBefore('y', remember(many.past, 'x'.repeat(limits.pastTextBytes), 'y', 0, limits))], [])
  assert.deepEqual([...textsBefore('b', remember(many.past, 'a', 'b', limits.pastTextMs + 1, limits))], ['a'])
})

test('DV24 the newest of those beyond the caps are still known', () => {
  const large = 'x'.repeat(limits.pastTextBytes)
  const { past } = pastOf(Array.from({ length: 1_000 }, (_, i) => `${i}\n`))
  const known = remember(past, large, 'y', 0, limits)
  for (const text of [large, '998\n', '990\n']) assert.ok(isKnown(text, 'y', known), text.slice(0, 4))
  assert.ok(!isKnown('900\n', 'y', known))
  assert.ok(!isKnown('other', 'y', known))
  const later = remember(known, 'y', 'z', limits.pastTextMs + 1, limits)
  for (const text of ['y', large, '998\n']) assert.ok(isKnown(text, 'z', later), text.slice(0, 4))
  assert.deepEqual(unremember(later, 'y', 'z'), known.slice(0, -1))
  assert.ok(isKnown('998\n', 'z', insertPast(later.slice(1), 'z', 'found', 0, limits)))
})

test('DV43 a text that the file never got is taken back, one found later stands before the newest', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 2, maxLength: 6 }), text, (texts, other) => {
      const { base, past } = pastOf(texts)
      const more = remember(past, base, other, 0, limits)
      if (other !== base) assert.deepEqual(unremember(more, base, other), past)
      const inserted = insertPast(past, base, other, 0, limits)
      assert.ok(wasText(other, base, inserted))
      for (const before of textsBefore(base, past)) assert.ok(wasText(before, base, inserted))
    }),
  )
})

test('DV43 who saves an older buffer with an edit of their own started from that buffer', () => {
  const stream = Array.from(
    { length: 40 },
    (_, i) => `start\n${Array.from({ length: i }, (_, n) => `output ${n}\n`).join('')}end\n`,
  )
  const { base, past } = pastOf(stream)
  for (const older of stream) {
    assert.equal(nearestText(older.replace('start\n', 'start\nmine\n'), base, past), older)
    assert.equal(nearestText(older.replace('end\n', 'the end\n'), base, past), older)
  }
})

test('DV43 who has seen what came later and removed it meant it, and so did who returns to a former text', () => {
  const stream = Array.from(
    { length: 10 },
    (_, i) => `start\n${Array.from({ length: i }, (_, n) => `output ${n}\n`).join('')}end\n`,
  )
  const { base, past } = pastOf(stream)
  assert.equal(nearestText('start\noutput 8\nend\nmine\n', base, past), base)
  assert.equal(nearestText(stream[3]!, base, past), base)
})

test('DV43 no text from before somebody saved is the base of a later save', () => {
  const first = pastOf(['one\ntwo\nthree\n', 'output\none\ntwo\nthree\n'])
  const torn = remember(first.past, first.base, 'ou', 0, limits, true)
  const past = remember(torn, 'ou', 'ou\nmore output\n', 0, limits)
  assert.equal(nearestText('output\none\ntwo\nthree\nmine\n', 'ou\nmore output\n', past), 'ou')
})
