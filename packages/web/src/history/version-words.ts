/** How versions are told to a person: days, times, people. Pure; the clock is a parameter. */
import type { Version } from '@meshbook/core/api.ts'

export interface Day {
  title: string
  versions: Version[]
}

const dayMs = 86_400_000

/** Newest first, as given. */
export function byDay(versions: readonly Version[], now: number): Day[] {
  const days: Day[] = []
  for (const version of versions) {
    const title = dayTitle(version.at, now)
    const last = days.at(-1)
    if (last?.title === title) last.versions.push(version)
    else days.push({ title, versions: [version] })
  }
  return days
}

function dayTitle(at: number, now: number): string {
  const day = new Date(at).toDateString()
  if (day === new Date(now).toDateString()) return 'Today'
  if (day === new Date(now - dayMs).toDateString()) return 'Yesterday'
  const year = new Date(at).getFullYear() === new Date(now).getFullYear() ? {} : { year: 'numeric' as const }
  return new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', ...year }).format(at)
}

export function timeOf(at: number): string {
  return new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' }).format(at)
}

export function whenOf(at: number, now: number): string {
  const day = dayTitle(at, now)
  return `${day === 'Today' || day === 'Yesterday' ? day.toLowerCase() : day}, ${timeOf(at)}`
}

/** `This browser and Desk`; several of one name are told apart by their number. */
export function authorsText({ authors, unattributed }: Version): string {
  const names = authors.map(({ name, here }) => (here ? 'This browser' : name))
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  const texts = [...counts].map(([name, count]) => (count > 1 ? `${count} × ${name}` : name))
  if (unattributed || texts.length === 0) texts.push('unknown')
  return texts.length > 1 ? `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}` : texts[0]!
}

export function whatText({ kind, of }: Version): string {
  if (kind === 'restore') return `restored version ${of}`
  if (kind === 'undo') return `undid version ${of}`
  return kind === 'redo' ? `redid version ${of}` : ''
}

export function sizeText({ added, removed }: Version): string {
  const lines = (count: number) => `${count} ${count === 1 ? 'line' : 'lines'}`
  if (added === 0 && removed === 0) return 'no change'
  return [added > 0 && `${lines(added)} added`, removed > 0 && `${lines(removed)} removed`].filter(Boolean).join(', ')
}
