/** Bugs of those who keep files, the tree and a browser's rows. */

import type { DocumentId } from '@meshbook/core/ids.ts'
import type { Disk } from '@meshbook/device/projects/disk.ts'
import { ProjectTree } from '@meshbook/device/projects/project-tree.ts'
import { Trash } from '@meshbook/device/projects/trash.ts'
import type { DocumentDatabase } from '@meshbook/web/sync/link-ports.ts'
import type { SimDisk } from '../world/sim-disk.ts'
import { type PlantedBug, patched, planted } from './planted-bug.ts'

/** Temporary files take the place of the old ones without having been synced. */
function writesWithoutSync(disk: Disk, files: SimDisk): Disk {
  return new Proxy(disk, {
    get: (target, name) => {
      if (name === 'write')
        return async (file: string, bytes: Uint8Array) => {
          files.createFile(file, {})
          files.fillFile(file, bytes)
          return files.look(file)!.stamp
        }
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
}

/** Every fourth group of rows is not written, and nobody is told. */
function losesRows(database: DocumentDatabase): DocumentDatabase {
  let calls = 0
  return {
    lasting: database.lasting,
    read: document => database.read(document),
    append: (document, epoch, change) =>
      database.append(document, epoch, ++calls % 4 === 0 ? { ...change, rows: [] } : change),
    rewrite: (document, make) => database.rewrite(document, make),
    quarantine: (document, isBad) => database.quarantine(document, isBad),
    heads: () => database.heads(),
    forget: document => database.forget(document),
  }
}

export const fileBugs: PlantedBug[] = [
  planted('a file takes the place of another before it is synced', 300, {
    files: (disk, _process, files) => writesWithoutSync(disk, files),
  }),
  patched(
    'a deleted document is put back by a device that still has its file',
    100,
    ProjectTree.prototype,
    'has',
    () => () => false,
  ),
  patched(
    'a renamed file becomes a new document',
    200,
    ProjectTree.prototype,
    'put',
    put =>
      function (this: ProjectTree, id: DocumentId, path: string) {
        const before = this.wanted(id)
        if (before === undefined || before === path) return put.call(this, id, path)
        this.bury(id, 1)
      },
  ),
  patched('what is deleted does not go to the trash', 200, Trash.prototype, 'keep', () => async () => undefined),
  planted('a browser says that it stored what it lost', 100, { database: losesRows }),
]
