/** Quiet hours of a named time zone, as pure functions over the clock: daylight saving changes are those of the zone (NT5). */
export interface QuietHours {
  /** `HH:MM` on the clock of the zone; the same time twice is no quiet time at all. */
  from: string
  to: string
  /** IANA name. */
  zone: string
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    // Offsets such as +02:00 are accepted there too, and know no daylight saving.
    return /^[A-Za-z]/.test(name)
  } catch {
    return false
  }
}

export function isQuiet(at: number, { from, to, zone }: QuietHours): boolean {
  const [begin, end, now] = [minutesOf(from), minutesOf(to), minuteOfDay(at, zone)]
  return begin <= end ? begin <= now && now < end : now >= begin || now < end
}

/** The first minute from `at` on that is not quiet; `at` itself where it is not quiet. */
export function endOfQuiet(at: number, quiet: QuietHours): number {
  if (!isQuiet(at, quiet)) return at
  const left = (minutesOf(quiet.to) - minuteOfDay(at, quiet.zone) + dayMinutes) % dayMinutes
  const minute = Math.floor(at / 60_000)
  // The clock of the zone may be put forward or back meanwhile, so the minutes around the end are looked at one by one.
  let end = Math.max(minute + 1, minute + left - changeMinutes)
  while (end < minute + 2 * dayMinutes && isQuiet(end * 60_000, quiet)) end++
  return end * 60_000
}

const dayMinutes = 24 * 60
/** No zone puts its clock forward by more. */
const changeMinutes = 2 * 60

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}

const formats = new Map<string, Intl.DateTimeFormat>()
const mostFormats = 500

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  if (formats.size >= mostFormats) formats.clear()
  const made = new Intl.DateTimeFormat('en', { timeZone: zone, hourCycle: 'h23', hour: 'numeric', minute: 'numeric' })
  formats.set(zone, made)
  return made
}

/** On the clock of the zone. */
function minuteOfDay(at: number, zone: string): number {
  const part = (type: string): number => Number(parts.find(found => found.type === type)?.value)
  const parts = formatOf(zone).formatToParts(at)
  return part('hour') * 60 + part('minute')
}
