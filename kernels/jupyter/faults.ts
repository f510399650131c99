/**
 * What a kernel said that was dropped: counted by kind, in a small file of the session's scratch folder for whoever looks
 * into a kernel that misbehaves. The first of a kind is written at once, the others as their number doubles.
 */
import { writeFileSync } from 'node:fs'

export class Faults {
  readonly counts = new Map<string, number>()
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  note(kind: string): void {
    const count = (this.counts.get(kind) ?? 0) + 1
    this.counts.set(kind, count)
    // Kinds come from a fixed list, so the file stays small.
    if (Number.isInteger(Math.log2(count)))
      writeFileSync(this.#path, JSON.stringify(Object.fromEntries(this.counts)), { mode: 0o600 })
  }
}
