/** Months of UTC, as `2026-01`: what budgets and statements count by. Pure. */
const monthText = /^(\d{4})-(0[1-9]|1[0-2])$/

export const isMonth = (text: string): boolean => monthText.test(text)

export const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7)

/** From its first millisecond to before `to`. */
export function boundsOf(month: string): { from: number; to: number } {
  const [, year, number] = monthText.exec(month) ?? []
  if (year === undefined || number === undefined) throw new TypeError(`no month: ${month}`)
  return { from: Date.UTC(Number(year), Number(number) - 1, 1), to: Date.UTC(Number(year), Number(number), 1) }
}

/** The month of `at` and those before it, newest first. */
export function monthsBefore(at: number, count: number): string[] {
  const date = new Date(at)
  return Array.from({ length: count }, (_, n) => monthOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - n, 1)))
}
