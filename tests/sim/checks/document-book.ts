/** What was done to documents as a whole: which were deleted or renamed, and whether anybody else had a say in it. */
import type { DocumentId } from '@meshbook/core/ids.ts'

export interface DocumentRecord {
  readonly id: DocumentId
  /** Where the last one who named it was told that it is. */
  path: string | undefined
  /** Where it ever was, in lower case: a device may still have its file there. */
  readonly paths: Set<string>
  /** Somebody was told that it is deleted. */
  isDeleted: boolean
  /** Files, which know no ids, were made, moved or deleted where it is or was: then order decides, and that is not told here. */
  isContested: boolean
  /** Requests about it that were not answered: they may have been done. */
  unanswered: number
}

export class DocumentBook {
  readonly #records = new Map<DocumentId, DocumentRecord>()

  of(id: DocumentId): DocumentRecord {
    // A document that nobody made by its id came from a file.
    const known = this.#records.get(id) ?? { id, path: undefined, paths: new Set<string>(), isDeleted: false, isContested: true, unanswered: 0 }
    this.#records.set(id, known)
    return known
  }

  made(id: DocumentId, path: string): void {
    this.of(id).isContested = false
    this.moved(id, path)
  }

  moved(id: DocumentId, path: string): void {
    const record = this.of(id)
    record.path = path
    record.paths.add(path.toLowerCase())
  }

  /** Something is asked of the hub; which of two requests at a time came first is not told here. */
  ask(id: DocumentId): void {
    const record = this.of(id)
    if (record.unanswered++ > 0) record.isContested = true
  }

  /** A file at this path was made, moved away or deleted by another program. */
  contest(path: string): void {
    for (const record of this.#records.values())
      if (record.path === undefined || record.paths.has(path.toLowerCase())) record.isContested = true
  }

  /** A device has forgotten everything; what it does with the files that it finds cannot be told here. */
  contestAll(): void {
    for (const record of this.#records.values()) record.isContested = true
  }

  /** Whether it is certain that the document was deleted and stays so. */
  isGone(id: DocumentId): boolean {
    const { isDeleted, isContested } = this.of(id)
    return isDeleted && !isContested
  }

  isCertain(id: DocumentId): boolean {
    const { isContested, unanswered } = this.of(id)
    return !isContested && unanswered === 0
  }

  /** What is wrong with the tree in the end: wanted paths by document, undefined for one that is deleted. */
  judge(tree: ReadonlyMap<DocumentId, string | undefined>): string[] {
    return [...this.#records.values()].flatMap(({ id, path, isDeleted, isContested, unanswered }) => {
      if (isContested || unanswered > 0) return []
      if (isDeleted) return tree.get(id) === undefined ? [] : [`CAME BACK document ${id} at ${tree.get(id)}`]
      if (path === undefined || tree.get(id) === path) return []
      return [`PATH of document ${id} is ${tree.get(id)}, not ${path}`]
    })
  }
}
