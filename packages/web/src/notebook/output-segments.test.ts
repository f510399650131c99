import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentsOf, withoutPrompt, withoutTail } from './output-segments.ts'

const inline = (mimeType: string, data: string) => ({ at: 'inline' as const, mimeType, data })
const table = { parts: [inline('text/html', '<table>'), inline('text/plain', 'a b\n1 2')] }

test('a display stands where its plain text stood', () => {
  assert.deepEqual(segmentsOf('before\na b\n1 2\nafter', [table]), [
    { text: 'before' },
    { display: table },
    { text: 'after' },
  ])
  assert.deepEqual(segmentsOf('a b\n1 2', [table]), [{ display: table }])
})

test('two equal displays take two places, and a part of a line is no place', () => {
  assert.deepEqual(segmentsOf('a b\n1 2\nx\na b\n1 2', [table, table]), [
    { display: table },
    { text: 'x' },
    { display: table },
  ])
  assert.deepEqual(segmentsOf('xa b\n1 2', [table]), [{ text: 'xa b\n1 2' }, { display: table }])
})

test('a display without text in the document comes after the text', () => {
  const image = {
    parts: [
      { at: 'asset' as const, mimeType: 'image/png', asset: `sha256-${'a'.repeat(64)}`, bytes: 1 },
      inline('text/plain', '<Figure>'),
    ],
  }
  assert.deepEqual(segmentsOf('hello', [image]), [{ text: 'hello' }, { display: image }])
})

test('a traceback at the end of the text is not shown twice, even when it is coloured', () => {
  assert.equal(withoutTail('out\n\u001b[31mTraceback\u001b[0m\nValueError: x', 'Traceback\nValueError: x\n'), 'out')
  assert.equal(withoutTail('Traceback\nValueError: y', 'Traceback\nValueError: x'), 'Traceback\nValueError: y')
  assert.equal(withoutTail('out', ''), 'out')
})

test('a prompt is asked once', () => {
  assert.equal(withoutPrompt('hello\nName: ', 'Name: '), 'hello')
  assert.equal(withoutPrompt('hello', undefined), 'hello')
})

test('OU11 a display stands where the device says, whatever its plain text', () => {
  const image = { parts: [{ at: 'asset' as const, mimeType: 'image/png', asset: 'a', bytes: 1 }], at: 2, chars: 0 }
  const bars = { parts: [{ at: 'inline' as const, mimeType: 'text/html', data: '' }], at: 4, chars: 3 }
  assert.deepEqual(segmentsOf('a\nb\nbar\nc', [image, bars]), [
    { text: 'a' },
    { display: image },
    { text: 'b' },
    { display: bars },
    { text: 'c' },
  ])
})

test('OU11 a place that is none, as after an edit of the block, is not believed', () => {
  const display = {
    parts: [
      { at: 'inline' as const, mimeType: 'text/html', data: '<b>' },
      { at: 'inline' as const, mimeType: 'text/plain', data: 'plain' },
    ],
    at: 3,
    chars: 5,
  }
  assert.deepEqual(segmentsOf('edited\nplain\nrest', [display]), [{ text: 'edited' }, { display }, { text: 'rest' }])
  assert.deepEqual(segmentsOf('', [{ ...display, at: 900 }]), [{ display: { ...display, at: 900 } }])
})
