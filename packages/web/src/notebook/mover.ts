/**
 * Moves items of the shared text. To the CRDT a move is a removal and an insertion, so what somebody else wrote into the
 * item meanwhile would stay behind as a stray piece at its old place. The page that moved it carries such pieces to where
 * the item is now (NB31), and anchors the item's runs there (NB32).
 */
import * as Y from 'yjs'
import type { ExecutionStore } from './execution-store.ts'
import type { NotebookStore } from './notebook-store.ts'
import type { MovePlan } from './plan-move.ts'

/** Characters that had one identity and have another now. */
interface Moved {
  client: number
  clock: number
  length: number
  toClient: number
  toClock: number
}
interface Stray {
  item: Y.Item
  /** Goes after this character, or before it. */
  side: 'after' | 'before'
  at: Moved
  clock: number
}

/** What was carried: the characters as they are now, and the one beside which they were written. */
interface Carried {
  piece: readonly Identities[]
  side: Stray['side']
  home: Y.ID
}

const mostRemembered = 2_000

export class Mover {
  readonly #store: NotebookStore
  readonly #executions: ExecutionStore
  /** Not the origin of the user's own edits: undo takes back the move, not what others wrote. */
  readonly #origin = { name: 'what others wrote into a moved item' }
  #moved: Moved[] = []
  #carried: Carried[] = []

  constructor(store: NotebookStore, executions: ExecutionStore) {
    this.#store = store
    this.#executions = executions
    store.doc.on('afterTransaction', this.#follow)
    store.undo.on('stack-item-popped', this.#bringBack)
  }

  move(plan: MovePlan): void {
    const { from, to, arrives, changes } = plan
    const runs = this.#executions.anchoredIn(from, to)
    const old = identitiesOf(this.#store.text, from, to)
    this.#store.write(changes, 'step')
    const now = identitiesOf(this.#store.text, arrives, arrives + (to - from))
    this.#moved.push(...paired(old, now))
    this.#moved = this.#moved.slice(-mostRemembered)
    this.#carried = this.#carried.slice(-mostRemembered)
    for (const { run, offset } of runs) this.#executions.anchorAt(run, arrives + offset - from)
  }

  /** A move that is undone puts back what was removed; what was carried follows it home. */
  readonly #bringBack = (): void => {
    const carried = this.#carried
    this.#moved = []
    this.#carried = []
    if (carried.length > 0) this.#store.doc.transact(() => this.#return(carried), this.#origin)
  }

  #return(carried: readonly Carried[]): void {
    const { text, doc } = this.#store
    const returned: Moved[] = []
    for (const { piece, side, home } of carried) {
      const known = findIn(returned, home)
      const target = known ? replaced(known, home.clock) : home
      if (!known && !Y.getItem(doc.store, home).redone) continue
      for (const part of piece) {
        const from = this.#placeOf(part, 'before')
        const to = this.#placeOf({ ...part, clock: part.clock + part.length - 1 }, 'after')
        const words = text.toString().slice(from, to)
        text.delete(from, words.length)
        const place = this.#placeOf(target, side)
        text.insert(place, words)
        returned.push(...paired([part], identitiesOf(text, place, place + words.length)))
      }
    }
  }

  readonly #follow = (transaction: Y.Transaction): void => {
    if (this.#moved.length === 0 || transaction.local) return
    const strays = addedItems(transaction, this.#store.text).flatMap(item => this.#strayOf(item) ?? [])
    if (strays.length > 0) this.#store.doc.transact(() => this.#carry(strays), this.#origin)
  }

  /**
   * Only what was written before its author knew of the move has a neighbour within the removed text on both sides, or
   * begins it; what was written later at the old place stands after all of it.
   */
  #strayOf(item: Y.Item): Stray | undefined {
    const left = item.origin && this.#find(item.origin)
    const right = item.rightOrigin && this.#find(item.rightOrigin)
    if (left && right) return { item, side: 'after', ...this.#latest(left, item.origin!.clock) }
    return right ? { item, side: 'before', ...this.#latest(right, item.rightOrigin!.clock) } : undefined
  }

  /** The last of the moves of a character that was moved several times. */
  #latest(at: Moved, clock: number): { at: Moved; clock: number } {
    const target = replaced(at, clock)
    const next = findIn(this.#moved, target)
    return next ? this.#latest(next, target.clock) : { at, clock }
  }

  #find(id: Y.ID): Moved | undefined {
    return findIn(this.#moved, id)
  }

  #carry(strays: readonly Stray[]): void {
    const { text } = this.#store
    for (const { item, side, at, clock } of strays) {
      if (item.deleted || !(item.content instanceof Y.ContentString)) continue
      const words = item.content.str
      const old = { client: item.id.client, clock: item.id.clock, length: words.length }
      text.delete(indexOf(text, item), words.length)
      const place = this.#placeOf(replaced(at, clock), side)
      text.insert(place, words)
      const piece = identitiesOf(text, place, place + words.length)
      this.#moved.push(...paired([old], piece))
      this.#carried.push({ piece, side, home: Y.createID(at.client, clock) })
    }
  }

  /** The place before or after a character, or where it was; of one that an undo brought back, of what came back. */
  #placeOf({ client, clock }: { client: number; clock: number }, side: Stray['side']): number {
    const position = Y.createRelativePositionFromJSON({ item: { client, clock }, assoc: side === 'after' ? -1 : 0 })
    return Y.createAbsolutePositionFromRelativePosition(position, this.#store.doc)?.index ?? this.#store.text.length
  }

  close(): void {
    this.#store.doc.off('afterTransaction', this.#follow)
    this.#store.undo.off('stack-item-popped', this.#bringBack)
  }
}

interface Identities {
  client: number
  clock: number
  length: number
}

/** The identities of the characters from `from` to `to`, in order. */
function identitiesOf(text: Y.Text, from: number, to: number): Identities[] {
  const found: Identities[] = []
  let at = 0
  for (let item = text._start; item && at < to; item = item.right) {
    if (item.deleted || !item.countable) continue
    const [a, b] = [Math.max(from, at), Math.min(to, at + item.length)]
    if (a < b) found.push({ client: item.id.client, clock: item.id.clock + a - at, length: b - a })
    at += item.length
  }
  return found
}

function indexOf(text: Y.Text, wanted: Y.Item): number {
  let at = 0
  for (let item = text._start; item && item !== wanted; item = item.right)
    if (!item.deleted && item.countable) at += item.length
  return at
}

const findIn = (list: readonly Moved[], id: { client: number; clock: number }): Moved | undefined =>
  list.findLast(({ client, clock, length }) => client === id.client && clock <= id.clock && id.clock < clock + length)

const replaced = (at: Moved, clock: number) => ({ client: at.toClient, clock: at.toClock + clock - at.clock })

/** Two lists of as many characters, piece by piece. */
function paired(old: readonly Identities[], now: readonly Identities[]): Moved[] {
  const moved: Moved[] = []
  const [a, b] = [old.map(each => ({ ...each })), now.map(each => ({ ...each }))]
  while (a[0] && b[0]) {
    const length = Math.min(a[0].length, b[0].length)
    moved.push({ client: a[0].client, clock: a[0].clock, length, toClient: b[0].client, toClock: b[0].clock })
    for (const list of [a, b]) {
      list[0]!.length -= length
      list[0]!.clock += length
      if (list[0]!.length === 0) list.shift()
    }
  }
  return moved
}

/** The pieces of this text that a transaction brought, in the order they were written. */
function addedItems({ beforeState, afterState, doc }: Y.Transaction, text: Y.Text): Y.Item[] {
  const added: Y.Item[] = []
  for (const [client, after] of afterState) {
    const before = beforeState.get(client) ?? 0
    if (after === before) continue
    for (const struct of doc.store.clients.get(client) ?? [])
      if (struct.id.clock + struct.length > before && struct instanceof Y.Item && struct.parent === text)
        added.push(struct)
  }
  return added
}
