/** Between instants and what a clock on a wall of a time zone shows, written as if that were UTC. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch (thrown) {
    if (thrown instanceof RangeError) return false
    throw thrown
  }
}

const secondMs = 1_000
const dayMs = 86_400_000

/** They are slow to make. */
const formats = new Map<string, Intl.DateTimeFormat>()
const mostFormats = 500

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known) return known
  const two = '2-digit' as const
  const clock = { hour: two, minute: two, second: two, hourCycle: 'h23' as const }
  const made = new Intl.DateTimeFormat('en', { timeZone, year: 'numeric', month: two, day: two, ...clock })
  if (formats.size >= mostFormats) formats.clear()
  formats.set(timeZone, made)
  return made
}

export class TimeZone {
  readonly #format: Intl.DateTimeFormat

  constructor(name: string) {
    this.#format = formatOf(name)
  }

  /** How far the clock on the wall is before UTC, in ms. */
  offset(at: number): number {
    const second = Math.floor(at / secondMs) * secondMs
    const parts = Object.fromEntries(this.#format.formatToParts(second).map(({ type, value }) => [type, Number(value)]))
    return Date.UTC(parts.year!, parts.month! - 1, parts.day, parts.hour, parts.minute, parts.second) - second
  }

  wall(at: number): number {
    return at + this.offset(at)
  }

  /** The first instant that shows this; where the clocks skip it, the first after the hole. */
  instant(wall: number): number {
    const offsets = [this.offset(wall - dayMs), this.offset(wall + dayMs)]
    const near = offsets.map(offset => wall - offset)
    const shown = near.filter(at => this.wall(at) === wall)
    return shown.length > 0 ? Math.min(...shown) : this.change(Math.min(...near), Math.max(...near))!
  }

  /** The first instant after `from`, up to `to`, at which the clocks are set; undefined where they are not. */
  change(from: number, to: number): number | undefined {
    const old = this.offset(from)
    let low = from
    while (low < to) {
      const high = Math.min(low + dayMs, to)
      if (this.offset(high) !== old) return this.#between(low, high, old)
      low = high
    }
    return undefined
  }

  #between(from: number, to: number, old: number): number {
    let [low, high] = [from, to]
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2)
      if (this.offset(middle) === old) low = middle
      else high = middle
    }
    return high
  }
}
