/**
 * Events of the last runs, numbered, kept until the host has acknowledged them (KN12 to KN16).
 * It knows nothing of sockets: each new frame is told to `onFrame`.
 */
import { encodeFrame } from './frames.ts'

const keptRuns = 100
const coalesceMs = 12
const lineStartMs = 2
const textUnits = 64 * 1024
const orphanUnits = 64 * 1024

export interface KernelPart {
  mimeType: string
  data: string
  base64?: boolean
  /** In pixels of a page. */
  width?: number
  height?: number
}
export interface KernelError {
  name: string
  message: string
  traceback: string[]
}
export type TextKind = 'stdout' | 'stderr'
export type KernelEvent =
  | { type: 'started' }
  | { type: TextKind; text: string }
  | { type: 'display'; id?: string; update?: boolean; parts: KernelPart[] }
  | { type: 'result'; parts: KernelPart[] }
  | { type: 'clear'; wait: boolean }
  | { type: 'input-request'; id: string; prompt: string; password: boolean; printed?: boolean }
  | { type: 'input-answered'; id: string }
  | { type: 'completed' }
  | { type: 'failed'; error: KernelError }
  | { type: 'cancelled' }

export class Run {
  readonly id: string
  readonly code: string
  readonly name: string
  last = 0
  acked = 0
  ended = false
  bytes = 0
  #frames: { n: number; frame: Buffer }[] = []

  constructor(id: string, code: string, name: string) {
    this.id = id
    this.code = code
    this.name = name
  }

  append(event: KernelEvent): Buffer {
    this.last++
    const frame = encodeFrame({ run: this.id, n: this.last, event })
    this.#frames.push({ n: this.last, frame })
    this.bytes += frame.length
    return frame
  }

  /** How it ended is kept: whoever did not hear of it may ask again (KN13). */
  ack(n: number): void {
    this.acked = Math.max(this.acked, Math.min(n, this.last))
    let count = 0
    const kept = this.ended ? this.last : Number.POSITIVE_INFINITY
    while (count < this.#frames.length && this.#frames[count]!.n <= Math.min(n, kept - 1))
      this.bytes -= this.#frames[count++]!.frame.length
    this.#frames.splice(0, count)
  }

  after(n: number): { n: number; frame: Buffer }[] {
    return this.#frames.filter(entry => entry.n > n)
  }
}

export class RunLog {
  readonly runs = new Map<string, Run>()
  current: Run | undefined
  onFrame: (run: Run, frame: Buffer) => void = () => undefined
  /** Called when a producer that found no room may go on. */
  onRoom: () => void = () => undefined
  #unackedBytes: number
  #kind: TextKind = 'stdout'
  #text = ''
  #flushedAt = 0
  #timer: NodeJS.Timeout | undefined
  #orphans: { kind: TextKind; text: string }[] = []

  constructor(unackedBytes: number) {
    this.#unackedBytes = unackedBytes
  }

  begin(run: Run): void {
    this.#forgetOld()
    this.runs.set(run.id, run)
    this.current = run
    this.#flushedAt = 0
    this.#emit(run, { type: 'started' })
    for (const { kind, text } of this.#orphans.splice(0)) this.text(kind, text)
  }

  #forgetOld(): void {
    for (const [id, run] of this.runs) {
      if (this.runs.size < keptRuns) return
      if (run.ended) this.runs.delete(id)
    }
  }

  emit(event: KernelEvent): void {
    if (!this.current) return
    this.flush()
    this.#emit(this.current, event)
  }

  end(event: KernelEvent): void {
    const run = this.current
    if (!run) return
    this.flush()
    run.ended = true
    this.current = undefined
    this.#emit(run, event)
  }

  #emit(run: Run, event: KernelEvent): void {
    this.onFrame(run, run.append(event))
  }

  get hasRoom(): boolean {
    return !this.current || this.current.bytes < this.#unackedBytes
  }

  ack(id: string, n: number): void {
    this.runs.get(id)?.ack(n)
    if (this.hasRoom) this.onRoom()
  }

  /** Text is gathered for some milliseconds; what follows a pause goes at once. */
  text(kind: TextKind, text: string): void {
    if (!this.current) {
      this.#keepOrphan(kind, text)
      return
    }
    if (kind !== this.#kind) this.flush()
    this.#kind = kind
    this.#text += text
    const now = performance.now()
    const endsLine = text.endsWith('\n') || text.includes('\r')
    if (this.#text.length >= textUnits / 2 || (endsLine && now - this.#flushedAt > coalesceMs)) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), Math.max(lineStartMs, this.#flushedAt + coalesceMs - now))
  }

  /** Printed between runs by something in the background: belongs to the next run; the newest is kept. */
  #keepOrphan(kind: TextKind, text: string): void {
    this.#orphans.push({ kind, text: text.slice(-orphanUnits) })
    let units = this.#orphans.reduce((sum, orphan) => sum + orphan.text.length, 0)
    while (units > orphanUnits && this.#orphans.length > 1) units -= this.#orphans.shift()!.text.length
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const text = this.#text.toWellFormed()
    this.#text = ''
    if (!text || !this.current) return
    this.#flushedAt = performance.now()
    for (let start = 0; start < text.length; ) {
      const end = cut(text, start)
      this.#emit(this.current, { type: this.#kind, text: text.slice(start, end) })
      start = end
    }
  }
}

/** Where a piece that begins at `start` ends: never between the halves of a surrogate pair. */
function cut(text: string, start: number): number {
  const end = Math.min(text.length, start + textUnits)
  const high = text.charCodeAt(end - 1)
  return end < text.length && high >= 0xd800 && high <= 0xdbff ? end - 1 : end
}
