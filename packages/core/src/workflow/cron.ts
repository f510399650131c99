/**
 * The five fields of cron and when they are next true in a time zone. A time that the clocks skip is moved to the first
 * moment after it; one that they repeat is true once, at the first of the two.
 */
interface Field {
  least: number
  most: number
  names?: readonly string[]
}

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const days = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const fields: readonly Field[] = [
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12, names: months },
  { least: 0, most: 7, names: days },
]

interface Cron {
  minutes: Set<number>
  hours: Set<number>
  days: Set<number>
  months: Set<number>
  weekdays: Set<number>
  /** Day and weekday are both given: either is enough. */
  either: boolean
}

export function isCron(text: string): boolean {
  return parseCron(text) !== undefined
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch (thrown) {
    if (thrown instanceof RangeError) return false
    throw thrown
  }
}

function parseCron(text: string): Cron | undefined {
  const parts = text.trim().split(/\s+/)
  if (parts.length !== fields.length) return undefined
  const sets = parts.map((part, i) => parseField(part, fields[i]!))
  const [minutes, hours, monthDays, monthNumbers, weekdays] = sets
  if (!minutes || !hours || !monthDays || !monthNumbers || !weekdays) return undefined
  if (weekdays.delete(7)) weekdays.add(0)
  const either = !parts[2]!.startsWith('*') && !parts[4]!.startsWith('*')
  return { minutes, hours, days: monthDays, months: monthNumbers, weekdays, either }
}

function parseField(text: string, field: Field): Set<number> | undefined {
  const found = new Set<number>()
  for (const item of text.split(',')) {
    const [, range, step = '1'] = /^(\*|\w+(?:-\w+)?)(?:\/(\d{1,2}))?$/.exec(item) ?? []
    if (range === undefined || Number(step) === 0) return undefined
    const isOpen = item.includes('/') && !range.includes('-')
    const [from, to] = range === '*' ? [field.least, field.most] : boundsOf(range, field, isOpen)
    if (from === undefined || to === undefined || from > to) return undefined
    for (let value = from; value <= to; value += Number(step)) found.add(value)
  }
  return found
}

function boundsOf(range: string, field: Field, isOpen: boolean): (number | undefined)[] {
  const [from = '', to] = range.split('-')
  const first = numberIn(from, field)
  return [first, to === undefined ? (isOpen ? field.most : first) : numberIn(to, field)]
}

function numberIn(text: string, { least, most, names }: Field): number | undefined {
  const named = names?.indexOf(text.toUpperCase()) ?? -1
  const value = named >= 0 ? named + (names === months ? 1 : 0) : /^\d{1,2}$/.test(text) ? Number(text) : -1
  return value >= least && value <= most ? value : undefined
}

const minuteMs = 60_000
const dayMs = 86_400_000
/** Every date is there once in so long, 29 February on a certain weekday included. */
const lookDays = 366 * 29

/** The first time after `after` that the fields name, in ms since 1970; undefined if there is none. */
export function nextTime(cron: string, timeZone: string, after: number): number | undefined {
  const parsed = parseCron(cron)
  if (!parsed) return undefined
  const zone = new Zone(timeZone)
  const start = zone.wallOf(after)
  const firstDay = start - mod(start, dayMs)
  for (let day = 0; day <= lookDays; day++) {
    const midnight = firstDay + day * dayMs
    if (!isDay(parsed, new Date(midnight))) continue
    const times = [...parsed.hours].flatMap(hour => [...parsed.minutes].map(minute => (hour * 60 + minute) * minuteMs))
    const next = times.map(time => zone.instantOf(midnight + time)).filter(at => at > after)
    if (next.length > 0) return Math.min(...next)
  }
  return undefined
}

/** `date`: a wall clock's date, as if it were UTC. */
function isDay(cron: Cron, date: Date): boolean {
  if (!cron.months.has(date.getUTCMonth() + 1)) return false
  const day = cron.days.has(date.getUTCDate())
  const weekday = cron.weekdays.has(date.getUTCDay())
  return cron.either ? day || weekday : day && weekday
}

function mod(a: number, b: number): number {
  return ((a % b) + b) % b
}

/** Between instants and what a clock on a wall shows, written as if that were UTC. */
class Zone {
  readonly #format: Intl.DateTimeFormat

  constructor(timeZone: string) {
    const two = '2-digit' as const
    const clock = { hour: two, minute: two, second: two, hourCycle: 'h23' as const }
    this.#format = new Intl.DateTimeFormat('en', { timeZone, year: 'numeric', month: two, day: two, ...clock })
  }

  wallOf(at: number): number {
    const parts = Object.fromEntries(this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    return Date.UTC(parts.year!, parts.month! - 1, parts.day, parts.hour, parts.minute, parts.second)
  }

  /** The first instant that shows this; where none does, the first after the hole. */
  instantOf(wall: number): number {
    const before = wall - (this.wallOf(wall - dayMs) - (wall - dayMs))
    const behind = wall - (this.wallOf(wall + dayMs) - (wall + dayMs))
    const shown = [before, behind].filter(at => this.wallOf(at) === wall)
    if (shown.length > 0) return Math.min(...shown)
    return this.#endOfHole(Math.min(before, behind), Math.max(before, behind))
  }

  /** The clocks are set forward between the two. */
  #endOfHole(from: number, to: number): number {
    const offset = (at: number): number => this.wallOf(at) - at
    const old = offset(from)
    let [low, high] = [from, to]
    while (high - low > minuteMs) {
      const middle = low + Math.floor((high - low) / 2 / minuteMs) * minuteMs
      if (offset(middle) === old) low = middle
      else high = middle
    }
    return high
  }
}
