/** What the user should know about this device right now: one entry for each thing that is wrong, gone once it is right. */
import type { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

/** What a problem is about, where that is more than its name: paths on this machine. */
export interface ProblemPlace {
  file?: string
  /** A conflict copy of it. */
  copy?: string
  /** Its name in the trash. */
  trash?: string
}

export interface Problem extends ProblemPlace {
  about: string
  error: MeshError
}

export class Problems {
  readonly #open = new Map<string, Problem>()
  readonly #changed: () => void

  constructor(changed: () => void = () => undefined) {
    this.#changed = changed
  }

  /** `about` names the thing: a file, the disk, the link. */
  report(about: string, error: MeshError, place: ProblemPlace = {}): void {
    const same = this.#open.get(about)?.error.message === error.message
    if (!same && this.#open.size >= limits.pageRows && !this.#open.has(about)) return
    this.#open.set(about, { about, error, ...place })
    if (!same) this.#changed()
  }

  solve(about: string): void {
    if (this.#open.delete(about)) this.#changed()
  }

  all(): Problem[] {
    return [...this.#open.values()]
  }

  /** One sentence each, and what to do. */
  list(): string[] {
    return this.all().map(({ error }) => `${error.message}. ${error.entry.hint}`)
  }
}
