/** Pulling a list down to bring it up to date: what a finger's way means. Pure (PH71). */
export interface Pull {
  /** Where the finger went down. */
  x: number
  y: number
  /** How far the list is pulled; undefined while it is not known whether it is a pull. */
  by: number | undefined
  isOff: boolean
}

const decidedAfter = 8
/** The list follows half as far as the finger. */
const drag = 0.5
export const pullAt = 64
const most = 96

export const begun = (x: number, y: number): Pull => ({ x, y, by: undefined, isOff: false })

/** Sideways or upwards it is something else, for as long as the finger is down. */
export function moved(pull: Pull, x: number, y: number): Pull {
  const [across, down] = [Math.abs(x - pull.x), y - pull.y]
  if (pull.isOff) return pull
  if (pull.by === undefined && Math.max(across, Math.abs(down)) < decidedAfter) return pull
  if (pull.by === undefined && (across > down || down <= 0)) return { ...pull, isOff: true }
  return { ...pull, by: Math.min(most, Math.max(0, down * drag)) }
}

export const isFar = ({ by, isOff }: Pull): boolean => !isOff && (by ?? 0) >= pullAt
