/** Files that are named after their content. */
import { join } from 'node:path'
import type { Disk } from '../projects/disk.ts'

/** Whole or not at all; what is there already has the same content, because its name says so. */
export async function writeOnce(disk: Disk, folder: string, name: string, bytes: Uint8Array): Promise<void> {
  await disk.makeFolders(folder, false)
  const temporary = join(folder, `.${name}.${process.pid}.tmp`)
  try {
    await disk.remove(temporary)
    await disk.write(temporary, bytes, { mode: 0o644 })
    await disk.move(temporary, join(folder, name))
    await disk.syncFolder(folder)
  } finally {
    await disk.remove(temporary)
  }
}
