/**
 * Joins what comes out of an interpreter's standard output and error, so that neither overtakes the other where the
 * order matters (KN33): a barrier stands in both streams, and what is behind it waits until both have come to it.
 * It knows nothing of pipes, nor of what the other words mean.
 */
import { MarkScanner, type Piece } from '../wire/marks.ts'
import type { TextKind } from '../wire/run-log.ts'

export interface StreamEvents {
  text(kind: TextKind, text: string): void
  /** A mark of standard output that is no barrier. */
  word(word: string): void
  hasRoom(): boolean
}

interface Stream {
  scanner: MarkScanner
  queue: Piece[]
  /** The number of the last barrier that stood at the front. */
  reached: number
}

const kinds = ['stdout', 'stderr'] as const

export class PairedStreams {
  #streams: Record<TextKind, Stream>
  #events: StreamEvents
  #released = false

  constructor(nonce: string, events: StreamEvents) {
    const stream = () => ({ scanner: new MarkScanner(nonce), queue: [], reached: 0 })
    this.#streams = { stdout: stream(), stderr: stream() }
    this.#events = events
  }

  push(kind: TextKind, chunk: Buffer): void {
    for (const piece of this.#streams[kind].scanner.push(chunk)) this.#streams[kind].queue.push(piece)
    this.advance()
  }

  /** Hands over what may go: to be called when there is room again. */
  advance(): void {
    while (kinds.some(kind => this.#step(kind)));
  }

  /** The interpreter has ended: nobody will come to a barrier any more. */
  release(): void {
    this.#released = true
    this.advance()
  }

  heldUnits(kind: TextKind): number {
    return this.#streams[kind].queue.reduce((sum, piece) => sum + ('text' in piece ? piece.text.length : 1), 0)
  }

  /** Whether something has moved: a piece handed over, or a barrier come to, which may let the other stream go on. */
  #step(kind: TextKind): boolean {
    const { queue, reached } = this.#streams[kind]
    const piece = queue[0]
    if (!piece || !this.#events.hasRoom()) return false
    const barrier = 'mark' in piece ? barrierOf(piece.mark) : undefined
    if (barrier !== undefined && !this.#passes(kind, barrier)) return barrier > reached
    queue.shift()
    if ('text' in piece) this.#events.text(kind, piece.text)
    else if (barrier === undefined && kind === 'stdout') this.#events.word(piece.mark)
    return true
  }

  /** A later barrier of the other stream will do: its own may be missing where the program was broken in between. */
  #passes(kind: TextKind, barrier: number): boolean {
    const { stdout, stderr } = this.#streams
    this.#streams[kind].reached = barrier
    return this.#released || (kind === 'stdout' ? stderr : stdout).reached >= barrier
  }
}

function barrierOf(word: string): number | undefined {
  return /^b\d+$/.test(word) ? Number(word.slice(1)) : undefined
}
