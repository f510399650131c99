/**
 * Finds out when a cell waits for somebody to type, and asks for it once. After a pause in the output it looks whether
 * a program reads from the terminal; where the system does not tell, an unfinished last line counts as a prompt.
 */
import type { KernelEvent } from '../wire/run-log.ts'
import { waitsForTyping } from './tty-readers.ts'

const pausesMs = [60, 200, 500, 1000]
const promptUnits = 1000
const secret = /pass(word|phrase|code)|secret|\bPIN\b/i

export class TypingWatch {
  #terminal: () => number | undefined
  #emit: (event: KernelEvent) => void
  #run: string | undefined
  #line = ''
  #count = 0
  #open: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(terminal: () => number | undefined, emit: (event: KernelEvent) => void) {
    this.#terminal = terminal
    this.#emit = emit
  }

  begin(run: string): void {
    this.#run = run
    this.#line = ''
    this.#wait(0)
  }

  onText(text: string): void {
    const start = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1
    this.#line = (start > 0 ? text.slice(start) : this.#line + text).slice(-promptUnits)
    if (this.#run && !this.#open) this.#wait(0)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#run = this.#open = undefined
  }

  /** Whether what is typed now is welcome: anything without a name is, an answer only to the open question. */
  answer(request: string | undefined): boolean {
    if (request !== undefined && request !== this.#open) return false
    if (this.#open) this.#emit({ type: 'input-answered', id: this.#open })
    this.#open = undefined
    this.#line = ''
    this.#wait(0)
    return true
  }

  #wait(step: number): void {
    clearTimeout(this.#timer)
    const next = Math.min(step + 1, pausesMs.length - 1)
    this.#timer = setTimeout(() => void this.#look(next), pausesMs[step])
  }

  async #look(next: number): Promise<void> {
    const run = this.#run
    const terminal = this.#terminal()
    const reads = (terminal === undefined ? undefined : await waitsForTyping(terminal)) ?? this.#line.trim() !== ''
    if (this.#run !== run || run === undefined || this.#open) return
    if (reads) this.#ask(run)
    else this.#wait(next)
  }

  #ask(run: string): void {
    this.#open = `${run.slice(0, 100)}-${++this.#count}`
    const prompt = this.#line.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '')
    this.#emit({ type: 'input-request', id: this.#open, prompt, password: secret.test(prompt), printed: true })
  }
}
