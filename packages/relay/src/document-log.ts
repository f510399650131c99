/** The port by which a relay follows documents that others append to as well: what is in the log beyond a position. */
import type { Epoch } from '@meshbook/core/ids.ts'
import type { DocumentKey, StoredDocument } from './store/document-store.ts'

export interface LogHead {
  key: DocumentKey
  epoch: Epoch
  position: number
}

export interface DocumentLog {
  /**
   * One consistent read of what came after a position: the updates after it, or, where a compaction took some of them,
   * the snapshot (whose position is greater than `after`) and the updates after that.
   */
  since(key: DocumentKey, after: number): Promise<StoredDocument>
  /** How far each log goes now; a document that was never written to is left out. */
  heads(keys: readonly DocumentKey[]): Promise<LogHead[]>
}
