import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baseColour, classesOf, otherColour, styledPieces } from './styled-text.ts'

const seen = (text: string) =>
  styledPieces(text).map(({ text, style }) =>
    [text, ...classesOf(style), style.foreground, style.background].join(' ').trim(),
  )

test('text is cut where its style changes', () => {
  assert.deepEqual(seen('a\u001b[1;31mb\u001b[0mc'), ['a', 'b ansi-bold 31', 'c'])
  assert.deepEqual(seen('\u001b[3;4;9;44mb\u001b[md'), ['b ansi-italic ansi-underline ansi-strikethrough  44', 'd'])
  assert.deepEqual(seen(''), [])
})

test('other sequences are left out', () => {
  assert.deepEqual(seen('a\u001b[2Kb\u001b[?25lc'), ['a', 'b', 'c'])
})

test('colours are one of eight, of the palette, or their own', () => {
  assert.deepEqual(['31', '91', '47', '38;5;1', '48;5;9', '38;5;208', '38;2;1;2;3', ''].map(baseColour), [
    1,
    1,
    7,
    1,
    1,
    undefined,
    undefined,
    undefined,
  ])
  assert.deepEqual(['38;5;208', '48;5;232', '38;2;1;2;3', '38;5;3', '31', ''].map(otherColour), [
    [255, 135, 0],
    [8, 8, 8],
    [1, 2, 3],
    undefined,
    undefined,
    undefined,
  ])
})
