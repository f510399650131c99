/**
 * The output of a run as pieces in the order they were made: stretches of terminal text, and displayed values with the
 * text that stands for them. A value can be replaced in its place (OU11); the pieces together stay within the caps of a
 * document. Pure.
 */
import type { DisplayDatum } from '../executions.ts'
import { limits } from '../limits.ts'
import type { MimePart } from '../run.ts'
import { TerminalText } from '../terminal.ts'

interface Piece {
  terminal: TerminalText
  /** What is displayed here; text alone otherwise. */
  shown?: { id: string | undefined; parts: MimePart[]; isResult: boolean }
}

/** What a piece may have when the others have taken all. */
const leastBytes = 1024
const leastLines = 20

export class OutputFlow {
  readonly #pieces: Piece[] = []

  print(text: string): void {
    const last = this.#pieces.at(-1)
    if (last && !last.shown) last.terminal.feed(text)
    else this.#pieces.push({ terminal: this.#terminalOf(text) })
  }

  show(parts: MimePart[], text: string, options: { id?: string | undefined; isResult?: boolean } = {}): void {
    const { id, isResult = false } = options
    this.#pieces.push({ terminal: this.#terminalOf(text), shown: { id, parts, isResult } })
  }

  /** Replaces whatever was displayed under this name; false if nothing was. */
  update(id: string, parts: MimePart[], text: string): boolean {
    const known = this.#pieces.filter(({ shown }) => shown?.id === id)
    for (const piece of known) {
      piece.shown = { ...piece.shown!, parts }
      piece.terminal = new TerminalText()
      piece.terminal = this.#terminalOf(text)
    }
    return known.length > 0
  }

  #terminalOf(text: string): TerminalText {
    const used = this.#pieces.map(({ terminal }) => terminal.text())
    const bytes = used.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0)
    const lines = used.reduce((sum, piece) => sum + (piece === '' ? 0 : piece.split('\n').length), 0)
    const terminal = new TerminalText({
      maxBytes: Math.max(leastBytes, limits.documentOutputBytes - bytes),
      maxLines: Math.max(leastLines, limits.documentOutputLines - lines),
    })
    terminal.feed(text)
    return terminal
  }

  get text(): string {
    return this.#pieces
      .map(({ terminal }) => terminal.text())
      .filter(text => text !== '')
      .join('\n')
  }

  get truncated(): boolean {
    return this.#pieces.some(({ terminal }) => terminal.truncated.bytes > 0)
  }

  /** What was displayed, in order, each with where its text stands in `text`. */
  get shown(): (DisplayDatum & { isResult: boolean })[] {
    const shown: (DisplayDatum & { isResult: boolean })[] = []
    let at = 0
    for (const piece of this.#pieces) {
      const text = piece.terminal.text()
      if (piece.shown) {
        const { id, parts, isResult } = piece.shown
        shown.push({ ...(id === undefined ? {} : { id }), parts, at, chars: text.length, isResult })
      }
      at += text === '' ? 0 : text.length + 1
    }
    return shown
  }
}
