/** What must be in a document, and what must not be in it any more, whatever was killed since. */
import assert from 'node:assert/strict'
import { type MarkingClient, marksIn, type Onlooker } from './marked-clients.ts'

export class DocumentLedger {
  readonly path: string
  /** Acknowledged to their writer, or sent to somebody else. */
  readonly #kept = new Set<number>()
  /** Somebody deleted it, and perhaps nobody was told that this is durable. */
  readonly #touched = new Set<number>()
  readonly #gone = new Set<number>()

  constructor(path: string) {
    this.path = path
  }

  get size(): number {
    return this.#kept.size
  }

  deletes(mark: number): void {
    this.#touched.add(mark)
  }

  note(writers: readonly MarkingClient[], onlookers: readonly Onlooker[]): void {
    for (const { inserted, removed } of writers.map(writer => writer.acknowledgedMarks())) {
      for (const mark of inserted) this.#kept.add(mark)
      for (const mark of removed) this.#gone.add(mark)
    }
    for (const { seen } of onlookers) for (const mark of seen) this.#kept.add(mark)
  }

  check(text: string): void {
    const counts = new Map<number, number>()
    for (const mark of marksIn(text)) counts.set(mark, (counts.get(mark) ?? 0) + 1)
    const doubled = [...counts].filter(([, count]) => count > 1)
    const lost = [...this.#kept].filter(mark => !this.#touched.has(mark) && !counts.has(mark))
    const back = [...this.#gone].filter(mark => counts.has(mark))
    assert.deepEqual(
      { doubled: doubled.length, lost: lost.length, back: back.length },
      { doubled: 0, lost: 0, back: 0 },
      `${this.path}: doubled ${doubled.slice(0, 5)}, lost ${lost.slice(0, 5)}, deleted and back ${back.slice(0, 5)}`,
    )
    assert.equal(text.replace(/#[0-9a-z]{7};/g, ''), '', `${this.path} holds something that nobody wrote whole`)
  }
}
