/**
 * When the five fields of cron are true in a time zone (WF14–WF17). The library says what a clock on a wall shows then;
 * which instants that is when the clocks are set is decided here.
 */
import { Cron } from 'croner'
import { TimeZone } from './time-zone.ts'

/** Minute, hour, day, month, weekday: of what the library takes, what every cron takes. */
const value = '(?:\\d{1,2}|[A-Za-z]{3})'
const item = `(?:\\*|${value}(?:-${value})?)(?:/\\d{1,2})?`
const field = new RegExp(`^${item}(?:,${item})*$`)

function fieldsOf(text: string): string[] | undefined {
  const fields = text.trim().split(/\s+/)
  return fields.length === 5 && fields.every(one => field.test(one)) ? fields : undefined
}

/** Undefined for what is no schedule. */
function patternOf(text: string): { pattern: Cron; goesOn: boolean } | undefined {
  const fields = fieldsOf(text)
  if (!fields) return undefined
  const [, hour, day, , weekday] = fields as [string, string, string, string, string]
  const domAndDow = day.startsWith('*') || weekday.startsWith('*')
  try {
    const options = { mode: '5-part', utcOffset: 0, sloppyRanges: true, paused: true, domAndDow } as const
    return { pattern: new Cron(fields.join(' '), options), goesOn: hour.startsWith('*') }
  } catch (thrown) {
    if (thrown instanceof TypeError || thrown instanceof RangeError) return undefined
    throw thrown
  }
}

export function isCron(text: string): boolean {
  return patternOf(text) !== undefined
}

export class CronTimes {
  readonly #pattern: Cron
  /** Through a change of the clocks, as it is true in each hour or in each few. */
  readonly #goesOn: boolean
  readonly #zone: TimeZone

  /** Of a text that `isCron` takes. */
  constructor(text: string, timeZone: string) {
    const { pattern, goesOn } = patternOf(text)!
    this.#pattern = pattern
    this.#goesOn = goesOn
    this.#zone = new TimeZone(timeZone)
  }

  /** The first time after, in ms since 1970; undefined if there is none. */
  next(after: number): number | undefined {
    return this.#goesOn ? this.#nextShown(after) : this.#nextOnce(after)
  }

  /** The last time after `after` that is not after `upTo`. */
  last(after: number, upTo: number): number | undefined {
    let found = this.next(after)
    if (found === undefined || found > upTo) return undefined
    // Most often there is one alone.
    const second = this.next(found)
    if (second === undefined || second > upTo) return found
    found = second
    let end = upTo
    while (found < end) {
      const middle = found + Math.ceil((end - found) / 2)
      const next = this.next(middle - 1)
      if (next !== undefined && next <= upTo) found = next
      else end = middle - 1
    }
    return found
  }

  #wallAfter(wall: number): number | undefined {
    return this.#pattern.nextRun(new Date(wall))?.getTime()
  }

  #nextOnce(after: number): number | undefined {
    let wall = this.#wallAfter(this.#zone.wall(after))
    while (wall !== undefined) {
      const at = this.#zone.instant(wall)
      if (at > after) return at
      wall = this.#wallAfter(wall)
    }
    return undefined
  }

  #nextShown(after: number): number | undefined {
    let [since, offset, shown] = [after, this.#zone.offset(after), this.#zone.wall(after)]
    for (;;) {
      const wall = this.#wallAfter(shown)
      if (wall === undefined) return undefined
      const at = wall - offset
      const change = this.#zone.change(since, at)
      if (change === undefined) return at
      ;[since, offset, shown] = [change, this.#zone.offset(change), this.#zone.wall(change) - 1]
    }
  }
}

/** The first time after `after` that the fields name, in ms since 1970; undefined if there is none. */
export function nextTime(cron: string, timeZone: string, after: number): number | undefined {
  return isCron(cron) ? new CronTimes(cron, timeZone).next(after) : undefined
}
