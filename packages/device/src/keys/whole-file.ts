/** Small private files that are there whole or not at all. */
import { chmod, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { syncFolder } from '../projects/node-disk.ts'
import { codeOf, orStorageError } from '../projects/storage-error.ts'

export async function writeWhole(path: string, text: string): Promise<void> {
  await orStorageError(path, async () => {
    const handle = await open(`${path}.new`, 'w', 0o600)
    try {
      // A file of this name that was left behind keeps its mode when it is opened.
      await handle.chmod(0o600)
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(`${path}.new`, path)
    await syncFolder(dirname(path))
  })
}

/** Undefined when there is none. */
export async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8')
    await chmod(path, 0o600)
    return text
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined
    throw new MeshError('READ_ONLY_FOLDER', { detail: path, cause: thrown })
  }
}
