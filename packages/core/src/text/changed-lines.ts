/**
 * The lines in which two texts differ, without going through those before and after one by one: most changes of a long
 * text are small. Pure.
 */

export interface ChangedLines {
  /** Where they begin in both texts. */
  from: number
  before: string
  after: string
}

/** The whole lines between the common first lines and the common last ones; those left have no such line in common. */
export function changedLines(before: string, after: string): ChangedLines {
  if (before === after) return { from: before.length, before: '', after: '' }
  const alike = commonStart(before, after)
  const from = alike === 0 ? 0 : before.lastIndexOf('\n', alike - 1) + 1
  const tail = lineStartsIn(before, after, commonEnd(before, after, from))
  return { from, before: before.slice(from, before.length - tail), after: after.slice(from, after.length - tail) }
}

const step = 8_192

function commonStart(a: string, b: string): number {
  const most = Math.min(a.length, b.length)
  let at = 0
  while (at + step <= most && a.slice(at, at + step) === b.slice(at, at + step)) at += step
  while (at < most && a.charCodeAt(at) === b.charCodeAt(at)) at++
  return at
}

/** Units at the end of both that are alike, none before `from`. */
function commonEnd(a: string, b: string, from: number): number {
  const most = Math.min(a.length, b.length) - from
  const piece = (text: string, units: number) => text.slice(text.length - units - step, text.length - units)
  let units = 0
  while (units + step <= most && piece(a, units) === piece(b, units)) units += step
  while (units < most && a.charCodeAt(a.length - 1 - units) === b.charCodeAt(b.length - 1 - units)) units++
  return units
}

/** Of the units at the end that are alike, those from the first at which a line begins in both texts. */
function lineStartsIn(a: string, b: string, units: number): number {
  if (isLineStart(a, a.length - units) && isLineStart(b, b.length - units)) return units
  const next = a.indexOf('\n', a.length - units)
  return next < 0 ? 0 : a.length - next - 1
}

const isLineStart = (text: string, at: number): boolean => at === 0 || text[at - 1] === '\n'
