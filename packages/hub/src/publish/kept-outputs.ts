/**
 * Pages that show what imported outputs hold beside their text (FM25): a page is made once, and once more with those
 * outputs where it names some. Most pages name none.
 */
import type { AssetId, OrgId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { PageMaker } from './page-maker.ts'
import type { MadePage, PageContent, PageSettings } from './render-job.ts'

export interface KeptOutputsPorts {
  store: Pick<HubStore, 'query'>
  objects: Pick<ObjectStore, 'get'>
  maker: Pick<PageMaker, 'page'>
}

export async function pageWithOutputs(
  ports: KeptOutputsPorts,
  org: OrgId,
  content: PageContent,
  settings: PageSettings,
): Promise<MadePage & { plain: boolean; kept: ReadonlyMap<AssetId, Uint8Array> }> {
  const first = await ports.maker.page(content, settings)
  const kept = await readKept(ports, org, first.wanted)
  if (kept.size === 0) return { ...first, kept }
  const again = await ports.maker.page(content, { ...settings, kept })
  return { ...again, tookMs: first.tookMs + again.tookMs, kept }
}

/** As many as there is room for; what is not at the hub is shown as its text. */
async function readKept({ store, objects }: KeptOutputsPorts, org: OrgId, wanted: readonly AssetId[]) {
  const kept = new Map<AssetId, Uint8Array>()
  let left: number = limits.publishedOutputsBytes
  for (const id of wanted.slice(0, limits.publishedOutputs)) {
    const row = await store.query('findAsset', { org, id })
    if (!row || row.bytes > left) continue
    left -= row.bytes
    kept.set(id, await bytesOf(await objects.get(row.object)))
  }
  return kept
}

export async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return Buffer.concat(pieces)
}
