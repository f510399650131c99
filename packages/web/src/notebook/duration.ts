/** Times for people. Pure. */

/** `0.3 s`, `12.4 s`, `3 min 20 s`, `1 h 5 min`; coarse times have no tenths. */
export function duration(ms: number, precision: 'fine' | 'coarse' = 'fine'): string {
  const seconds = ms / 1000
  if (precision === 'fine' && seconds < 0.1) return `${Math.round(ms)} ms`
  if (seconds < 59.95) return precision === 'fine' ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

export function timeOfDay(at: number, now: number): string {
  const date = new Date(at)
  const today = date.toDateString() === new Date(now).toDateString()
  return date.toLocaleString(undefined, today ? { timeStyle: 'medium' } : { dateStyle: 'medium', timeStyle: 'short' })
}

/** `just now`, `5 min ago`, `yesterday`. */
export function ago(at: number, now: number): string {
  const seconds = Math.max(0, (now - at) / 1000)
  if (seconds < 45) return 'just now'
  if (seconds < 3_570) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.round(seconds / 3_600)} h ago`
  const days = Math.round(seconds / 86_400)
  return days === 1 ? 'yesterday' : days < 30 ? `${days} days ago` : new Date(at).toLocaleDateString()
}
