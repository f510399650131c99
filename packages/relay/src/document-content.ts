/** The durable content of an open document, encoded: a snapshot and the updates after it. No Y.Doc is built. */
import * as Y from 'yjs'
import type { StoredDocument } from './store/document-store.ts'

/** Loose updates are folded into one piece only while they are small; large ones are folded by compaction, in a thread. */
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
    if (this.#loose.length >= this.#chunkUpdates) this.#fold()
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

  #fold(): void {
    if (bytesOf(this.#loose) > foldBytes) this.#folded.push(...this.#loose)
    else this.#folded.push(Y.mergeUpdates(this.#loose))
    this.bytes = this.snapshotBytes + bytesOf(this.#sealed) + bytesOf(this.#folded)
    this.#loose = []
  }
}

function bytesOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0)
}
