/** What the promises given so far say about each document. */
import assert from 'node:assert/strict'
import type { DocumentKey } from '@meshbook/relay/store/document-store.ts'
import type { Promised } from './promises.ts'

export class ExpectedDocuments {
  readonly keys: DocumentKey[] = []
  readonly #wished: Set<number>[] = []
  readonly #kept: Set<number>[] = []
  readonly #removing = new Set<number>()
  promised = 0

  take(promise: Promised): void {
    switch (promise.type) {
      case 'key':
        this.keys[promise.at] = { org: promise.org, document: promise.document }
        this.#forget(promise.at)
        return
      case 'insert':
        this.#wished[promise.at]!.add(promise.mark)
        return
      case 'inserted':
        this.#kept[promise.at]!.add(promise.mark)
        this.promised++
        return
      case 'remove':
        this.#removing.add(promise.at)
        return
      case 'removed':
        this.#forget(promise.at)
        return
      case 'migrate':
      case 'end':
        return
    }
  }

  #forget(at: number): void {
    this.#wished[at] = new Set()
    this.#kept[at] = new Set()
    this.#removing.delete(at)
  }

  /** How many marks of a document that were promised are not in it. Throws for one that nobody wrote, or that is there twice. */
  missing(at: number, marks: readonly number[]): number {
    assert.equal(new Set(marks).size, marks.length, `document ${at} has a mark twice`)
    const strange = marks.filter(mark => !this.#wished[at]!.has(mark))
    assert.deepEqual(strange, [], `document ${at} has what was removed, or what nobody wrote`)
    if (this.#removing.has(at) && marks.length === 0) return 0
    const there = new Set(marks)
    return [...this.#kept[at]!].filter(mark => !there.has(mark)).length
  }
}
