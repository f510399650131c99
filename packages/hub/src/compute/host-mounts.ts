/**
 * Folders of the hub as other users of this machine can reach them: bind mounts below one folder that everybody may pass
 * through and nobody but root may list. Only for root; one set for each worker.
 */
import { mkdir, readdir, rmdir, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { isId, type WorkerId } from '@meshbook/core/ids.ts'
import { tool, unmountBelow } from './mounting.ts'

const passable = 0o711
/** Of the folders of all hubs of this machine. */
const namePrefix = 'meshbook-'

export class HostMounts {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Returns where each of them is. */
  async make(
    id: WorkerId,
    folders: Readonly<Record<string, string>>,
    files: Readonly<Record<string, string>>,
  ): Promise<(name: string) => string> {
    const root = join(this.#folder, id)
    await mkdir(root, { recursive: true, mode: passable })
    for (const [name, source] of Object.entries(folders)) {
      await mkdir(join(root, name), { mode: passable })
      await tool('mount', ['--bind', source, join(root, name)])
    }
    for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text, { mode: 0o644 })
    return name => join(root, name)
  }

  async remove(id: WorkerId): Promise<void> {
    const root = join(this.#folder, id)
    await unmountBelow(root)
    await removeFlat(root)
  }

  /** Nobody else takes the folder away; with workers in it, it stays. */
  async close(): Promise<void> {
    await removeEmpty(this.#folder)
  }

  /** Folders of hubs that were killed, or are without a worker and make theirs anew. */
  async sweep(): Promise<void> {
    const beside = dirname(this.#folder)
    const names = await readdir(beside).catch(() => [])
    for (const name of names.filter(one => one.startsWith(namePrefix))) await removeEmpty(join(beside, name))
  }

  async list(): Promise<string[]> {
    return (await readdir(this.#folder).catch(() => [])).filter(name => isId('worker', name))
  }
}

/**
 * Never recursive: what is mounted here is this program itself and folders of the hub. A mount that comes at the last
 * moment, such as by a `mount` whose hub was killed, makes this fail, and it is done again.
 */
async function removeFlat(root: string): Promise<void> {
  try {
    for (const entry of await readdir(root, { withFileTypes: true }))
      await (entry.isDirectory() ? rmdir : unlink)(join(root, entry.name))
    await rmdir(root)
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new MeshError('COMPUTE_UNAVAILABLE', { detail: message, cause: thrown })
  }
}

async function removeEmpty(folder: string): Promise<void> {
  const known = ['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'ENOTDIR', 'EPERM', 'EACCES']
  await rmdir(folder).catch((thrown: NodeJS.ErrnoException) => {
    if (!known.includes(thrown.code ?? '')) throw thrown
  })
}
