/** Entries of the tree that want one path, as two devices make them that do not see each other. */
import type { DocumentId } from '@meshbook/core/ids.ts'
import { conflictPath, type PlacedAsset } from './asset-entry.ts'
import type { AssetRows } from './asset-rows.ts'
import type { ProjectTree } from './project-tree.ts'

/**
 * The same content is one entry, the older; other content gets the name of a conflict copy. Every device comes to the
 * same result, so it does not matter how many do it. `tell` is called for each conflict.
 */
export async function settleTwins(
  tree: ProjectTree,
  rows: AssetRows,
  now: number,
  tell: (copy: string, path: string) => void,
): Promise<void> {
  let isChanged = false
  for (const [[first, kept], ...others] of twinsOf(tree.assets()).map(sorted))
    for (const [id, entry] of others) {
      if (entry.asset === kept.asset) {
        const row = rows.get(id)
        if (row && !rows.get(first)?.asset) await rows.save({ ...row, id: first })
        tree.bury(id, now)
      } else {
        const path = conflictPath(entry.wanted, entry.at, entry.by)
        if (path === entry.wanted) continue
        const { wanted: _, ...plain } = entry
        tree.putAsset(id, { ...plain, path })
        tell(path, entry.wanted)
      }
      isChanged = true
    }
  if (isChanged) await tree.peer.durable()
}

type Twin = [DocumentId, PlacedAsset]

function twinsOf(assets: ReadonlyMap<DocumentId, PlacedAsset>): Twin[][] {
  const byPath = Map.groupBy(assets, ([, { wanted }]) => wanted)
  return [...byPath.values()].filter(twins => twins.length > 1)
}

function sorted(twins: Twin[]): [Twin, ...Twin[]] {
  return twins.sort(([a], [b]) => (a < b ? -1 : 1)) as [Twin, ...Twin[]]
}
