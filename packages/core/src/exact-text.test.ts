import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { exactParts, exactText } from './exact-text.ts'

test('S18 what cannot be seen, or turns text around, is shown by its number', () => {
  assert.equal(exactText('rm -rf /\u202e gnp.txt\n\tdone'), 'rm -rf /⟨U+202E⟩ gnp.txt\n\tdone')
  assert.equal(
    exactText('a\u0000\u001b[2K\r\u200b\u00a0\ufeff'),
    'a⟨U+0000⟩⟨U+001B⟩[2K⟨U+000D⟩⟨U+200B⟩⟨U+00A0⟩⟨U+FEFF⟩',
  )
  assert.equal(exactText('\ud800 日本 ü 🎈'), '⟨U+D800⟩ 日本 ü 🎈')
})

test('S18 texts that differ look different', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      if (a !== b) assert.notDeepEqual(exactParts(a), exactParts(b))
      assert.doesNotMatch(exactText(a), /[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/)
    }),
  )
})

test('S18 PH41 what looks like another character is shown with its number, and what is of its own script is left alone', () => {
  assert.equal(exactText('rm -rf /hоme'), 'rm -rf /hо⟨U+043E⟩me')
  assert.equal(exactText('run сору now'), 'run с⟨U+0441⟩о⟨U+043E⟩р⟨U+0440⟩у⟨U+0443⟩ now')
  assert.equal(exactText('a；b ∕ 𝚛m'), 'a；⟨U+FF1B⟩b ∕⟨U+2215⟩ 𝚛⟨U+1D69B⟩m')
  for (const text of [
    'Привет, а сор у дома',
    'git commit -m Исправил',
    'Δx = 3 μm, naïve',
    'x² ≤ 5 “so” – yes',
    '日本ab',
  ])
    assert.equal(exactText(text), text)
})
