/** Gathers what comes in small pieces and hands it on a few times a second, so that a log does not get an event a word. */
import { limits } from '@meshbook/core/limits.ts'

const mostChars = 16_384

export class Pieces {
  readonly #write: (text: string) => void
  #text = ''
  #timer: NodeJS.Timeout | undefined

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  add(text: string): void {
    this.#text += text
    if (this.#text.length >= mostChars) this.#handOn()
    else this.#timer ??= setTimeout(() => this.#handOn(), limits.agentPieceMs)
  }

  /** Hands on all that is left. */
  end(): void {
    this.#handOn()
    const rest = this.#text.toWellFormed()
    this.#text = ''
    if (rest !== '') this.#write(rest)
  }

  #handOn(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#text !== '') {
      const at = wholeCharacters(this.#text, mostChars)
      if (at === 0) return
      const piece = this.#text.slice(0, at)
      this.#text = this.#text.slice(at)
      this.#write(piece.toWellFormed())
    }
  }
}

/** How much of the text may be taken without cutting a character in two. */
function wholeCharacters(text: string, most: number): number {
  const at = Math.min(text.length, most)
  const last = text.charCodeAt(at - 1)
  return last >= 0xd800 && last < 0xdc00 ? at - 1 : at
}
