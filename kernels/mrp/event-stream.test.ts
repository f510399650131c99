import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EventStream, type StreamEvent } from './event-stream.ts'

function read(text: string, cuts: readonly number[] = [], maxChars = 1_000): StreamEvent[] {
  const stream = new EventStream(maxChars)
  const bytes = Buffer.from(text)
  const places = [0, ...[...cuts].sort((a, b) => a - b).filter(at => at < bytes.length), bytes.length]
  return places.slice(1).flatMap((to, i) => [...stream.push(bytes.subarray(places[i], to))])
}

test('MK3 events, comments and every kind of line end are read as the standard says', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = [': hello', 'event: a', 'data: 1', 'data:2', 'id: 7', '', 'data', '', 'event: none', '', ''].join(end)
    assert.deepEqual(read(text), [
      { event: 'a', data: '1\n2', cut: false },
      { event: 'message', data: '', cut: false },
    ])
  }
})

test('MK3 where the chunks end makes no difference, also inside a character or between CR and LF', () => {
  const text = 'event: ü\r\ndata: 😀 one\r\n\r\n: ping\r\n\r\ndata: two\n\n'
  const whole = read(text)
  assert.equal(whole.length, 2)
  fc.assert(
    fc.property(fc.array(fc.nat(Buffer.byteLength(text))), cuts => {
      assert.deepEqual(read(text, cuts), whole)
    }),
  )
})

test('MK7 an event beyond the cap is told as cut, with its beginning, and the next is whole again', () => {
  const [long, lines, next] = read(
    `data: ${'x'.repeat(5_000)}\n\ndata: ${'y'.repeat(90)}\ndata: z${'z'.repeat(90)}\n\ndata: ok\n\n`,
    [],
    100,
  )
  assert.deepEqual([long!.cut, long!.data], [true, 'x'.repeat(100)])
  assert.equal(lines!.cut, true)
  assert.deepEqual(next, { event: 'message', data: 'ok', cut: false })
})

test('MK7 a line that never ends takes no more memory than the cap', () => {
  const stream = new EventStream(1_000)
  for (let i = 0; i < 1_000; i++) assert.deepEqual([...stream.push(Buffer.alloc(10_000, 'a'))], [])
  assert.deepEqual(
    [...stream.push(Buffer.from('\n\ndata: after\n\n'))],
    [{ event: 'message', data: 'after', cut: false }],
  )
})
