/**
 * The port under the relay: an append-only log of Yjs updates per document, with a snapshot that stands for its
 * beginning. A store never looks into an update. Positions count the updates of a document from 1, without gaps.
 */
import type { DocumentId, Epoch, OrgId } from '@meshbook/core/ids.ts'

export interface DocumentKey {
  org: OrgId
  document: DocumentId
}

export interface DocumentSnapshot {
  /** It stands for every update up to and including this position. */
  position: number
  data: Uint8Array
  /** What an `encodeFacts` said of the data, for a store that keeps it; without it the data is read through once. */
  facts?: Uint8Array | undefined
}

/** A document as one consistent read found it. One that was never written to has epoch 1, position 0 and no content. */
export interface StoredDocument {
  epoch: Epoch
  /** Position of the newest update; the tail holds those from the snapshot's position on. */
  position: number
  snapshot: DocumentSnapshot | undefined
  tail: Uint8Array[]
  /** What the last `replace` said of it. */
  retired?: Uint8Array | undefined
}

/** How the content of a document is exchanged for another, with another epoch. */
export interface Replacement {
  /** Only if the log stands exactly there; whatever stands there otherwise. */
  from?: { epoch: Epoch; position: number }
  /**
   * The new epoch: the next one, but not below `least`, which comes from a clock so that the numbers of a time that a
   * backup took back do not come again with other content; or this one, as another store has it.
   */
  epoch: { least: number } | { exactly: Epoch }
  /** Who wrote what the document held before, as `retire` says it; kept beside the new content. */
  retired?: Uint8Array | undefined
  /** All that the document holds from then on. */
  updates: readonly Uint8Array[]
}

export interface DocumentStore {
  open(key: DocumentKey): Promise<StoredDocument>
  /**
   * Adds updates in the order given and resolves with the position of the last one, once all are durable (I1): all of
   * them or none. Throws EPOCH when the document has another epoch by now, and whatever the disk says.
   */
  append(key: DocumentKey, epoch: Epoch, updates: readonly Uint8Array[]): Promise<number>
  /**
   * Puts the snapshot in the place of the updates it stands for, in one step: a crash leaves the old or the new, and
   * updates after its position stay as they are. A snapshot older than the stored one, or of another epoch, changes nothing.
   */
  compact(key: DocumentKey, epoch: Epoch, snapshot: DocumentSnapshot): Promise<void>
  /**
   * Forgets the document's content for good and puts other content in its place, under another epoch, in one step.
   * Resolves with that epoch once it is durable; undefined if the log had moved on, or had exactly that epoch already:
   * then nothing is changed.
   */
  replace(key: DocumentKey, replacement: Replacement): Promise<Epoch | undefined>
}
