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
  isAskedToGo: boolean
  /** Another program deleted a file of it: whoever renames another one may not know of that. */
  isFileDeleted: boolean
  /** Its file was renamed, and nobody wanted to delete it. */
  isOnlyRenamed: boolean
}

export class DocumentBook {
  /** A device was stopped in the middle of something: it may take its own unfinished move for one of a user. */
  isShaken = false
  readonly #records = new Map<DocumentId, DocumentRecord>()

  of(id: DocumentId): DocumentRecord {
    // A document that nobody made by its id came from a file.
    const known = this.#records.get(id) ?? {
      id,
      path: undefined,
      paths: new Set<string>(),
      isDeleted: false,
      isContested: true,
      unanswered: 0,
      isAskedToGo: false,
      isFileDeleted: false,
      isOnlyRenamed: false,
    }
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

  askToDelete(id: DocumentId): void {
    this.ask(id)
    this.of(id).isAskedToGo = true
    this.of(id).isOnlyRenamed = false
  }

  /** A file at this path was made, moved away or deleted by another program. */
  contest(path: string): void {
    for (const record of this.#records.values())
      if (record.path === undefined || record.paths.has(path.toLowerCase())) record.isContested = true
  }

  /** The file of a document was renamed by another program; or deleted, or something else that makes it uncertain. */
  fileRenamed(id: DocumentId, to: string): void {
    const record = this.of(id)
    record.isContested = true
    record.paths.add(to.toLowerCase())
    record.isOnlyRenamed = !record.isAskedToGo && !record.isFileDeleted
  }
  fileDeleted(id: DocumentId): void {
    Object.assign(this.of(id), { isContested: true, isFileDeleted: true, isOnlyRenamed: false })
  }
  fileChanged(path: string): void {
    for (const record of this.#records.values()) if (record.paths.has(path.toLowerCase())) record.isOnlyRenamed = false
  }

  /** A device has forgotten everything; what it does with the files that it finds cannot be told here. */
  contestAll(): void {
    for (const record of this.#records.values()) Object.assign(record, { isContested: true, isOnlyRenamed: false })
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
    return [...this.#records.values()].flatMap(({ id, path, isDeleted, isContested, unanswered, isOnlyRenamed }) => {
      if (isOnlyRenamed && !this.isShaken && tree.get(id) === undefined)
        return [`GONE document ${id}: its file was only renamed`]
      if (isContested || unanswered > 0) return []
      if (isDeleted) return tree.get(id) === undefined ? [] : [`CAME BACK document ${id} at ${tree.get(id)}`]
      const found = tree.get(id)
      if (path === undefined || found === path || (found !== undefined && this.isShaken)) return []
      return [`PATH of document ${id} is ${tree.get(id)}, not ${path}`]
    })
  }
}
