/** Where a hub keeps assets and large snapshots, chosen once from its configuration: an S3-compatible store, or files. */
import { join } from 'node:path'
import type { Now, RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DocumentLog } from '@meshbook/relay/document-log.ts'
import type { DocumentStore } from '@meshbook/relay/store/document-store.ts'
import type { HubConfig } from '../config.ts'
import { FileObjectStore } from './file-object-store.ts'
import { ObjectSnapshotStore } from './object-snapshot-store.ts'
import type { ObjectStore } from './object-store.ts'
import type { S3Config } from './s3-config.ts'
import { S3ObjectStore } from './s3-object-store.ts'

export interface HubObjects {
  assets: ObjectStore
  documents: DocumentStore
  /** The log of several hubs, with snapshots as `documents` reads them. */
  following(log: DocumentLog): DocumentLog
  /** Deletes snapshots that no document names; returns how many. */
  collectSnapshots(): Promise<number>
  close(): void
}

/** Without an object store a snapshot is best beside its updates, where one commit holds both. */
export async function openObjects(
  { s3, dataFolder }: HubConfig,
  rows: DocumentStore,
  given: { now: Now; random: RandomBytes },
): Promise<HubObjects> {
  if (!s3) {
    const assets = await FileObjectStore.open(join(dataFolder, 'assets'))
    return { assets, documents: rows, following: log => log, collectSnapshots: async () => 0, close: () => undefined }
  }
  const ports = { now: given.now, random: given.random, limits }
  const { assets, snapshots, close } = openS3(s3, given)
  const documents = new ObjectSnapshotStore(rows, snapshots, ports)
  return {
    assets,
    documents,
    following: log => documents.following(log),
    collectSnapshots: () => documents.collectOrphans(),
    close,
  }
}

export interface S3Objects {
  assets: ObjectStore
  snapshots: ObjectStore
  close(): void
}

/** What a hub keeps in its bucket, each kind in a room of its own. */
export function openS3(s3: S3Config, given: { now: Now; random: RandomBytes }): S3Objects {
  const ports = { now: given.now, random: given.random, limits }
  const assets = new S3ObjectStore(s3, 'assets/', ports)
  const snapshots = new S3ObjectStore(s3, 'snapshots/', ports)
  const close = (): void => {
    assets.close()
    snapshots.close()
  }
  return { assets, snapshots, close }
}
