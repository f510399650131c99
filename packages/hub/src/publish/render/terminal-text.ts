/**
 * Terminal text with its colours, as spans with classes. The text has been through the terminal resolver: only plain SGR
 * sequences are left in it; other control characters that somebody wrote into the document are left out.
 */
import { applySgr, plain, type Style } from '@meshbook/core/terminal/style.ts'
import { type Colour, type ColourRules, colourNames, paletteColour } from './colour-rules.ts'
import { escapeHtml } from './escape.ts'

export function terminalHtml(text: string, rules: ColourRules): string {
  const html: string[] = []
  let style: Style = plain
  let at = 0
  for (const match of text.matchAll(/\u001b\[([0-9;:]{0,200})m/g)) {
    html.push(spanOf(text.slice(at, match.index), style, rules))
    style = applySgr(style, match[1]!)
    at = match.index + match[0].length
  }
  html.push(spanOf(text.slice(at), style, rules))
  return html.join('')
}

export const withoutColours = (text: string): string => text.replace(/\u001b\[[0-9;:]*m/g, '')

function spanOf(text: string, style: Style, rules: ColourRules): string {
  const shown = escapeHtml(text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, ''))
  const classes = shown === '' || style === plain ? [] : classesOf(style, rules)
  return classes.length === 0 ? shown : `<span class="${classes.join(' ')}">${shown}</span>`
}

const marks: readonly (readonly [bit: number, name: string])[] = [
  [1, 't-bold'],
  [2, 't-dim'],
  [3, 't-italic'],
  [4, 't-underline'],
  [7, 't-reverse'],
  [9, 't-strike'],
]

function classesOf({ flags, foreground, background }: Style, rules: ColourRules): string[] {
  const classes = marks.filter(([bit]) => flags & (1 << bit)).map(([, name]) => name)
  const [text, back] = [colourOf(foreground, 30), colourOf(background, 40)]
  if (text) classes.push(rules.classOf(text, 'text', back !== undefined))
  if (back) classes.push(rules.classOf(back, 'back'))
  return classes
}

/** Of canonical parameters: `31`, `91`, `38;5;208`, `38;2;255;0;0`. */
function colourOf(parameters: string, base: 30 | 40): Colour | undefined {
  if (parameters === '') return undefined
  const [first, form, ...rest] = parameters.split(';').map(Number) as [number, ...number[]]
  if (form === 5) return paletteColour(rest[0]!)
  if (form === 2) return { red: rest[0]!, green: rest[1]!, blue: rest[2]! }
  return { name: colourNames[((first - base) % 60) % 8]! }
}
