import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { carryOf, chunksOf, countLines, foldOf } from './text-chunks.ts'

const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `line ${from + n}\n`).join('')

test('the pieces of a text joined are the text, and a growing text keeps the pieces that stand', () => {
  let before = chunksOf('')
  for (const end of [10, 100, 250, 251, 400]) {
    const text = lines(0, end)
    const after = chunksOf(text, before)
    assert.equal(after.map(chunk => chunk.text).join(''), text)
    for (const [at, chunk] of before.slice(0, -1).entries()) assert.equal(after[at], chunk)
    before = after
  }
})

test('a text that changes anywhere is cut the same as if it were new', () => {
  fc.assert(
    fc.property(fc.nat(500), fc.nat(500), fc.nat(5000), (a, b, at) => {
      const text = lines(0, b)
      const changed = `${text.slice(0, at)}\u001b[31mred${text.slice(at)}`
      assert.deepEqual(chunksOf(changed, chunksOf(lines(0, a))), chunksOf(changed))
    }),
    { numRuns: 100, seed: 2 },
  )
})

test('a colour goes on over pieces until it is reset', () => {
  const chunks = chunksOf(`\u001b[1;31m${lines(0, 100)}\u001b[0m${lines(100, 300)}`)
  assert.equal(chunks[1]!.carry, '\u001b[1;31m')
  assert.equal(chunks[2]!.carry, '')
  assert.equal(carryOf('\u001b[31ma\u001b[42mb'), '\u001b[31m\u001b[42m')
})

test('a long text is folded to its beginning and end, and the count of what is hidden is right', () => {
  assert.equal(foldOf(lines(0, 60)), undefined)
  for (const text of [lines(0, 4000), lines(0, 4000).trimEnd()]) {
    const fold = foldOf(text)!
    assert.ok(fold.head.startsWith('line 0\n') && fold.tail.trimEnd().endsWith('line 3999'))
    assert.equal(countLines(fold.head) + countLines(fold.tail) + fold.hidden, 4000)
  }
})
