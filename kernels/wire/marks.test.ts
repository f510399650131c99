import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MarkScanner, type Piece } from './marks.ts'

const stream = Buffer.from('\x1b[31mred\x1b[0m ü\x1b]mb;n;begin\x07out\x1b]mb;other;1\x07put\n\x1b]mb;n;0\x07\x1b]x')

function scan(size: number): Piece[] {
  const scanner = new MarkScanner('n')
  const pieces: Piece[] = []
  for (let at = 0; at < stream.length; at += size) pieces.push(...scanner.push(stream.subarray(at, at + size)))
  return pieces
}

test('marks are found and text is whole, however the stream is cut (KN16)', () => {
  for (let size = 1; size <= stream.length; size++) {
    const pieces = scan(size)
    assert.deepEqual(
      pieces.flatMap(piece => ('mark' in piece ? piece.mark : [])),
      ['begin', '0'],
    )
    const ends = pieces.map((piece, index) => ('mark' in piece ? index : -1)).filter(index => index >= 0)
    const text = (from: number, to: number) =>
      pieces
        .slice(from, to)
        .map(piece => ('text' in piece ? piece.text : ''))
        .join('')
    assert.equal(text(0, ends[0]!), '\x1b[31mred\x1b[0m ü')
    assert.equal(text(ends[0]!, ends[1]!), 'out\x1b]mb;other;1\x07put\n')
  }
})

test('an unfinished escape at the end is not held back for longer than a mark can be', () => {
  const scanner = new MarkScanner('n')
  const text = [...scanner.push(Buffer.from('prompt \x1b[1m> '))]
    .map(piece => ('text' in piece ? piece.text : ''))
    .join('')
  assert.equal(text, 'prompt \x1b[1m> ')
})
