/** The row of a document whose file was never read or written here. */
import type { DocumentId, ProjectId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Projection } from '../store/projections.ts'

export function newProjection(document: DocumentId, project: ProjectId, path: string, random: RandomBytes): Projection {
  // Below 2^31, so that no encoding of the number needs more than five bytes.
  const client = (new DataView(random(4).slice().buffer).getUint32(0) >>> 1) + 1
  const base = { text: '', snapshot: null }
  return {
    document,
    project,
    path,
    client,
    version: 0,
    before: null,
    base,
    past: [],
    merge: null,
    inode: null,
    stamp: null,
    position: 0,
    gone: false,
  }
}
