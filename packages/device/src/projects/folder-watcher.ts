/**
 * Says that something in a folder may have changed. What exactly is found out by a scan, so that a lost, merged or
 * superfluous event does no harm. One watch for each folder that is not ignored; where the system gives no more of
 * them, the scan at an interval is what remains.
 */
import { type FSWatcher, watch } from 'node:fs'

export class FolderWatcher {
  readonly #changed: () => void
  readonly #watches = new Map<string, FSWatcher>()

  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** From now on these folders are watched and no others. False if not all of them could be. */
  follow(folders: readonly string[]): boolean {
    const wanted = new Set(folders)
    for (const [folder, watcher] of this.#watches) if (!wanted.has(folder)) this.#drop(folder, watcher)
    return folders.filter(folder => !this.#watches.has(folder) && !this.#add(folder)).length === 0
  }

  #add(folder: string): boolean {
    try {
      const watcher = watch(folder, { persistent: false })
      watcher.on('change', (_event, name) => {
        // Our own temporary files are no news.
        if (typeof name !== 'string' || !name.startsWith('.meshbook-')) this.#changed()
      })
      watcher.on('error', () => {
        this.#drop(folder, watcher)
        this.#changed()
      })
      this.#watches.set(folder, watcher)
      return true
    } catch {
      return false
    }
  }

  #drop(folder: string, watcher: FSWatcher): void {
    watcher.close()
    this.#watches.delete(folder)
  }

  close(): void {
    for (const [folder, watcher] of this.#watches) this.#drop(folder, watcher)
  }
}
