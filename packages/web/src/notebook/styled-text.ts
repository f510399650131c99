/** Terminal text as pieces of one style each; what SGR sequences mean stands in core/terminal alone. Pure. */
import { applySgr, plain, type Style } from '@meshbook/core/terminal/style.ts'
import type { Rgb } from './readable-colour.ts'

export interface StyledPiece {
  text: string
  style: Style
}

/** Control sequences that are not about style are left out; the resolver leaves none, a traceback may have some. */
const sequence = /\u001b\[([\x20-\x3f]*)([\x40-\x7e])/g

export function styledPieces(text: string): StyledPiece[] {
  const pieces: StyledPiece[] = []
  let style = plain
  let from = 0
  const add = (to: number) => to > from && pieces.push({ text: text.slice(from, to), style })
  for (const { 0: whole, 1: parameters, 2: end, index } of text.matchAll(sequence)) {
    add(index)
    from = index + whole.length
    if (end === 'm') style = applySgr(style, parameters!)
  }
  add(text.length)
  return pieces
}

const decorations = ['', 'bold', 'dim', 'italic', 'underline', 'blink', '', 'reverse', 'hidden', 'strikethrough']

export const classesOf = ({ flags }: Style): string[] =>
  decorations.flatMap((name, at) => (name !== '' && flags & (1 << at) ? [`ansi-${name}`] : []))

/** Which of the eight colours a canonical colour of a style is, bright or not; undefined for all others and none. */
export function baseColour(code: string): number | undefined {
  const [first, kind, index] = code.split(';').map(Number)
  if (kind === undefined) return code === '' ? undefined : first! % 10
  return kind === 5 && index! < 16 ? index! % 8 : undefined
}

/** One of the palette of xterm, or any colour at all. */
export function otherColour(code: string): Rgb | undefined {
  const [, kind, ...values] = code.split(';').map(Number)
  if (kind === 2) return values as unknown as Rgb
  return kind === 5 && values[0]! >= 16 ? paletteColour(values[0]!) : undefined
}

function paletteColour(index: number): Rgb {
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10
    return [grey, grey, grey]
  }
  const level = (n: number) => (n === 0 ? 0 : 55 + n * 40)
  const cube = index - 16
  return [level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]
}
