/** Files that are named after their content. */
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../projects/notebook-file.ts'

/** Whole or not at all; what is there already has the same content, because its name says so. */
export async function writeOnce(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `.${name}.${process.pid}.tmp`)
  try {
    const handle = await open(temporary, 'w', 0o644)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, join(folder, name))
    await syncFolder(folder)
  } finally {
    await rm(temporary, { force: true })
  }
}
