/** Puts a file into a project folder, whole or not at all, and never in the place of another. */
import { dirname, join } from 'node:path'
import type { Disk } from './disk.ts'
import { type DiskNames, freeName } from './disk-names.ts'
import { safeJoinNew } from './safe-join.ts'

/** Returns the path that was free. */
export async function putBack(
  disk: Disk,
  root: string,
  names: DiskNames,
  path: string,
  bytes: Uint8Array,
): Promise<string> {
  const folder = dirname(await safeJoinNew(disk, root, path, names))
  const temporary = join(folder, '.meshbook-restored.tmp')
  await disk.remove(temporary)
  await disk.write(temporary, bytes)
  const taken = new Set<string>()
  for (;;) {
    const free = freeName(path, name => taken.has(name))
    if (await disk.place(temporary, await safeJoinNew(disk, root, free, names))) {
      await disk.syncFolder(folder)
      return free
    }
    taken.add(free)
  }
}
