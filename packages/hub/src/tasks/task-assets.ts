/** Bytes of an agent that are too large for an event: assets of the org, named by the log of the task. */
import { type AssetId, isAssetId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { AssetUploads } from '../assets/asset-uploads.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TaskAssets } from './open-tasks.ts'

export interface TaskAssetsPorts {
  store: HubStore
  uploads: Pick<AssetUploads, 'receive'>
  objects: Pick<ObjectStore, 'get'>
}

export function taskAssets({ store, uploads, objects }: TaskAssetsPorts): TaskAssets {
  return {
    keep: async ({ org, project, askedOrg, askedBy }, asset, bytes) => {
      if (await store.call('claimAsset', { org, id: asset })) return
      const user = askedOrg === org && askedBy ? askedBy : await store.query('ownerOfProject', { org, project })
      if (user === null) return
      const piece = { total: bytes.byteLength, from: 0, last: true }
      const signal = AbortSignal.timeout(limits.requestMs)
      await uploads.receive({ org, user }, asset, piece, whole(bytes), signal)
    },
    load: async (org, asset) => {
      const row = isAssetId(asset) ? await store.query('findAsset', { org, id: asset as AssetId }) : null
      if (!row || row.bytes > limits.taskAssetBytes) return null
      const chunks: Uint8Array[] = []
      for await (const chunk of await objects.get(row.object)) chunks.push(chunk)
      return Buffer.concat(chunks)
    },
  }
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
