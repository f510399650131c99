import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentOf, LineReader } from './lines.ts'

function linesOf(text: string): string[] {
  const reader = new LineReader(text)
  const found: string[] = []
  for (let line = reader.next(); line; line = reader.next()) found.push(contentOf(text, line))
  return found
}

test('lines end with LF, CRLF or a lone CR, mixed as they come', () => {
  assert.deepEqual(linesOf('a\nb\r\nc\rd'), ['a', 'b', 'c', 'd'])
  assert.deepEqual(linesOf('\r\r\n\n\r'), ['', '', '', ''])
  assert.deepEqual(linesOf('a\n\r\nb'), ['a', '', 'b'])
  assert.deepEqual(linesOf(''), [])
})

test('a reader that is asked for one line does not look further than that', () => {
  const looked: number[] = []
  const text = `${'x'.repeat(20)}\n${'y'.repeat(100_000)}`
  // Counts how far pieces of it are read.
  const watched = Object.assign(Object(text), {
    slice(from: number, to: number) {
      looked.push(to)
      return text.slice(from, to)
    },
    indexOf(char: string, from: number) {
      const at = text.indexOf(char, from)
      looked.push(at < 0 ? text.length : at)
      return at
    },
  }) as string
  assert.deepEqual(new LineReader(watched).next(), { from: 0, to: 20, next: 21 })
  assert.ok(Math.max(...looked) <= 21, `looked at ${Math.max(...looked)}`)
})
