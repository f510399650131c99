/** Which positions of a document's log become versions, from what is waiting and what is stored. Pure. */
import type { Limits } from '@meshbook/core/limits.ts'
import type { StoredDocument } from '../store/document-store.ts'
import { type ChangeGroup, joinGroups } from './change-groups.ts'

/** The log up to which the newest version stands for the document. */
export interface Covered {
  epoch: number
  position: number
}

/**
 * The groups to record, each ending at a position whose text can still be read. What lies before the first of them and
 * is in no version was noted by nobody (the process was killed): it is a group of its own without authors. A group whose
 * end a snapshot has swallowed is joined with the next.
 */
export function planVersions(
  covered: Covered | undefined,
  stored: StoredDocument,
  groups: readonly ChangeGroup[],
  limits: Limits,
): ChangeGroup[] {
  const from = covered?.epoch === stored.epoch ? covered.position : 0
  const fresh = groups.filter(group => group.to > from || group.mark)
  const first = fresh[0]
  if (!first) return []
  const all = first.from > from ? [unnoticed(from, first), ...fresh] : fresh
  return readable(all, stored.snapshot?.position ?? 0, limits)
}

function unnoticed(from: number, { from: to, startedAt }: ChangeGroup): ChangeGroup {
  return { from, to, startedAt, lastAt: startedAt, authors: [], unattributed: true, mark: undefined }
}

function readable(groups: readonly ChangeGroup[], earliest: number, limits: Limits): ChangeGroup[] {
  const result: ChangeGroup[] = []
  let swallowed: ChangeGroup | undefined
  for (const group of groups) {
    const whole = swallowed ? joinGroups(swallowed, group, limits) : group
    swallowed = whole.to < earliest ? whole : undefined
    if (!swallowed) result.push(whole)
  }
  if (swallowed) result.push({ ...swallowed, to: earliest })
  return result
}
