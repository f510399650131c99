/** What following a folder needs from the rest of the device. */
import type { DocumentId, Now, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { After } from '@meshbook/relay/timers.ts'
import type { DocumentPeer } from '../document-peer.ts'
import type { Problems } from '../problems.ts'
import type { Projection, ProjectionHead } from '../store/projections.ts'
import type { AssetSharing } from './asset-file-ports.ts'
import type { Disk } from './disk.ts'
import type { DiskNames } from './disk-names.ts'
import type { Trash } from './trash.ts'

export interface ProjectionStore {
  save(projection: Projection): Promise<void>
  remove(document: Projection['document']): Promise<void>
  /** The rows without what only an open document needs. */
  list(): Promise<ProjectionHead[]>
  /** NOT_FOUND if there is none. */
  load(document: DocumentId): Promise<Projection>
  /** How many updates of a document are stored: it grows with each change. */
  position(document: DocumentId): Promise<number>
}

/** What one file needs of it. */
export interface FilePorts
  extends Pick<
    FolderPorts,
    'disk' | 'store' | 'now' | 'after' | 'limits' | 'problems' | 'trash' | 'deviceName' | 'isReadOnly' | 'taken'
  > {
  root: string
  names: DiskNames
}

export interface FolderPorts {
  disk: Disk
  store: ProjectionStore
  /** Opens a document of this project. */
  open(document: DocumentId): DocumentPeer
  /** Keeps a document in step with the hub while it is not open, and calls back when it changes or somebody opens it. */
  follow(document: DocumentId, changed: () => void): () => void
  /** Resolves once the paths of the project are known well enough for an unknown file to be a new one. */
  treeKnown(tree: DocumentPeer): Promise<void>
  now: Now
  after: After
  random: RandomBytes
  limits: Limits
  problems: Problems
  trash: Trash
  /** Stands in the names of files that could not be merged. */
  deviceName: string
  /** The text of a document as it now stands in its file. */
  projected(text: string): void
  /** Before a text of a file goes into its document; what it names must not be here alone then (DV130). */
  taken?(path: string, text: string): Promise<void>
  /** The user may only read here: nothing of the folder goes into a document or the tree (DV107). */
  isReadOnly?: boolean
  /** How files that are no notebooks are shared; absent where nobody is to get them. */
  sharing?: AssetSharing
}
