import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf } from './file-text.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test('W40 what is text is shown as text, also when the last character is cut; anything else is not', () => {
  assert.equal(textOf(bytes('a,ä\n'), false), 'a,ä\n')
  assert.equal(textOf(bytes('a😀').subarray(0, 3), true), 'a')
  assert.equal(textOf(bytes('a😀').subarray(0, 3), false), undefined)
  assert.equal(textOf(bytes('a\0b'), false), undefined)
  assert.equal(textOf(new Uint8Array([0x89, 0x50, 0x4e, 0x47]), true), undefined)
  assert.equal(textOf(new Uint8Array(), false), '')
})
