/**
 * Gives shared files their names on this disk, and takes them away: nothing is ever overwritten, and whatever a kill
 * leaves is put right at the next start. Who is right about a file is decided elsewhere.
 */
import { basename, dirname, join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import { conflictPath } from './asset-entry.ts'
import type { AssetFilePorts } from './asset-file-ports.ts'
import { type FileStamp, sameStamp } from './disk.ts'
import { type Arrival, arrivalName } from './leftovers.ts'
import { safeJoin, safeJoinNew } from './safe-join.ts'

export class AssetPlaces {
  readonly #ports: AssetFilePorts
  /** Conflict copies that were told. */
  readonly #told = new Set<string>()

  constructor(ports: AssetFilePorts) {
    this.#ports = ports
  }

  /** Undefined if there is nothing. Whatever is no file has no stamp. */
  async look(path: string): Promise<{ stamp?: FileStamp } | undefined> {
    const { disk, root } = this.#ports
    const found = await disk.look(await safeJoin(disk, root, path))
    return found && (found.kind === 'file' ? { stamp: found.stamp } : {})
  }

  /** False if something has the name. */
  async move(from: string, to: string): Promise<boolean> {
    const { disk, root } = this.#ports
    const source = await safeJoin(disk, root, from)
    const target = await safeJoinNew(disk, root, to)
    // The file system may not tell the two names apart.
    if (from.toLowerCase() === to.toLowerCase()) await disk.move(source, target)
    else if (!(await disk.place(source, target)) && !(await this.#finishMove(source, target))) return false
    await disk.syncFolder(dirname(target))
    if (dirname(source) !== dirname(target)) await disk.syncFolder(dirname(source))
    return true
  }

  /** A crash may have left a file with both names. */
  async #finishMove(source: string, target: string): Promise<boolean> {
    const { disk } = this.#ports
    const [from, to] = [await disk.look(source), await disk.look(target)]
    if (!from || from.stamp.inode !== to?.stamp.inode) return false
    await disk.remove(source)
    return true
  }

  /** The stamp of the new file; undefined if something has the name. */
  async make(path: string, temporary: string): Promise<FileStamp | undefined> {
    const { disk, root } = this.#ports
    const target = await safeJoinNew(disk, root, path)
    const made = (await disk.look(temporary))?.stamp
    if (!(await disk.place(temporary, target))) return undefined
    const stamp = await this.#stampAt(target, made)
    await disk.syncFolder(dirname(target))
    return stamp
  }

  /** A name changes when a file was changed last. Whoever wrote to it since it got the name is found by its old stamp. */
  async #stampAt(file: string, made: FileStamp | undefined): Promise<FileStamp | undefined> {
    const found = (await this.#ports.disk.look(file))?.stamp
    const isUntouched = found && made && sameStamp(found, { ...made, changed: found.changed })
    return isUntouched ? found : found && made
  }

  /** The same in the place of a file that must still have a stamp; undefined if it has not. */
  async replace(path: string, id: DocumentId, temporary: string, expected: FileStamp): Promise<FileStamp | undefined> {
    const { disk, root } = this.#ports
    const target = await safeJoin(disk, root, path)
    const aside = arrivalName(target, id, 'old')
    const made = (await disk.look(temporary))?.stamp
    const outcome = await disk.exchange(temporary, target, aside, expected)
    if (outcome === 'changed') return undefined
    const stamp = outcome === 'done' ? await this.#stampAt(target, made) : undefined
    await disk.syncFolder(dirname(target))
    await this.#letGo(aside, expected, path)
    return stamp
  }

  /** Somebody may have written to it until it lost its name. */
  async #letGo(aside: string, expected: FileStamp, path: string): Promise<void> {
    const { disk, trash } = this.#ports
    const found = await disk.look(aside)
    const isSame = found?.stamp.size === expected.size && found?.stamp.modified === expected.modified
    if (isSame) await disk.remove(aside)
    else if (found) await trash.move(aside, { path })
  }

  async discard(path: string): Promise<void> {
    const { disk, root, trash } = this.#ports
    const file = await safeJoin(disk, root, path)
    await trash.move(file, { path })
    await disk.syncFolder(dirname(file))
  }

  /** Moves a file aside under a free name and tells it. */
  async setAside(path: string): Promise<string> {
    const { now, device } = this.#ports
    for (let n = 1; ; n++) {
      const copy = conflictPath(path, now(), device, n)
      if (!(await this.move(path, copy))) continue
      this.tell(copy, path)
      return copy
    }
  }

  tell(copy: string, path: string): void {
    this.#told.add(copy)
    const detail = `${path} was changed on two devices; both are kept, the other as ${copy}`
    this.#ports.problems.report(this.#about(copy), new MeshError('CONFLICT', { detail }), {
      file: join(this.#ports.root, path),
      copy: join(this.#ports.root, copy),
    })
  }

  /** Apart from what is told of the file itself. */
  #about(copy: string): string {
    return `conflict: ${join(this.#ports.root, copy)}`
  }

  /** A conflict is over when its copy is gone. */
  solve(isThere: (path: string) => boolean): void {
    for (const copy of this.#told) {
      if (isThere(copy)) continue
      this.#told.delete(copy)
      this.#ports.problems.solve(this.#about(copy))
    }
  }

  /** After a crash: what was in the place of a new file gets its name back, or goes to the trash. */
  async recover(arrivals: readonly Arrival[], pathOf: (id: DocumentId) => string | undefined): Promise<void> {
    const { disk, root, trash } = this.#ports
    for (const { id, path: leftover, kind } of arrivals) {
      if (kind === 'tmp') {
        await disk.remove(leftover)
        continue
      }
      const path = pathOf(id)
      const target = path === undefined ? undefined : await safeJoin(disk, root, path)
      const isItsFolder = target !== undefined && dirname(target) === dirname(leftover)
      if (!isItsFolder || !(await disk.place(leftover, target)))
        await trash.move(leftover, { path: path ?? basename(leftover) })
    }
  }
}
