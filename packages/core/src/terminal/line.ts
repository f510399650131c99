/**
 * One line of a terminal as it is being written: text that was only appended is kept as runs of one style; once it is
 * overwritten, as cells. One code point is one column.
 */
import { transition } from './style.ts'

interface Run {
  style: string
  text: string
}

export class TerminalLine {
  /** False if the line only goes on with a line that was too long, so that no line ending stands before it. */
  readonly fresh: boolean
  width = 0
  #runs: Run[] = []
  #cells: Run[] | undefined

  constructor(fresh: boolean) {
    this.fresh = fresh
  }

  /** Writes text without control characters from `column` on. */
  write(column: number, text: string, columns: number, style: string): void {
    if (column === this.width && !this.#cells) this.#append(text, style)
    else this.#overwrite(column, text, style)
    this.width = Math.max(this.width, column + columns)
  }

  /** Removes what stands from `column` on. */
  cutFrom(column: number): void {
    if (column === 0) this.#clear()
    else if (column < this.width) {
      this.#toCells().length = column
      this.width = column
    }
  }

  /** Makes the columns before `column` blank. */
  blankUpTo(column: number): void {
    const end = Math.min(column, this.width)
    this.#toCells().fill({ style: '', text: ' ' }, 0, end)
  }

  /** The line with its colours, which end with it. Colours that need more than `styleBytes` are left out. */
  render(styleBytes: number): string {
    const runs = this.#cells ?? this.#runs
    let text = ''
    let style = ''
    let spent = 0
    for (const run of runs) {
      const change = transition(style, run.style)
      spent += change.length
      text += change + run.text
      style = run.style
    }
    const end = transition(style, '')
    return spent + end.length > styleBytes ? runs.map(run => run.text).join('') : text + end
  }

  #append(text: string, style: string): void {
    const last = this.#runs.at(-1)
    if (last?.style === style) last.text += text
    else this.#runs.push({ style, text })
  }

  #overwrite(column: number, text: string, style: string): void {
    const cells = this.#toCells()
    while (cells.length < column) cells.push({ style: '', text: ' ' })
    let at = column
    for (const point of text) cells[at++] = { style, text: point }
  }

  #toCells(): Run[] {
    this.#cells ??= this.#runs.flatMap(({ style, text }) => Array.from(text, point => ({ style, text: point })))
    return this.#cells
  }

  #clear(): void {
    this.#runs = []
    this.#cells = undefined
    this.width = 0
  }
}
