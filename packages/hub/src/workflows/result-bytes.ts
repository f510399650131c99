/** Results of steps that are too large for the log: assets of the org, which the log names. */

import { MeshError } from '@meshbook/core/errors.ts'
import type { AssetId, OrgId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { AssetUploads } from '../assets/asset-uploads.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TakenWorkflowRun } from '../store/workflow-runs.ts'
import { sha256 } from './pin-files.ts'

export interface ResultBytesPorts {
  store: HubStore
  uploads: Pick<AssetUploads, 'receive'>
  objects: Pick<ObjectStore, 'get'>
}

export interface ResultBytes {
  keep(run: TakenWorkflowRun, bytes: Uint8Array): Promise<AssetId>
  load(org: OrgId, asset: AssetId): Promise<Uint8Array>
}

export function resultBytes({ store, uploads, objects }: ResultBytesPorts): ResultBytes {
  return {
    keep: async ({ org, project, asker }, bytes) => {
      const asset = `sha256-${sha256(bytes)}` as AssetId
      if (await store.call('claimAsset', { org, id: asset })) return asset
      const owner = asker?.org === org ? asker.user : await store.query('ownerOfProject', { org, project })
      if (owner === null) throw new MeshError('NOT_FOUND', { detail: `project ${project}` })
      const user = owner as UserId
      const piece = { total: bytes.byteLength, from: 0, last: true }
      await uploads.receive({ org, user }, asset, piece, whole(bytes), AbortSignal.timeout(limits.requestMs))
      return asset
    },
    load: async (org, asset) => {
      const row = await store.query('findAsset', { org, id: asset })
      if (!row) throw new MeshError('NOT_FOUND', { detail: `the result ${asset}` })
      const chunks: Uint8Array[] = []
      for await (const chunk of await objects.get(row.object)) chunks.push(chunk)
      return Buffer.concat(chunks)
    },
  }
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
