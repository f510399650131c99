/** Files that are written whole or not at all, and not over others unless asked (I13). */
import { link, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'

export async function writeWhole(path: string, content: string | Uint8Array, replace: boolean): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = join(dirname(path), `.${basename(path).slice(0, 80)}.${process.pid}.tmp`)
  try {
    const file = await open(temporary, 'wx', 0o644)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    if (replace) await rename(temporary, path)
    else await link(temporary, path)
  } catch (thrown) {
    throw asKnown(thrown, path)
  } finally {
    await rm(temporary, { force: true })
  }
}

function asKnown(thrown: unknown, path: string): unknown {
  const code = (thrown as NodeJS.ErrnoException).code
  if (code === 'EEXIST') return new MeshError('WOULD_OVERWRITE', { detail: `${path} (--force writes over it)` })
  if (code === 'ENOSPC' || code === 'EDQUOT') return new MeshError('DISK_FULL', { detail: path, cause: thrown })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new MeshError('READ_ONLY_FOLDER', { detail: path, cause: thrown })
  return thrown
}
