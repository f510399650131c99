/** What sharing files that are no notebooks needs from the rest of the device. */
import type { AssetId, DocumentId } from '@meshbook/core/ids.ts'
import type { AssetFileRow } from '../store/asset-files.ts'
import type { BigFiles, Digest } from './big-files.ts'
import type { FolderPorts } from './folder-ports.ts'

export interface AssetFileStore {
  list(): Promise<AssetFileRow[]>
  save(row: AssetFileRow): Promise<void>
  remove(id: DocumentId): Promise<void>
}

export interface AssetSharing {
  store: AssetFileStore
  files: BigFiles
  /** Resolves when a copy is durable here and the hub is to get it; undefined if the file changed meanwhile. */
  stage(file: string, maxBytes: number, signal: AbortSignal): Promise<Digest | undefined>
  /** `use` gets a file with the checked bytes, which is gone afterwards. UNREACHABLE and NOT_FOUND pass by themselves. */
  fetch<T>(asset: AssetId, maxBytes: number, use: (file: string) => Promise<T>): Promise<T>
  /** How much of it has come so far. */
  received(asset: AssetId): Promise<number>
  /** The name of this device, for conflict copies and entries. */
  device: string
}

export interface AssetFilePorts
  extends AssetSharing,
    Pick<FolderPorts, 'disk' | 'now' | 'after' | 'random' | 'limits' | 'problems' | 'trash' | 'isReadOnly'> {
  root: string
  /** Asks for the folder to be looked at again. */
  again(ms?: number): void
}
