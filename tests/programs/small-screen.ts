/**
 * A second, small model of a terminal: what output shows, kept as cells on lines that never leave. It judges the one that
 * the product has (core/terminal), so it shares nothing with it; it is slow and remembers everything.
 */

/** A character with the colours it was written in. */
export type Cell = readonly [character: string, style: string]

/** What core/terminal says of itself: how far back the cursor goes, and the columns of the longest line. */
const reach = 100
const columns = 2_048

const sequences =
  // A string of a terminal (titles, links); a control sequence, one that breaks off; any other escape; one character.
  /\u001b[\]PX^_][^\u0007\u0018\u001a\u001b]{0,4096}(?:[\u0007\u0018\u001a]|\u001b\\)?|\u001b\[([ -?]*)([@-~])|\u001b\[[ -?]*|\u001b[ -/]*[0-~]?|./gsu

interface Line {
  cells: Cell[]
  /** It only goes on with a line that was too long. */
  goesOn: boolean
}

export class SmallScreen {
  readonly #lines: Line[] = [{ cells: [], goesOn: false }]
  #row = 0
  #column = 0
  /** The first line that can still be reached. */
  #top = 0
  #attributes = new Set<number>()
  readonly #colours = { 38: '', 48: '' }

  /** All of the output at once: a sequence may begin in one piece of it and end in the next. */
  constructor(text: string) {
    for (const [piece, parameters, command] of text.toWellFormed().replaceAll('\r\n', '\n').matchAll(sequences)) {
      if (command !== undefined) this.#obey(command, parameters ?? '')
      else if (!piece.startsWith('\u001b')) this.#character(piece)
    }
  }

  /** The lines that were begun; an empty last one does not count. Styles stand before what they change. */
  get lines(): string[] {
    const last = this.#lines.at(-1)!
    const begun = last.cells.length === 0 && !last.goesOn ? this.#lines.slice(0, -1) : this.#lines
    const whole: string[] = []
    for (const { cells, goesOn } of begun) {
      const text = cells.map(([character, style]) => (style === '' ? '' : `⟦${style}⟧`) + character).join('')
      if (goesOn) whole.push((whole.pop() ?? '') + text)
      else whole.push(text)
    }
    return whole
  }

  #character(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\b') this.#column = Math.max(0, this.#column - 1)
    else if (character === '\n') this.#down(false)
    else this.#put(pictured(character))
  }

  #down(goesOn: boolean): void {
    this.#column = 0
    if (++this.#row === this.#lines.length) this.#lines.push({ cells: [], goesOn })
    this.#top = Math.max(this.#top, this.#lines.length - 1 - reach)
  }

  #put(character: string): void {
    if (this.#column >= columns) this.#down(true)
    const { cells } = this.#lines[this.#row]!
    while (cells.length < this.#column) cells.push([' ', ''])
    cells[this.#column++] = [character, this.#style()]
  }

  #obey(command: string, parameters: string): void {
    if (!/^[\d;:]*$/.test(parameters)) return
    if (command === 'm') this.#paint(parameters.split(';'))
    const number = Number.parseInt(parameters, 10) || 0
    this.#move(command, Math.max(1, number))
    this.#erase(command, number)
  }

  #move(command: string, steps: number): void {
    if ('AF'.includes(command)) this.#row = Math.max(this.#top, this.#row - steps)
    if ('BE'.includes(command)) this.#row = Math.min(this.#lines.length - 1, this.#row + steps)
    if ('EF'.includes(command)) this.#column = 0
    if (command === 'C') this.#column = Math.min(columns, this.#column + steps)
    if (command === 'D') this.#column = Math.max(0, this.#column - steps)
    if (command === 'G') this.#column = Math.min(columns, steps - 1)
  }

  #erase(command: string, mode: number): void {
    const { cells } = this.#lines[this.#row]!
    if (command === 'J' && mode === 0) this.#lines.splice(this.#row + 1)
    if ('JK'.includes(command) && mode === 0) cells.splice(this.#column)
    if (command === 'K' && mode === 1) cells.fill([' ', ''], 0, this.#column + 1)
    if (command === 'K' && mode === 2) cells.splice(0)
  }

  #paint(codes: string[]): void {
    for (let at = 0; at < codes.length; at++) {
      const code = Number(codes[at])
      if (code === 38 || code === 48) {
        const size = codes[at + 1] === '2' ? 5 : 3
        this.#colours[code] = codes.slice(at, at + size).join(';')
        at += size - 1
      } else this.#paintOne(code)
    }
  }

  #paintOne(code: number): void {
    const tens = Math.floor(code / 10)
    if (code === 0 || code === 22)
      this.#attributes = new Set(code === 0 ? [] : [...this.#attributes].filter(n => n > 2))
    else if (code < 10) this.#attributes.add(code)
    else if (tens === 2) this.#attributes.delete(code - 20)
    if (code === 0 || code === 39) this.#colours[38] = ''
    if (code === 0 || code === 49) this.#colours[48] = ''
    if (code % 10 < 8 && [3, 9].includes(tens)) this.#colours[38] = String(code)
    if (code % 10 < 8 && [4, 10].includes(tens)) this.#colours[48] = String(code)
  }

  #style(): string {
    const codes = [...[...this.#attributes].sort((a, b) => a - b), this.#colours[38], this.#colours[48]]
    return codes.filter(code => code !== '').join(';')
  }
}

function pictured(character: string): string {
  const code = character.codePointAt(0)!
  if (character === '\t' || (code >= 0x20 && code < 0x7f) || code >= 0xa0) return character
  if (code === 0x7f) return '␡'
  return code < 0x20 ? String.fromCodePoint(0x2400 + code) : '\ufffd'
}
