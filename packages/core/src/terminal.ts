/**
 * What a terminal would show, as text: resolves carriage returns, backspaces, cursor moves and erasures while output
 * streams in, for progress bars and colours in a document. Pure; pieces may be cut anywhere.
 *
 * Kept: text, tabs, colours (canonical SGR sequences that end on their line). Removed: every other escape sequence.
 * Shown as pictures (U+2400…): other control characters. Lone surrogates become U+FFFD. The cursor can go back 100
 * lines; older lines never change. Of output beyond the caps the first part and the last 16 KiB are shown, with the
 * line `… 12,345 bytes not shown …` between them.
 */
import { limits } from './limits.ts'
import {
  isHighSurrogate,
  isSpecial,
  newLines,
  nextSpecial,
  takeColumns,
  utf8Bytes,
  withPictures,
} from './terminal/characters.ts'
import { TerminalLine } from './terminal/line.ts'
import { type Amount, type Piece, Scrollback, type Shown } from './terminal/scrollback.ts'
import { applySgr, codeOf, plain, type Style } from './terminal/style.ts'

export interface TerminalCaps {
  maxBytes: number
  maxLines: number
}

/** Lines that the cursor can reach above the last one. */
const reachLines = 100
/** An escape sequence that is longer ends there, so that a stray ESC in binary output hides little of it. */
const controlUnits = 128
const stringUnits = 4096
const tailBytes = 16 * 1024
const tailLines = 200
/** Room for the line between the two parts. */
const markerBytes = 64

type Mode = 'text' | 'escape' | 'control' | 'string' | 'string-escape'

export class TerminalText {
  readonly #scrollback: Scrollback
  readonly #lineColumns: number
  readonly #styleBytes: number
  readonly #lines = [new TerminalLine(true)]
  #row = 0
  #column = 0
  #style: Style = plain
  #styleCode = ''
  #mode: Mode = 'text'
  #sequence = ''
  #skipped = 0
  /** A high surrogate whose other half may come with the next piece. */
  #half = ''
  #shown: Shown | undefined

  constructor(caps: TerminalCaps = { maxBytes: limits.documentOutputBytes, maxLines: limits.documentOutputLines }) {
    const tail = {
      bytes: Math.min(tailBytes, Math.floor(caps.maxBytes / 4)),
      lines: Math.min(tailLines, Math.floor(caps.maxLines / 4)),
    }
    this.#scrollback = new Scrollback({
      head: { bytes: Math.max(0, caps.maxBytes - tail.bytes - markerBytes), lines: caps.maxLines - tail.lines },
      tail,
    })
    // One line, at 4 bytes a code point and with its colours, is never larger than the tail.
    this.#lineColumns = Math.max(1, Math.floor(tail.bytes / 8))
    this.#styleBytes = Math.floor(tail.bytes / 2) - 1
  }

  feed(piece: string): void {
    const text = (this.#half + piece).replaceAll('\r\n', '\n')
    this.#half = isHighSurrogate(text.charCodeAt(text.length - 1)) ? text.slice(-1) : ''
    const end = text.length - this.#half.length
    this.#shown = undefined
    for (let at = 0; at < end; )
      at = this.#mode === 'text' ? this.#readText(text, at, end) : this.#readSequence(text, at)
  }

  /** What is to be seen now. The line ending before an empty last line is left out. */
  text(): string {
    return this.#show().text
  }

  /** This many UTF-16 units at the beginning of `text()` never change again. */
  get stableLength(): number {
    return this.#scrollback.head.length
  }

  /** What is left out in the middle. */
  get truncated(): Amount {
    return this.#show().truncated
  }

  #show(): Shown {
    this.#shown ??= this.#scrollback.show(this.#pieces())
    return this.#shown
  }

  #pieces(): Piece[] {
    const last = this.#lines.at(-1)!
    const lines = last.width === 0 && last.fresh ? this.#lines.slice(0, -1) : this.#lines
    return lines.map(line => this.#pieceOf(line))
  }

  #pieceOf(line: TerminalLine): Piece {
    const text = line.render(this.#styleBytes)
    return { text, bytes: utf8Bytes(text), fresh: line.fresh }
  }

  #readText(text: string, at: number, end: number): number {
    const code = text.charCodeAt(at)
    if (isSpecial(code)) {
      this.#control(code)
      return at + 1
    }
    const to = Math.min(end, nextSpecial(text, at))
    this.#readLines(withPictures(text.slice(at, to).toWellFormed()))
    return to
  }

  /** Text without control characters but LF and tab. */
  #readLines(text: string): void {
    const skip = this.#skippable(text)
    for (let at = 0; at < text.length; ) {
      const lf = text.indexOf('\n', at)
      this.#print(text.slice(at, lf < 0 ? text.length : lf))
      if (lf < 0) return
      this.#newLine(true)
      at = skip && lf < skip.from ? this.#skip(text, skip) : lf + 1
    }
  }

  /** The whole lines of a long text that would all fall out of the scrollback before the text ends. */
  #skippable(text: string): { from: number; to: number } | undefined {
    if (!this.#scrollback.full || this.#row < this.#lines.length - 1 || this.#styleCode !== '') return undefined
    let to = text.length
    for (let kept = 0; kept <= reachLines + tailLines; kept++) {
      if (to <= 0) return undefined
      to = text.lastIndexOf('\n', to - 1)
    }
    const from = text.indexOf('\n') + 1
    return to > from ? { from, to: to + 1 } : undefined
  }

  #skip(text: string, { from, to }: { from: number; to: number }): number {
    const skipped = text.slice(from, to)
    this.#scrollback.skip({ bytes: utf8Bytes(skipped), lines: newLines(skipped) })
    return to
  }

  #control(code: number): void {
    switch (code) {
      case 0x0d:
        this.#column = 0
        break
      case 0x08:
        this.#column = Math.max(0, this.#column - 1)
        break
      case 0x1b:
        this.#mode = 'escape'
        this.#sequence = ''
        this.#skipped = 0
    }
  }

  #print(text: string): void {
    let rest = text
    while (rest !== '') {
      const room = this.#lineColumns - this.#column
      if (room <= 0) this.#newLine(false)
      else {
        const [now, columns] = takeColumns(rest, room)
        this.#lines[this.#row]!.write(this.#column, now, columns, this.#styleCode)
        this.#column += columns
        rest = rest.slice(now.length)
      }
    }
  }

  #newLine(fresh: boolean): void {
    this.#column = 0
    this.#row++
    if (this.#row < this.#lines.length) return
    this.#lines.push(new TerminalLine(fresh))
    if (this.#lines.length <= reachLines + 1) return
    this.#scrollback.push(this.#pieceOf(this.#lines.shift()!))
    this.#row--
  }

  /** One unit of an escape sequence; a control character that does not belong to it ends it. */
  #readSequence(text: string, at: number): number {
    const code = text.charCodeAt(at)
    switch (this.#mode) {
      case 'escape':
        return this.#readEscape(code, at)
      case 'control':
        return this.#readControlSequence(code, at)
      case 'string-escape':
        this.#mode = code === 0x5c ? 'text' : 'escape'
        return code === 0x5c ? at + 1 : at
      default:
        if (code === 0x1b) this.#mode = 'string-escape'
        else if (code === 0x07 || code === 0x18 || code === 0x1a || ++this.#skipped >= stringUnits) this.#mode = 'text'
        return at + 1
    }
  }

  #readEscape(code: number, at: number): number {
    if (code >= 0x20 && code <= 0x2f && ++this.#skipped < controlUnits) return at + 1
    this.#mode = 'text'
    if (code < 0x20 || code > 0x7e) return at
    if (code === 0x5b) this.#mode = 'control'
    else if ('P]X^_'.includes(String.fromCharCode(code))) this.#mode = 'string'
    return at + 1
  }

  #readControlSequence(code: number, at: number): number {
    if (code < 0x20 || code > 0x7e) {
      this.#mode = 'text'
      return at
    }
    if (code < 0x40) {
      this.#sequence += String.fromCharCode(code)
      if (this.#sequence.length >= controlUnits) this.#mode = 'text'
      return at + 1
    }
    this.#mode = 'text'
    this.#obey(String.fromCharCode(code), this.#sequence)
    return at + 1
  }

  #obey(command: string, parameters: string): void {
    if (!/^[\d;:]*$/.test(parameters)) return
    if (command === 'm') {
      this.#style = applySgr(this.#style, parameters)
      this.#styleCode = codeOf(this.#style)
      return
    }
    const first = Number.parseInt(parameters, 10)
    const steps = Math.max(1, Number.isNaN(first) ? 1 : first)
    this.#move(command, steps)
    this.#erase(command, Number.isNaN(first) ? 0 : first)
  }

  #move(command: string, steps: number): void {
    if (command === 'A' || command === 'F') this.#row = Math.max(0, this.#row - steps)
    if (command === 'B' || command === 'E') this.#row = Math.min(this.#lines.length - 1, this.#row + steps)
    if (command === 'E' || command === 'F') this.#column = 0
    if (command === 'C') this.#column = Math.min(this.#lineColumns, this.#column + steps)
    if (command === 'D') this.#column = Math.max(0, this.#column - steps)
    if (command === 'G') this.#column = Math.min(this.#lineColumns, steps - 1)
  }

  #erase(command: string, mode: number): void {
    const line = this.#lines[this.#row]!
    if (command === 'J' && mode === 0) this.#lines.length = this.#row + 1
    if ((command === 'K' || command === 'J') && mode === 0) line.cutFrom(this.#column)
    if (command === 'K' && mode === 1) line.blankUpTo(this.#column + 1)
    if (command === 'K' && mode === 2) line.cutFrom(0)
  }
}
