/** Bytes and files of a repository on disk: what a folder uses, and what a killed git leaves behind (GT12, GT13). */
import type { Dirent } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

async function entries(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR') return []
    throw thrown
  })
}

/** Files may come and go meanwhile. */
export async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await entries(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) bytes += await bytesIn(path)
    else if (entry.isFile())
      bytes += await stat(path).then(
        found => found.size,
        () => 0,
      )
  }
  return bytes
}

/** Only while no git writes there. */
export async function clearHalves(gitDir: string): Promise<void> {
  for (const entry of await entries(gitDir))
    if (entry.isFile() && entry.name.endsWith('.lock')) await rm(join(gitDir, entry.name), { force: true })
  await clearLocks(join(gitDir, 'refs'))
  await clearHalfPacks(gitDir)
}

/** Only while nobody pushes there. */
export async function clearHalfPacks(gitDir: string): Promise<void> {
  for (const folder of [join(gitDir, 'objects'), join(gitDir, 'objects', 'pack')])
    for (const entry of await entries(folder))
      if (/^(?:tmp_|\.tmp-|incoming-|tmp_objdir)/.test(entry.name) || entry.name.endsWith('.lock'))
        await rm(join(folder, entry.name), { recursive: true, force: true })
}

async function clearLocks(folder: string): Promise<void> {
  for (const entry of await entries(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await clearLocks(path)
    else if (entry.name.endsWith('.lock')) await rm(path, { force: true })
  }
}
