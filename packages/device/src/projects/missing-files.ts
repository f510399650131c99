/** Files that are not where they were: which are truly away and not just being replaced, and since when. */
import type { DocumentId, Now } from '@meshbook/core/ids.ts'
import type { DiskNames } from './disk-names.ts'
import type { Scan } from './scan-folder.ts'
import type { TrackedFile } from './tracked-file.ts'

export class MissingFiles {
  readonly #now: Now
  readonly #since = new Map<DocumentId, number>()
  #uses: ReadonlyMap<TrackedFile, number> = new Map()

  constructor(now: Now) {
    this.#now = now
  }

  /** A look at the folder begins. */
  begin(files: readonly TrackedFile[]): void {
    this.#uses = new Map(files.map(file => [file, file.uses]))
  }

  /**
   * What the look did not find. One that was dealt with meanwhile may have had no name at that moment only, unless the
   * look found it in another case, where it is still there by its old name.
   */
  async from(scan: Scan, files: readonly TrackedFile[], names: DiskNames): Promise<TrackedFile[]> {
    const isQuiet = (file: TrackedFile) => file.uses % 2 === 0 && file.uses === this.#uses.get(file)
    const missing: TrackedFile[] = []
    for (const file of missingFrom(scan, files))
      if (isQuiet(file) || names.isRespelled(file.path) || !(await file.isThere())) missing.push(file)
    return missing
  }

  has(file: TrackedFile): boolean {
    return this.#since.has(file.id)
  }

  forget(file: TrackedFile): void {
    this.#since.delete(file.id)
  }

  /** These are missing now, and no others. For a clock that was set back they begin anew. */
  note(missing: readonly TrackedFile[]): void {
    const ids = new Set(missing.map(file => file.id))
    for (const id of this.#since.keys()) if (!ids.has(id)) this.#since.delete(id)
    const now = this.#now()
    for (const id of ids) this.#since.set(id, Math.min(this.#since.get(id) ?? now, now))
  }

  awayMs(file: TrackedFile): number {
    const now = this.#now()
    return now - (this.#since.get(file.id) ?? now)
  }
}

export function missingFrom({ notebooks, refused }: Scan, files: readonly TrackedFile[]): TrackedFile[] {
  return files.filter(file => file.exists && !notebooks.has(file.path) && !refused.has(file.path))
}

/** Where the tree wants missing files and something stands: a move may have been cut off before it was noted. */
export function reachedBy(
  missing: readonly TrackedFile[],
  wanted: ReadonlyMap<DocumentId, string>,
  files: readonly TrackedFile[],
  { notebooks }: Scan,
): string[] {
  const taken = new Set(files.map(file => file.path))
  return missing.flatMap(file => {
    const path = wanted.get(file.id)
    return path !== undefined && notebooks.has(path) && !taken.has(path) ? [path] : []
  })
}
