/**
 * A move of one item as one edit of the text: what stands there is removed, and put in elsewhere. What is removed gets a
 * new identity in the shared text, so an item that a run writes into stays, and its neighbours move past it (NB30). Pure.
 */

import type { Change } from '@meshbook/core/text/text-delta.ts'
import type { Item, Page } from './items.ts'
import { blankTo, spaced } from './page-edits.ts'

export interface MovePlan {
  changes: Change[]
  /** The text that moves, in the text before, and where it begins in the text after. */
  from: number
  to: number
  arrives: number
}

/** Moves the item at `at` before the item at `place`; undefined where that is nothing to do. */
export function planMove(
  page: Page,
  at: number,
  place: number,
  isBusy: (item: Item) => boolean,
): MovePlan | 'busy' | undefined {
  const first = page.items[0]?.kind === 'front-matter' ? 1 : 0
  if (at < first || place < first || place === at || place === at + 1 || !page.items[at]) return undefined
  if (!isBusy(page.items[at])) return moveRange(page, at, at + 1, place)
  const [from, to] = place > at ? [at + 1, place] : [place, at]
  if (page.items.slice(from, to).some(isBusy)) return 'busy'
  return moveRange(page, from, to, place > at ? at : at + 1)
}

/** Moves the items from `first` to before `end` before the item at `place`. */
function moveRange({ text, items }: Page, first: number, end: number, place: number): MovePlan {
  const from = blankTo(text, items[first]!.from)
  const last = items[end - 1]!
  const to = text.slice(last.from, last.to).trimEnd().length + last.from
  const lineEnd = /\r?\n/y
  lineEnd.lastIndex = to
  const movedTo = lineEnd.test(text) ? lineEnd.lastIndex : to
  const piece = text.slice(from, movedTo) + (movedTo === to ? '\n' : '')
  const target = items[place]?.from ?? text.length
  const insert = spaced(text, target, target, piece)
  const cut: Change = { from: items[first]!.from, to: blankTo(text, last.to), insert: '' }
  const put: Change = { from: target, to: target, insert }
  const down = target >= cut.to
  const arrives = target + insert.indexOf(piece) - (down ? cut.to - cut.from : 0)
  return { changes: down ? [cut, put] : [put, cut], from, to: movedTo, arrives }
}
