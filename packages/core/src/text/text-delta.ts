/** Changes of a text as Yjs reports them, and where an offset stands after one. Pure; knows no notebook. */

/** One step of a Y.Text event: keep, remove or insert UTF-16 units. */
export interface DeltaStep {
  retain?: number
  delete?: number
  insert?: string
}
export type Delta = readonly DeltaStep[]

/** A replaced piece: `from` to `to` of the old text became `insert`. */
export interface Change {
  from: number
  to: number
  insert: string
}

/** The changes of a delta in ascending order, in coordinates of the old text. Touching steps are one change. */
export function changesOf(delta: Delta): Change[] {
  const changes: Change[] = []
  let at = 0
  let open: Change | undefined
  for (const step of delta) {
    if (step.retain) {
      at += step.retain
      open = undefined
      continue
    }
    if (!open) {
      open = { from: at, to: at, insert: '' }
      changes.push(open)
    }
    open.insert += step.insert ?? ''
    at += step.delete ?? 0
    open.to = at
  }
  return changes
}

export function applyChanges(text: string, changes: readonly Change[]): string {
  const parts: string[] = []
  let done = 0
  for (const { from, to, insert } of changes) {
    parts.push(text.slice(done, from), insert)
    done = to
  }
  parts.push(text.slice(done))
  return parts.join('')
}

/** Where `offset` stands afterwards. What is inserted exactly there goes after it (`left`) or before it (`right`). */
export function mapOffset(changes: readonly Change[], offset: number, stick: 'left' | 'right'): number {
  let shift = 0
  for (const { from, to, insert } of changes) {
    if (from > offset || (from === offset && stick === 'left' && to === from)) break
    if (to > offset || (to === offset && from !== to && stick === 'left'))
      return from + shift + (stick === 'right' ? insert.length : 0)
    shift += insert.length - (to - from)
  }
  return offset + shift
}

/** The one change that turns `before` into `after`, found by their common start and end; undefined if they are equal. */
export function diffOf(before: string, after: string): Change | undefined {
  if (before === after) return undefined
  const most = Math.min(before.length, after.length)
  let start = 0
  while (start < most && before.charCodeAt(start) === after.charCodeAt(start)) start++
  let end = 0
  while (end < most - start && before.charCodeAt(before.length - 1 - end) === after.charCodeAt(after.length - 1 - end))
    end++
  // Never between the halves of a surrogate pair: Y.Text would store each half as a broken character.
  if (start > 0 && isHighSurrogate(before.charCodeAt(start - 1))) start--
  if (end > 0 && isLowSurrogate(before.charCodeAt(before.length - end))) end--
  return { from: start, to: before.length - end, insert: after.slice(start, after.length - end) }
}

const isHighSurrogate = (unit: number): boolean => (unit & 0xfc00) === 0xd800
const isLowSurrogate = (unit: number): boolean => (unit & 0xfc00) === 0xdc00
