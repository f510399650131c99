/**
 * What people wrote, told apart: each insertion is a mark with a number of its own, so that the end can be compared with
 * the beginning. A mark stands as `‹number:payload›`; a payload has characters of every width and no line end.
 */
import type { Chance } from '../world/chance.ts'

const pieces = ['Ω', 'é', 'e\u0301', '漢字', '👩‍🚀', '🏳️‍🌈', ' ', '\t', '`', '#', 'ﬁ', '𝒳']
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** Long and unlike every other one, so that no comparison of texts takes one mark for an edited other. */
export function newPayload(chance: Chance): string {
  const some = (length: number, from: readonly string[]) => Array.from({ length }, () => chance.one(from)!).join('')
  return some(16, [...letters]) + some(chance.between(0, 3), pieces)
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
