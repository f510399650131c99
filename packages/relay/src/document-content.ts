/** The durable content of an open document, encoded: a snapshot and the updates after it. No Y.Doc is built. */
import * as Y from 'yjs'
import type { StoredDocument } from './store/document-store.ts'

/** More than this is merged by compaction, in a thread. */
const foldBytes = 64 * 1024

export class DocumentContent {
  bytes = 0
  /** Updates that no snapshot stands for yet. */
  looseUpdates = 0
  /** Position of the newest update. */
  position: number
  readonly #chunkUpdates: number
  #snapshot: Uint8Array | undefined
  /** Pieces that a running compaction merges. */
  #sealed: Uint8Array[] = []
  #folded: Uint8Array[] = []
  #loose: Uint8Array[] = []
  #sealedUpdates = 0

  constructor(stored: StoredDocument, chunkUpdates: number) {
    this.#chunkUpdates = chunkUpdates
    this.#snapshot = stored.snapshot?.data
    this.bytes = this.snapshotBytes
    this.position = stored.position - stored.tail.length
    for (const update of stored.tail) this.append(update)
  }

  get snapshotBytes(): number {
    return this.#snapshot?.byteLength ?? 0
  }

  append(update: Uint8Array): void {
    this.position++
    this.looseUpdates++
    this.bytes += update.byteLength
    this.#loose.push(update)
  }

  /**
   * Merges loose updates into one piece, for whoever is about to read the pieces: nobody pays for it while people only
   * type, and the second newcomer does not pay again.
   */
  fold(): void {
    if (this.#loose.length < 2) return
    for (let at = 0; at < this.#loose.length; at += this.#chunkUpdates) {
      const chunk = this.#loose.slice(at, at + this.#chunkUpdates)
      if (bytesOf(chunk) > foldBytes) this.#folded.push(...chunk)
      else this.#folded.push(Y.mergeUpdates(chunk))
    }
    this.#loose = []
    this.bytes = this.snapshotBytes + bytesOf(this.#sealed) + bytesOf(this.#folded)
  }

  pieces(): Uint8Array[] {
    return [...(this.#snapshot ? [this.#snapshot] : []), ...this.#sealed, ...this.#folded, ...this.#loose]
  }

  /** Keeps the pieces as they are now for a compaction, which stands for everything up to the position returned. */
  seal(): { position: number; pieces: Uint8Array[] } {
    const sealed = { position: this.position, pieces: this.pieces() }
    this.#sealed = [...this.#sealed, ...this.#folded, ...this.#loose]
    this.#sealedUpdates = this.looseUpdates
    this.#folded = []
    this.#loose = []
    return sealed
  }

  /** The snapshot of the last `seal` is durable. */
  replaceSealed(snapshot: Uint8Array): void {
    this.bytes += snapshot.byteLength - this.snapshotBytes - bytesOf(this.#sealed)
    this.#snapshot = snapshot
    this.#sealed = []
    this.looseUpdates -= this.#sealedUpdates
    this.#sealedUpdates = 0
  }
}

function bytesOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0)
}
