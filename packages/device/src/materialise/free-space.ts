import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Bytes that this user may still write where a folder is, or will be; undefined where the system does not tell. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const found = await statfs(at).catch(() => undefined)
    if (found) return found.bavail * found.bsize
    if (dirname(at) === at) return undefined
  }
}
