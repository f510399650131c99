/** A program in a namespace that is asked by lines of JSON on its standard input and answers by lines on its output. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Cleanup, Lab, Machine } from './lab.ts'

type Answer = { id: number; answer: unknown } | { id: number; error: string }

export class JsonChild {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>()
  #next = 1
  #errors = ''

  constructor(
    cleanup: Cleanup,
    lab: Lab,
    machine: Machine,
    script: string,
    args: readonly string[] = [],
    env: Record<string, string> = {},
  ) {
    const program = ['--disable-warning=ExperimentalWarning', script, ...args]
    const [command, rest] = lab.command(machine, process.execPath, program)
    this.#child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#errors += text))
    this.#child.once('exit', code => this.#failAll(new Error(`${script} ended with ${code}: ${this.#errors}`)))
    createInterface({ input: this.#child.stdout! }).on('line', line => this.#take(JSON.parse(line) as Answer))
    cleanup.after(() => this.end())
  }

  ask<T>(request: object): Promise<T> {
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: answer => resolve(answer as T), reject })
      this.#child.stdin!.write(`${JSON.stringify({ id, ...request })}\n`)
    })
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await ended
  }

  #take(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.answer)
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
