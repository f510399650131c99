/** What the first run of a restored session says before anything else (SN84). */
import { limits } from '@meshbook/core/limits.ts'
import type { LostItem } from '@meshbook/core/snapshot.ts'

export interface Restoration {
  /** When it was saved. */
  at: number
  now: number
  /** Where, if that is somewhere else. */
  from: string | undefined
  behind: number
  lost: readonly LostItem[]
}

const namedItems = 10

export function restoredNotice({ at, now, from, behind, lost }: Restoration): string {
  const state = `State as of ${momentInWords(at, now)}${from === undefined ? '' : ` from ${from}`}`
  const late = behind > 0 ? [`${behind} ${behind === 1 ? 'cell' : 'cells'} behind`] : []
  const gone = lost.length > 0 ? [`not carried over: ${lostInWords(lost)}`] : []
  const text = `${[state, ...late, ...gone].join('; ')}.`
  return text.length <= limits.problemTextChars ? text : `${text.slice(0, limits.problemTextChars - 1).toWellFormed()}…`
}

function lostInWords(lost: readonly LostItem[]): string {
  const named = lost.slice(0, namedItems).map(({ name, reason }) => `${name} (${reason})`)
  const more = lost.length - named.length
  return [...named, ...(more > 0 ? [`${more} more`] : [])].join(', ')
}

/** The clock's time here, with the day where that is another. */
export function momentInWords(at: number, now: number): string {
  const [then, today] = [new Date(at), new Date(now)]
  const time = `${two(then.getHours())}:${two(then.getMinutes())}`
  if (then.toDateString() === today.toDateString()) return time
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())} ${time}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
