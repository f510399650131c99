/**
 * Terminal text in pieces of whole lines, so that a growing output is drawn piece by piece and what stands is never
 * drawn again. Colours go on from piece to piece. Pure.
 */

export interface TextChunk {
  text: string
  /** The colour sequences in force where the piece begins. */
  carry: string
  lines: number
}

const linesPerChunk = 80
const mostCarry = 24

/** The pieces of `text`; those of `before` that still hold are the same objects. */
export function chunksOf(text: string, before: readonly TextChunk[] = []): TextChunk[] {
  const chunks: TextChunk[] = []
  let at = 0
  for (const chunk of before.slice(0, -1)) {
    if (!text.startsWith(chunk.text, at)) break
    chunks.push(chunk)
    at += chunk.text.length
  }
  let carry = chunks.length > 0 ? carryAfter(chunks.at(-1)!) : ''
  while (at < text.length) {
    const end = endOfLines(text, at, linesPerChunk)
    const piece = text.slice(at, end)
    const old = before[chunks.length]
    const chunk =
      old && old.text === piece && old.carry === carry ? old : { text: piece, carry, lines: countLines(piece) }
    chunks.push(chunk)
    carry = carryAfter(chunk)
    at = end
  }
  return chunks
}

function endOfLines(text: string, from: number, lines: number): number {
  let at = from
  for (let n = 0; n < lines; n++) {
    const next = text.indexOf('\n', at)
    if (next < 0) return text.length
    at = next + 1
  }
  return at
}

/** Lines of a piece, counted up to `most`; a line ending at its very end begins no new one. */
export function countLines(text: string, most = Number.POSITIVE_INFINITY): number {
  if (text === '') return 0
  let lines = text.endsWith('\n') ? 0 : 1
  for (let at = text.indexOf('\n'); at >= 0 && lines < most; at = text.indexOf('\n', at + 1)) lines++
  return lines
}

/** The colour sequences that hold after a piece: those since the last reset. */
function carryAfter({ text, carry }: TextChunk): string {
  const sequences = Array.from((carry + text).matchAll(/\u001b\[([0-9;:]*)m/g), match => match[0])
  const reset = sequences.findLastIndex(sequence => /^\u001b\[(?:0*|.*;0*)m$/.test(sequence))
  return sequences
    .slice(reset + 1)
    .slice(-mostCarry)
    .join('')
}

export interface Folded {
  head: string
  tail: string
  hidden: number
}

const showAllUpTo = 60
const headLines = 14
const tailLines = 26

/** The beginning and end of a long text; undefined if it is short enough to be shown whole. */
export function foldOf(text: string): Folded | undefined {
  const lines = countLines(text)
  if (lines <= showAllUpTo) return undefined
  const headTo = endOfLines(text, 0, headLines)
  let tailFrom = text.endsWith('\n') ? text.length - 1 : text.length
  for (let n = 0; n < tailLines; n++) tailFrom = text.lastIndexOf('\n', tailFrom - 1)
  return { head: text.slice(0, headTo), tail: text.slice(tailFrom + 1), hidden: lines - headLines - tailLines }
}

/** The colour sequences in force at the end of a text. */
export const carryOf = (text: string): string => carryAfter({ text, carry: '', lines: 0 })
