/** What following a folder needs from the rest of the device. */
import type { DocumentId, Now, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { After } from '@meshbook/relay/timers.ts'
import type { DocumentPeer } from '../document-peer.ts'
import type { Problems } from '../problems.ts'
import type { Projection } from '../store/projections.ts'
import type { Disk } from './disk.ts'
import type { ProjectionStore } from './document-file.ts'
import type { Trash } from './trash.ts'

export interface FolderPorts {
  disk: Disk
  store: ProjectionStore & { list(): Promise<Projection[]> }
  /** Opens a document of this project. */
  open(document: DocumentId): DocumentPeer
  /** Resolves once the paths of the project are known well enough for an unknown file to be a new one. */
  treeKnown(tree: DocumentPeer): Promise<void>
  now: Now
  after: After
  random: RandomBytes
  limits: Limits
  problems: Problems
  trash: Trash
  /** The text of a document as it now stands in its file. */
  projected(text: string): void
}
