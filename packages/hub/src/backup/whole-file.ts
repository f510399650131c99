/** Files that are there whole or not at all, and folders whose entries are on the disk. */
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { storageError } from '../store/storage-error.ts'

/** `temporary` is on the same disk; a kill may leave it behind. */
export async function writeWhole(path: string, text: string, temporary = `${path}.new`): Promise<void> {
  try {
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw storageError(thrown)
  }
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
