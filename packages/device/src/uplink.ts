/** The port by which open documents are kept in step with the hub's; how they travel is not theirs to know. */
import type { DocumentId, Epoch, ProjectId } from '@meshbook/core/ids.ts'

export interface UplinkEvents {
  /** The hub's content has become part of the document; called each time. */
  synced(): void
  /** The hub sends content; called again once that is stored, for those who were letting go of the document. */
  changed(): void
  /** More of what was sent is durable at the hub; `isLast` when the hub goes out of reach and has it all. */
  delivered(isLast: boolean): void
  /** The hub's document has another epoch; once this resolves, the local one is of that epoch too. */
  replaced(epoch: Epoch): Promise<void>
}

/** Keeps the room of a document in step with the hub's, for as long as it is open. */
export interface Uplink {
  open(project: ProjectId, document: DocumentId, events: UplinkEvents): void
  /** The hub's epoch of the document, if everything that is durable here is durable there. */
  settledAt(document: DocumentId): Epoch | undefined
  close(document: DocumentId): void
}
