/**
 * The changes of one document that no version stands for yet, as groups: who brought them and which positions of the
 * log they are. Knows no text, no store and no timer.
 */
import type { Author } from '@meshbook/core/api.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Peer } from '../peer.ts'

/** Says of a change that it is a restore, undo or redo: a version of its own, of that kind. */
export interface ChangeMark {
  kind: 'restore' | 'undo' | 'redo'
  /** The version that is restored, undone or redone. */
  of: number
  request: string
}

export interface ChangeSource {
  author: Author | undefined
  mark?: ChangeMark | undefined
}

export interface ChangeGroup {
  /** Position before its first update, and that of its last. */
  from: number
  to: number
  startedAt: number
  lastAt: number
  authors: Author[]
  /** Some of it was brought by nobody known. */
  unattributed: boolean
  mark: ChangeMark | undefined
}

export class ChangeGroups {
  #closed: ChangeGroup[] = []
  #open: ChangeGroup | undefined
  #lastPeer: Peer | undefined
  #stirred = false

  /** The hot path: the same connection goes on. False when there is more to it. */
  extend(peer: Peer, position: number): boolean {
    if (peer !== this.#lastPeer) return false
    this.#open!.to = position
    this.#stirred = true
    return true
  }

  add(peer: Peer, source: ChangeSource, position: number, now: number, limits: Limits): void {
    this.look(now)
    if (this.#open && separates(this.#open, source, now, limits)) this.#close(limits)
    this.#open ??= newGroup(position - 1, now)
    this.#open.to = position
    this.#open.lastAt = now
    addAuthor(this.#open, source.author, limits)
    this.#lastPeer = peer
    if (!source.mark) return
    this.#open.mark = source.mark
    this.#close(limits)
  }

  /** Takes note of the time for what came since the last look. */
  look(now: number): void {
    if (this.#stirred && this.#open) this.#open.lastAt = now
    this.#stirred = false
  }

  /** Whether something should be recorded by now. */
  isDue(now: number, limits: Limits): boolean {
    if (this.#closed.length > 0) return true
    const open = this.#open
    return (
      open !== undefined &&
      (now - open.lastAt >= limits.historyQuietMs || now - open.startedAt >= limits.historyMaxWaitMs)
    )
  }

  get hasClosed(): boolean {
    return this.#closed.length > 0
  }
  get empty(): boolean {
    return this.#closed.length === 0 && this.#open === undefined
  }

  /** Takes the groups out: those that are closed, and the open one too if `all`. */
  take(all: boolean, limits: Limits): ChangeGroup[] {
    if (all) this.#close(limits)
    return this.#closed.splice(0)
  }

  /** They could not be recorded. */
  giveBack(groups: readonly ChangeGroup[], limits: Limits): void {
    this.#closed.unshift(...groups)
    this.#foldOver(limits)
  }

  #close(limits: Limits): void {
    if (this.#open) this.#closed.push(this.#open)
    this.#open = undefined
    this.#lastPeer = undefined
    this.#foldOver(limits)
  }

  /** Too many that wait become one with their neighbour; those with a mark last. */
  #foldOver(limits: Limits): void {
    while (this.#closed.length > limits.groupsPerDocument) {
      const at = this.#closed.findIndex((group, i) => i > 0 && !this.#closed[i - 1]!.mark && !group.mark)
      const first = Math.max(1, at)
      this.#closed.splice(first - 1, 2, joinGroups(this.#closed[first - 1]!, this.#closed[first]!, limits))
    }
  }
}

function newGroup(from: number, now: number): ChangeGroup {
  return { from, to: from, startedAt: now, lastAt: now, authors: [], unattributed: false, mark: undefined }
}

function separates(open: ChangeGroup, { author, mark }: ChangeSource, now: number, limits: Limits): boolean {
  if (mark) return true
  if (open.authors.some(other => other.user !== author?.user)) return true
  const known = open.authors.some(other => other.id === author?.id)
  return !known && now - open.startedAt >= limits.historyAuthorMs
}

function addAuthor(group: ChangeGroup, author: Author | undefined, limits: Limits): void {
  if (!author || group.authors.length >= limits.authorsPerVersion) group.unattributed ||= !hasAuthor(group, author)
  else if (!hasAuthor(group, author)) group.authors.push(author)
}

function hasAuthor({ authors }: ChangeGroup, author: Author | undefined): boolean {
  return authors.some(other => other.id === author?.id)
}

/** Two groups that follow each other as one. */
export function joinGroups(first: ChangeGroup, second: ChangeGroup, limits: Limits): ChangeGroup {
  const joined: ChangeGroup = {
    from: first.from,
    to: second.to,
    startedAt: first.startedAt,
    lastAt: second.lastAt,
    authors: [...first.authors],
    unattributed: first.unattributed || second.unattributed,
    mark: second.mark ?? first.mark,
  }
  for (const author of second.authors) addAuthor(joined, author, limits)
  return joined
}
