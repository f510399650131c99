/**
 * What people wrote, told apart: each insertion is a mark with a number of its own, so that the end can be compared with
 * the beginning. A mark stands as `‹number:payload›`; a payload has characters of every width and no line end.
 */
import type { Chance } from '../world/chance.ts'

const pieces = ['a', 'bc', 'Ω', 'é', 'e\u0301', '漢字', '👩‍🚀', '🏳️‍🌈', 'x'.repeat(30), ' ', '\t', '`', '#', 'ﬁ', '𝒳']

export function newPayload(chance: Chance): string {
  return Array.from({ length: chance.between(0, 5) }, () => chance.one(pieces)!).join('')
}

export function markText(number: number, payload: string): string {
  return `‹${number}:${payload}›`
}

const whole = /‹(\d+):([^‹›\n]*)›/g

export interface FoundMark {
  number: number
  text: string
  at: number
}

/** The whole marks of a text, in order. */
export function marksIn(text: string): FoundMark[] {
  return [...text.matchAll(whole)].map(match => ({ number: Number(match[1]), text: match[0], at: match.index }))
}

/** Where parts of marks stand in a text. */
export function brokenMarksIn(text: string): string[] {
  return text.replaceAll(whole, '').match(/[^\n]{0,12}[‹›][^\n]{0,12}/g) ?? []
}

/** Places where somebody may write without tearing a mark: line starts, and in a dense text also right after a mark. */
export function placesIn(text: string, isDense: boolean): number[] {
  const places = [0]
  for (let i = 0; i < text.length; i++) if (text[i] === '\n' || (isDense && text[i] === '›')) places.push(i + 1)
  return places
}
