/**
 * Says that something in a folder may have changed. What exactly is found out by a scan, so that a lost, merged or
 * superfluous event does no harm. One watch for each folder that is not ignored; where the system gives no more of
 * them, the scan at an interval is what remains.
 */
import type { Disk, Watch } from './disk.ts'

export class FolderWatcher {
  readonly #disk: Disk
  readonly #changed: () => void
  readonly #watches = new Map<string, Watch>()

  constructor(disk: Disk, changed: () => void) {
    this.#disk = disk
    this.#changed = changed
  }

  /** From now on these folders are watched and no others. False if not all of them could be. */
  follow(folders: readonly string[]): boolean {
    const wanted = new Set(folders)
    for (const folder of this.#watches.keys()) if (!wanted.has(folder)) this.#drop(folder)
    return folders.filter(folder => !this.#watches.has(folder) && !this.#add(folder)).length === 0
  }

  #add(folder: string): boolean {
    const changed = (name: string | undefined) => {
      // Our own temporary files are no news.
      if (!name?.startsWith('.meshbook-')) this.#changed()
    }
    const failed = () => {
      this.#drop(folder)
      this.#changed()
    }
    const made = this.#disk.watch(folder, changed, failed)
    if (made) this.#watches.set(folder, made)
    return made !== undefined
  }

  #drop(folder: string): void {
    this.#watches.get(folder)?.close()
    this.#watches.delete(folder)
  }

  close(): void {
    for (const folder of this.#watches.keys()) this.#drop(folder)
  }
}
