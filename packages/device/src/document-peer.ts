/** An open document of this device as its users (file projection, monitor) see it; how it is kept and synced is not theirs to know. */

import type { DocumentId } from '@meshbook/core/ids.ts'
import type * as Y from 'yjs'

export interface DocumentPeer {
  readonly id: DocumentId
  readonly doc: Y.Doc
  /** Resolves once `doc` holds what this device's store has. */
  readonly ready: Promise<void>
  /** Resolves once the hub's content has arrived at least once; at once where there is no hub. */
  readonly synced: Promise<void>
  /** Resolves once every change made so far is durable on this device (I1). */
  durable(): Promise<void>
  /** Resolves when the hub has put another document in its place: whoever uses it closes it and opens it again. */
  readonly replaced?: Promise<void>
  /** That other document has not come yet; `ready` waits for it. */
  isAway?(): boolean
  /** Whether others on this device have it open too. */
  isShared(): boolean
  close(): Promise<void>
}
