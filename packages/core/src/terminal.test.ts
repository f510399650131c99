import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { TerminalText } from './terminal.ts'

const esc = '\u001b'
function shown(output: string, caps?: { maxBytes: number; maxLines: number }): string {
  const terminal = new TerminalText(caps)
  terminal.feed(output)
  return terminal.text()
}

test('plain lines stay as they are, without the line ending before an empty last line', () => {
  assert.equal(shown(''), '')
  assert.equal(shown('a\nb'), 'a\nb')
  assert.equal(shown('a\r\nb\r\n'), 'a\nb')
  assert.equal(shown('a\n\n\n'), 'a\n\n')
  assert.equal(shown('\ta\tb'), '\ta\tb')
})

test('a carriage return overwrites, a backspace goes back, erasing erases', () => {
  assert.equal(shown('10%\r20%\r100%'), '100%')
  assert.equal(shown('abcdef\rxy'), 'xycdef')
  assert.equal(shown(`abcdef\rxy${esc}[K`), 'xy')
  assert.equal(shown(`abcdef\r${esc}[2Kxy`), 'xy')
  assert.equal(shown(`abc${esc}[1K`), '   ')
  assert.equal(shown('abc\b\bX'), 'aXc')
  assert.equal(shown('\b\ba'), 'a')
  assert.equal(shown(`abc${esc}[2DX${esc}[5CY${esc}[1GZ`), 'ZXc    Y')
})

test('nested progress bars move up and down within the last lines', () => {
  const frame = (outer: number, inner: number) => `${esc}[A\router ${outer}\n\rinner ${inner}`
  assert.equal(shown(`outer 0\ninner 0${frame(1, 5)}${frame(2, 9)}\n`), 'outer 2\ninner 9')
  assert.equal(shown(`a\nb\nc${esc}[2A\rX${esc}[J`), 'X')
  assert.equal(shown(`a\nb${esc}[5FX\nY${esc}[3Bz`), 'X\nYz')
})

test('the cursor reaches 100 lines back and no further, so that older text is final', () => {
  const lines = Array.from({ length: 300 }, (_, n) => `line ${n}`)
  const terminal = new TerminalText()
  terminal.feed(lines.join('\n'))
  terminal.feed(`${esc}[999A\rX`)
  assert.equal(terminal.text(), lines.with(199, 'Xine 199').join('\n'))
  assert.equal(terminal.stableLength, lines.slice(0, 199).join('\n').length)
})

test('colours are kept in one form and end on their line; every other sequence is removed', () => {
  assert.equal(shown(`${esc}[01;31mred${esc}[m x`), `${esc}[1;31mred${esc}[0m x`)
  assert.equal(shown(`${esc}[31ma\nb${esc}[39m`), `${esc}[31ma${esc}[0m\n${esc}[31mb${esc}[0m`)
  assert.equal(
    shown(`${esc}[38:2::1:2:3;4ma${esc}[48;5;200mb${esc}[24;49mc`),
    `${esc}[4;38;2;1;2;3ma${esc}[0;4;38;2;1;2;3;48;5;200mb${esc}[0;38;2;1;2;3mc${esc}[0m`,
  )
  assert.equal(shown(`${esc}[31mred\r${esc}[32mg`), `${esc}[32mg${esc}[0;31med${esc}[0m`)
  assert.equal(
    shown(
      `a${esc}]0;title\u0007b${esc}]8;;http://x${esc}\\c${esc}Pq#0~${esc}\\d${esc}(Be${esc}[?25lf${esc}=g${esc}[38;5;999mh`,
    ),
    'abcdefgh',
  )
})

test('control characters become pictures, lone surrogates become U+FFFD', () => {
  assert.equal(shown('a\u0000b\u0007c\u007f\u0085'), 'a␀b␇c␡\ufffd')
  assert.equal(shown('a\ud800b\udc00c'), 'a\ufffdb\ufffdc')
  assert.equal(shown('\u{1f600}'), '\u{1f600}')
})

test('an escape sequence without end hides only a bounded piece of the output', () => {
  assert.match(shown(`${esc}]0;${'x'.repeat(5000)}end`), /x{900,}end$/)
  assert.match(shown(`${esc}[${'1;'.repeat(100)}end`), /end$/)
  assert.equal(shown(`${esc}[31\nb`), '\nb')
})

test('of output beyond the caps the beginning and the last 16 KiB are shown, and the rest is counted', () => {
  const lines = Array.from({ length: 100_000 }, (_, n) => `line ${n}`)
  const terminal = new TerminalText()
  terminal.feed(lines.join('\n'))
  const text = terminal.text()
  assert.ok(text.startsWith('line 0\nline 1\n') && text.endsWith('line 99998\nline 99999'))
  const marker = /\n… ([\d,]+) bytes not shown …\n/.exec(text)!
  const { bytes, lines: hidden } = terminal.truncated
  assert.equal(marker[1]!.replaceAll(',', ''), String(bytes))
  assert.equal(bytes + text.length - marker[0].length + 1, lines.join('\n').length)
  assert.equal(hidden + text.split('\n').length - 1, lines.length)
  assert.ok(terminal.stableLength <= marker.index)
})

test('an endless line is bounded too, and a line of nothing but colours loses them', () => {
  const endless = shown('x'.repeat(10_000_000))
  assert.ok(endless.length < 256 * 1024 && endless.includes('bytes not shown'))
  const colours = shown(Array.from({ length: 300_000 }, (_, n) => `${esc}[38;2;${n % 256};0;0mx`).join(''))
  assert.ok(colours.length < 256 * 1024)
  assert.match(colours, /x{1000}$/)
})

test('I10 what is not shown is not kept: 60 MB of coloured lines leave a few MB of memory', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const terminal = new TerminalText()
  collect()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < 600_000; n++) terminal.feed(`${esc}[3${n % 8}m${'x'.repeat(90)} ${n}\n`)
  collect()
  assert.ok(process.memoryUsage().heapUsed - before < 20_000_000)
  assert.match(terminal.text(), /x 599999/)
})

test('10,000 progress frames and 50 MB of lines take little time and memory', () => {
  const from = performance.now()
  const bar = new TerminalText()
  for (let n = 0; n < 10_000; n++) bar.feed(`\r${n + 1}/10000 ${'#'.repeat(n / 100)}`)
  assert.ok(bar.text().startsWith('10000/10000 ###'))
  const long = new TerminalText()
  const chunk = `${'the quick brown fox '.repeat(3)}\n`.repeat(1000)
  for (let bytes = 0; bytes < 50_000_000; bytes += chunk.length) long.feed(chunk)
  assert.ok(long.text().length < 257 * 1024)
  assert.ok(performance.now() - from < 10_000)
})

const piece = fc.oneof(
  fc.constantFrom(
    '\n',
    '\r',
    '\b',
    '\r\n',
    `${esc}[A`,
    `${esc}[B`,
    `${esc}[3D`,
    `${esc}[2C`,
    `${esc}[K`,
    `${esc}[1K`,
    `${esc}[2K`,
    `${esc}[J`,
    `${esc}[31m`,
    `${esc}[0m`,
    `${esc}[1;38;5;9m`,
    `${esc}]0;t\u0007`,
    `${esc}P1${esc}\\`,
    esc,
    `${esc}[`,
    '\u0000',
    '\ud83d',
    '\ude00',
    '\u{1f600}',
    '\t',
    '\u009b',
  ),
  fc.string({ maxLength: 20 }),
  fc.constant('wide '.repeat(30)),
  fc.constant('line\n'.repeat(400)),
)
const caps = fc.constantFrom(
  { maxBytes: 262_144, maxLines: 5000 },
  { maxBytes: 1000, maxLines: 1000 },
  { maxBytes: 5000, maxLines: 40 },
  { maxBytes: 100, maxLines: 8 },
)

test('where the output is cut into pieces changes nothing, for any output and caps', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), caps, fc.nat(50), (pieces, cap, at) => {
      const whole = pieces.join('')
      const units = new TerminalText(cap)
      for (let from = 0; from < whole.length; from += at + 1) units.feed(whole.slice(from, from + at + 1))
      const terminal = new TerminalText(cap)
      terminal.feed(whole)
      assert.equal(units.text(), terminal.text())
      assert.deepEqual(units.truncated, terminal.truncated)
    }),
    { numRuns: 1500 },
  )
})

test('what is stable never changes, the text stays in its caps, and feeding it back changes nothing', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), caps, (pieces, cap) => {
      const terminal = new TerminalText(cap)
      let stable = ''
      for (const output of pieces) {
        terminal.feed(output)
        const text = terminal.text()
        assert.ok(text.startsWith(stable))
        stable = text.slice(0, terminal.stableLength)
        assert.equal(stable.length, terminal.stableLength)
        assert.ok(text.isWellFormed() && !/[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]/.test(text))
        assert.ok(Buffer.byteLength(text) <= cap.maxBytes + 64)
        assert.ok(text.split('\n').length <= cap.maxLines + 1)
      }
      if (cap.maxBytes > 10_000) assert.equal(shown(`${terminal.text()}\n`), terminal.text())
    }),
    { numRuns: 1500 },
  )
})
