/** The assets of a document in the page: fetched from the hub for an export, sent to it with an import. */
import type { AssetId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { requestBytes, sendBytes } from '../api/http.ts'

/** What can be had of what is needed; asks again for what the fetched ones name. */
export async function fetchAssets(
  needed: (found: ReadonlyMap<AssetId, Uint8Array>) => readonly AssetId[],
  project: string,
): Promise<Map<AssetId, Uint8Array>> {
  const found = new Map<AssetId, Uint8Array>()
  const asked = new Set<AssetId>()
  for (;;) {
    const wanted = needed(found).filter(id => !asked.has(id))
    if (wanted.length === 0) return found
    for (const id of wanted) {
      asked.add(id)
      const bytes = await requestBytes(`/assets/${id}?project=${project}`, limits.displayBytes)
      if (bytes) found.set(id, bytes)
    }
  }
}

export async function sendAssets(
  assets: ReadonlyMap<AssetId, Uint8Array>,
  project: string,
  tell: (sent: number) => void,
): Promise<void> {
  let sent = 0
  for (const [id, bytes] of assets) {
    tell(sent++)
    await sendBytes('PUT', `/assets/${id}?project=${project}`, bytes)
  }
}
