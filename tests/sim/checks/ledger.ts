/**
 * The book of everything that was written and deleted, and of what was promised about it. A mark is owed as soon as
 * somebody was told that it is safe, or somebody else has seen it: from then on it must be in the end, once, unless it was
 * deleted. It knows what was done and what was said, and nothing of how the mesh works.
 */
import type { DocumentId } from '@meshbook/core/ids.ts'
import { brokenMarksIn, type FoundMark, marksIn, markText } from './marks.ts'

/** Where a promise rests: gone with that place. */
export type Place = 'hub' | `browser ${string}` | `device ${string}` | `file ${string}`

export interface Mark {
  readonly number: number
  readonly text: string
  /** Undefined until the file that it was written into has a document. */
  document: DocumentId | undefined
  readonly by: string
  /** How often it may stand there: more than once when an old copy of a file was saved over a newer one. */
  copies: number
  deletions: number
  /** The document from which it was deleted, once somebody was told that this is safe. */
  deletedFrom: DocumentId | undefined
  /** A device whose trash must have it, because its file was deleted there. */
  trashOf: { device: string; document: DocumentId; path: string } | undefined
  /** All of it was written. */
  isWhole: boolean
  /** Somebody saved an old text over it while it was being written, or may have written into it. */
  isTorn: boolean
  readonly safeAt: Set<Place>
}

/** Something that was said to be safe and is yet to be looked up. */
export interface Claim {
  mark: Mark
  document: DocumentId | undefined
  place: Place
  said: string
}

export class Ledger {
  readonly marks: Mark[] = []
  #claims: Claim[] = []
  #someTorn = false
  /** Lines that a device brings back as they stood in its files, half-written, when it forgot everything or takes one for new. */
  readonly #halves = new Set<string>()

  begin(document: DocumentId | undefined, by: string, payload: string): Mark {
    const number = this.marks.length
    const text = markText(number, payload)
    const state = { copies: 1, deletions: 0, deletedFrom: undefined, trashOf: undefined, isWhole: false, isTorn: false }
    const mark: Mark = { number, text, document, by, ...state, safeAt: new Set() }
    this.marks.push(mark)
    return mark
  }

  markOf(found: FoundMark): Mark | undefined {
    const mark = this.marks[found.number]
    return mark?.text === found.text ? mark : undefined
  }

  /** Somebody was told, or has seen, that the mark is safe at a place. */
  promise(mark: Mark, place: Place, said: string, document = mark.document): void {
    if (mark.safeAt.has(place)) return
    mark.safeAt.add(place)
    this.#claims.push({ mark, document, place, said })
  }

  /** Somebody deletes a mark. */
  deleted(found: FoundMark): Mark | undefined {
    const mark = this.markOf(found)
    if (mark) mark.deletions++
    return mark
  }

  /** A text with unfinished marks is replaced by a program that knows nothing of who is writing in it. */
  tearUnfinished(text: string): void {
    for (const broken of brokenMarksIn(text)) {
      const mark = this.marks[Number(/‹(\d+):/.exec(broken)?.[1] ?? Number.NaN)]
      // Not even its number is there yet: it is one of those that are being written.
      if (!mark) this.#someTorn = true
      if (!mark) continue
      mark.isTorn = true
      mark.deletions++
    }
  }

  /** A device has forgotten everything. */
  forgetDevice(name: string): void {
    this.forget(`device ${name}`)
    for (const mark of this.marks) if (mark.trashOf?.device === name) mark.trashOf = undefined
  }

  /** A device finds this text and cannot know whose it is (DV22, DV26): each of its lines may come again, also half of one. */
  found(text: string): void {
    for (const { number } of marksIn(text)) this.marks[number]!.copies++
    for (const broken of brokenMarksIn(text)) this.#halves.add(broken)
  }

  /** A file came back before its device could know that it was deleted and not just being saved. */
  keptFile(device: string, path: string): void {
    for (const mark of this.marks)
      if (mark.trashOf?.device === device && mark.trashOf.path === path) mark.trashOf = undefined
  }

  takeClaims(): Claim[] {
    return this.#claims.splice(0)
  }

  /** A place is lost, and with it what was promised about it. */
  forget(place: Place): void {
    for (const mark of this.marks) mark.safeAt.delete(place)
    this.#claims = this.#claims.filter(claim => claim.place !== place)
  }

  /** What is wrong with the texts of the end. */
  judge(end: EndOfWorld): string[] {
    const wrong: string[] = []
    const live = countMarks(end.live.values())
    const trashed = countMarks(end.trash)
    const buried = countMarks([...end.buried.values(), ...end.trash])
    for (const [id, text] of end.live) wrong.push(...this.#judgeText(id, text))
    for (const mark of this.marks) {
      const home = mark.document === undefined ? undefined : end.live.get(mark.document)
      const isAtHome = home === undefined || !end.isCertain(mark.document!) || home.includes(mark.text)
      wrong.push(...judgeMark(mark, live.get(mark.text) ?? 0, buried.has(mark.text), isAtHome))
      if (mark.copies === 1 && mark.deletedFrom !== undefined && end.live.get(mark.deletedFrom)?.includes(mark.text))
        wrong.push(`CAME BACK ${mark.text}, which was deleted from ${mark.deletedFrom}`)
      if (mark.trashOf && mark.deletions === 1 && mark.copies === 1 && !live.has(mark.text) && !trashed.has(mark.text))
        if (!end.isAskedToGo(mark.trashOf.document))
          wrong.push(`NOT IN TRASH ${mark.text} of a file that was deleted in ${mark.trashOf.device}`)
      if (mark.document !== undefined && mark.copies === 1 && end.isGone(mark.document) && live.has(mark.text))
        wrong.push(`CAME BACK ${mark.text} of the deleted document ${mark.document}`)
    }
    return wrong
  }

  #judgeText(document: DocumentId, text: string): string[] {
    const changed = marksIn(text).filter(found => !this.markOf(found))
    const torn = this.#someUnfinished() ? [] : brokenMarksIn(text).filter(broken => !this.#halves.has(broken))
    return [
      ...changed.map(({ text: found }) => `CHANGED ${found} in ${document} is not what was written`),
      ...torn.map(broken => `TORN in ${document}: ${broken}`),
    ]
  }

  /** Whether parts of marks may stand somewhere: a writer was killed, or a text replaced, in the middle. */
  #someUnfinished(): boolean {
    return this.#someTorn || this.marks.some(mark => !mark.isWhole || mark.isTorn || mark.safeAt.size === 0)
  }
}

export interface EndOfWorld {
  /** Texts of the documents that the tree names. */
  live: ReadonlyMap<DocumentId, string>
  /** Texts of those that were deleted. */
  buried: ReadonlyMap<DocumentId, string>
  trash: readonly string[]
  /** Somebody asked the hub to delete it. */
  isAskedToGo(document: DocumentId): boolean
  /** The document was deleted for certain. */
  isGone(document: DocumentId): boolean
  /** Nobody but those who know ids had a say in where the document is. */
  isCertain(document: DocumentId): boolean
}

function countMarks(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) for (const { text: mark } of marksIn(text)) counts.set(mark, (counts.get(mark) ?? 0) + 1)
  return counts
}

function judgeMark(mark: Mark, count: number, isBuried: boolean, isAtHome: boolean): string[] {
  const name = `${mark.text} by ${mark.by} in ${mark.document ?? 'a file'}`
  if (count > mark.copies) return [`DOUBLED ${name}: ${count} times, written ${mark.copies} times`]
  if (!mark.isWhole || mark.isTorn) return []
  if (mark.deletions > 0 || mark.safeAt.size === 0) return []
  if (count === 0 && !isBuried) return [`LOST ${name}: safe at ${[...mark.safeAt].join(', ')}`]
  return isAtHome ? [] : [`STRAYED ${name}: it is in another document`]
}
