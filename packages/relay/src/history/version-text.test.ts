import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import fc from 'fast-check'
import { type KnownText, readText, type StoredText, storeText } from './version-text.ts'

const known = (stored: StoredText, text: string): KnownText => ({ hash: stored.hash, depth: stored.depth, text })

test('any text is read back as it was, on any chain (HI10)', async () => {
  const text = fc
    .array(fc.constantFrom('line one', 'line two', '', '\r', 'ä€𝒳', 'x'.repeat(200)))
    .map(l => l.join('\n'))
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 8 }), async texts => {
      const chain: StoredText[] = []
      let base: KnownText | undefined
      for (const next of texts) {
        const stored = await storeText(next, base)
        if (stored.base === null) chain.length = 0
        chain.push(stored)
        assert.equal(await readText(chain), next)
        base = known(stored, next)
      }
    }),
    { numRuns: 50 },
  )
})

test('a chain has at most so many differences, then a whole text again (HI10)', async () => {
  let text = 'some line of a note\n'.repeat(200)
  let base: KnownText | undefined
  const depths: number[] = []
  for (let i = 0; i < limits.historyChainDepth * 2 + 3; i++) {
    text += `${i}\n`
    const stored = await storeText(text, base)
    depths.push(stored.depth)
    base = known(stored, text)
  }
  assert.equal(Math.max(...depths), limits.historyChainDepth)
  assert.equal(depths.filter(depth => depth === 0).length, 3)
})

test('a text that was damaged on the disk is not handed out (HI10)', async () => {
  const [whole, other] = [await storeText('one\n', undefined), await storeText('two\n', undefined)]
  await assert.rejects(readText([{ ...whole, data: other.data }]), /not what was stored/)
  await assert.rejects(readText([]), /not what was stored/)
})
