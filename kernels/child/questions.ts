/** A question to the interpreter between two cells, one at a time, interrupted when it takes too long (KN11). */
import type { Interpreter } from './interpreter.ts'

const questionMs = 3000
/** For what is not broken off: a session that is saved or made. */
export const wholeMs = 600_000

export class Questions {
  #interpreter: Interpreter
  #count = 0
  #open: { number: number; done(result: unknown): void } | undefined

  constructor(interpreter: Interpreter) {
    this.#interpreter = interpreter
  }

  get isOpen(): boolean {
    return this.#open !== undefined
  }

  ask(name: string, ...fields: string[]): Promise<unknown> {
    return this.askFor(questionMs, name, ...fields)
  }

  async askFor(ms: number, name: string, ...fields: string[]): Promise<unknown> {
    const number = ++this.#count
    const { promise, resolve } = Promise.withResolvers<unknown>()
    this.#open = { number, done: resolve }
    this.#interpreter.order(name, String(number), ...fields)
    const timer = setTimeout(() => this.#interpreter.interrupt(), ms)
    const result = await promise
    clearTimeout(timer)
    this.#open = undefined
    return result
  }

  answered(number: number, result: unknown): void {
    if (this.#open?.number === number) this.#open.done(result)
  }
}

/** The name at the cursor, with what qualifies it. */
export function topicAt(code: string, cursor: number): string {
  const before = /[\p{L}\p{N}_.:!]*$/u.exec(code.slice(0, cursor))![0]
  return before + /^[\p{L}\p{N}_.:!]*/u.exec(code.slice(cursor))![0]
}
