/**
 * Files whose name another has taken: a program that had one open may still write to it. Each is read again when it has
 * rested for a while; what was written to it meanwhile is handed on to be merged, and then it goes.
 */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { FilePorts } from './folder-ports.ts'
import { readNotebookFile } from './notebook-file.ts'
import type { Turns } from './turns.ts'

/** More at a time are not waited for. */
const most = 4

export interface AsideHandlers {
  /** Gets each text that was read; `expected` is what the file held when it was set aside, if that is known. */
  found(text: string, expected: string | undefined, path: string): Promise<void>
  /** It cannot be merged, so it is to be kept whole. */
  keep(path: string): Promise<void>
}

export class SetAside {
  readonly #ports: FilePorts
  readonly #turns: Turns
  readonly #handlers: AsideHandlers
  readonly #waiting = new Map<string, { expected: string | undefined; cancel: () => void }>()

  constructor(ports: FilePorts, turns: Turns, handlers: AsideHandlers) {
    this.#ports = ports
    this.#turns = turns
    this.#handlers = handlers
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  add(path: string, expected: string | undefined): void {
    const cancel = this.#ports.after(this.#ports.limits.replacedFileMs, () => this.#look(path))
    this.#waiting.set(path, { expected, cancel })
    const oldest = [...this.#waiting.keys()][0]
    if (this.#waiting.size > most && oldest !== undefined) this.#look(oldest)
  }

  #look(path: string): void {
    const looked = this.#turns.take(() => this.#lookAgain(path))
    looked.catch(thrown => this.#ports.problems.report(path, asMeshError(thrown)))
  }

  /** Whoever wrote to it lately may do so again. */
  async #lookAgain(path: string): Promise<void> {
    const known = this.#waiting.get(path)
    if (!known) return
    this.#forget(path)
    const text = await this.#read(path, known.expected)
    if (text === undefined) return
    if (text === known.expected) await this.#ports.disk.remove(path)
    else this.add(path, text)
  }

  /** Undefined if there is nothing more to look at. */
  async #read(path: string, expected: string | undefined): Promise<string | undefined> {
    try {
      const file = await readNotebookFile(this.#ports.disk, path, this.#ports.limits.fileBytes)
      if (file && file.text !== expected) await this.#handlers.found(file.text, expected, path)
      return file?.text
    } catch (thrown) {
      const { code } = asMeshError(thrown)
      if (code !== 'BAD_NOTEBOOK' && code !== 'TOO_LARGE' && code !== 'BAD_PATH') throw thrown
      await this.#handlers.keep(path)
      return undefined
    }
  }

  /** Looks at it for the last time, now. */
  async finish(path: string): Promise<void> {
    const expected = this.#waiting.get(path)?.expected
    this.#forget(path)
    if ((await this.#read(path, expected)) !== undefined) await this.#ports.disk.remove(path)
  }

  #forget(path: string): void {
    this.#waiting.get(path)?.cancel()
    this.#waiting.delete(path)
  }

  async close(): Promise<void> {
    for (const path of [...this.#waiting.keys()]) await this.#turns.take(() => this.finish(path))
  }
}
