/** What the user should know about this device right now: one entry for each thing that is wrong, gone once it is right. */
import type { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

export class Problems {
  readonly #open = new Map<string, MeshError>()
  readonly #changed: () => void

  constructor(changed: () => void = () => undefined) {
    this.#changed = changed
  }

  /** `about` names the thing: a file, the disk, the link. */
  report(about: string, error: MeshError): void {
    const same = this.#open.get(about)?.message === error.message
    if (!same && this.#open.size >= limits.pageRows && !this.#open.has(about)) return
    this.#open.set(about, error)
    if (!same) this.#changed()
  }

  solve(about: string): void {
    if (this.#open.delete(about)) this.#changed()
  }

  /** One sentence each, and what to do. */
  list(): string[] {
    return [...this.#open.values()].map(error => `${error.message}. ${error.entry.hint}`)
  }
}
