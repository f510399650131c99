/** What is said of a saved session and of a move, for the command line, the page and the phone alike. Pure. */

import type { SessionInfo } from './messages.ts'
import type { Move } from './moves-api.ts'

export type Saved = NonNullable<SessionInfo['saved']>
export type Moving = NonNullable<SessionInfo['moving']>

const units = ['B', 'KB', 'MB', 'GB', 'TB']

/** `412 B`, `38 KB`, `1.2 GB`; a thousand to the next unit, as disks and networks count. */
export function sizeWords(bytes: number): string {
  let unit = 0
  let amount = Math.max(0, bytes)
  while (unit < units.length - 1 && Math.round(amount) >= 1000) {
    amount /= 1000
    unit++
  }
  return `${unit > 1 && amount < 9.95 ? amount.toFixed(1) : Math.round(amount)} ${units[unit]}`
}

/** `14:02`; of another day with its date. */
export function clockWords(at: number, now: number): string {
  const date = new Date(at)
  const time = date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  if (date.toDateString() === new Date(now).toDateString()) return time
  return `${date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })}, ${time}`
}

const cells = (count: number): string => `${count} cell${count === 1 ? '' : 's'}`
export const behindWords = (count: number): string => (count === 0 ? 'nothing missing' : `${cells(count)} behind`)

/** `as of 14:02, 1 cell behind` */
export function asOfWords({ asOf, behind }: { asOf: { at: number } | null; behind: number }, now: number): string {
  if (asOf === null) return 'nothing saved yet'
  return `as of ${clockWords(asOf.at, now)}${behind > 0 ? `, ${behindWords(behind)}` : ''}`
}

export type Freshness = 'current' | 'behind' | 'saving' | 'none' | 'failed' | 'off'

/** How far a session could go on elsewhere if its device were gone now. */
export function freshnessOf({ snapshot, state, behind }: Pick<Saved, 'snapshot' | 'state' | 'behind'>): Freshness {
  if (state === 'failed') return 'failed'
  if (snapshot === null) return state === 'off' ? 'off' : state === 'saving' ? 'saving' : 'none'
  if (behind > 0) return 'behind'
  return state === 'saving' ? 'saving' : 'current'
}

/** In a few words: for a chip, or a column of a table. */
export function savedWords(saved: Saved, now: number): string {
  const of = freshnessOf(saved)
  if (saved.snapshot === null)
    return of === 'off'
      ? 'not saved'
      : of === 'failed'
        ? 'saving failed'
        : of === 'saving'
          ? 'not yet movable: saving'
          : 'not yet movable'
  return `${asOfWords(saved, now)}${of === 'failed' ? ' (saving failed)' : ''}`
}

const phases: Record<Moving['phase'], string> = {
  waiting: 'Waiting until the session is idle',
  saving: 'Saving its state',
  fetch: 'Fetching its state',
  open: 'Opening its state',
  start: 'Starting it',
}

/** `Fetching its state: 38 MB of 120 MB` */
export function movingWords({ phase, done, total }: Pick<Moving, 'phase' | 'done' | 'total'>): string {
  if (total === 0 || phase === 'waiting' || phase === 'start') return `${phases[phase]}…`
  return `${phases[phase]}: ${sizeWords(Math.min(done, total))} of ${sizeWords(total)}`
}

/** Between 0 and 1; undefined where nobody can say. */
export function shareOf({ done, total }: Pick<Moving, 'done' | 'total'>): number | undefined {
  return total === 0 ? undefined : Math.min(1, done / total)
}

const movePhases: Record<Move['state'], string> = {
  waiting: 'Waiting until the session is idle',
  saving: 'Saving its state',
  restoring: 'Restoring it',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
}
/** Of a move of which no more is known than its state. */
export const moveWords = ({ state }: Pick<Move, 'state'>): string => movePhases[state]

export const hasMoveEnded = ({ state }: Pick<Move, 'state'>): boolean =>
  state === 'done' || state === 'failed' || state === 'cancelled'

/** `Waiting for MacBook (12 s)`, as the hub gives it among the reasons of a run. */
export function heldBy(reasons: readonly string[]): { device: string; seconds: number } | undefined {
  for (const reason of reasons) {
    const [, device, seconds] = /^Waiting for (.{1,200}) \((\d{1,6}) s\)/.exec(reason) ?? []
    if (device !== undefined) return { device, seconds: Number(seconds) }
  }
  return undefined
}

/** What is in a saved state: its largest variables by name, the number of the others, and what else lives in it. */
export function insideWords({
  variables,
  more,
  processes,
  threads,
}: {
  variables: readonly { name: string; bytes?: number | undefined }[]
  more: number
  processes: number
  threads: number
}): string {
  const shown = [...variables].sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0)).slice(0, 6)
  const others = variables.length - shown.length + more
  const names = shown.map(({ name, bytes }) => (bytes ? `${name} (${sizeWords(bytes)})` : name))
  const parts = [
    ...(names.length > 0 ? [names.join(', ') + (others > 0 ? ` and ${others} more` : '')] : []),
    ...(names.length === 0 && others > 0 ? [`${others} variables`] : []),
    ...(processes > 1 ? [`${processes} processes`] : []),
    ...(threads > 1 ? [`${threads} threads`] : []),
  ]
  return parts.length === 0 ? 'no variables' : parts.join('; ')
}
