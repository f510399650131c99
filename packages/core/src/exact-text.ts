/**
 * A text as it is, for somebody who decides about its bytes: what would be invisible, or would change how the rest
 * looks, is shown by its number (S18).
 */

export interface TextPart {
  text: string
  /** It stands for a character that cannot be seen. */
  hidden: boolean
}

/** Controls but line end and tab, formats (bidirectional marks, joiners), private use, half characters, odd spaces. */
const unseen = /[^\P{C}\n\t]|[\u2028\u2029\u115f\u1160\u3164\uffa0]|[^\P{Zs} ]/gu

export function exactParts(text: string): TextPart[] {
  const parts: TextPart[] = []
  let at = 0
  for (const { 0: found, index } of text.matchAll(unseen)) {
    if (index > at) parts.push({ text: text.slice(at, index), hidden: false })
    parts.push({ text: nameOf(found), hidden: true })
    at = index + found.length
  }
  if (at < text.length) parts.push({ text: text.slice(at), hidden: false })
  return parts
}

export function exactText(text: string): string {
  return exactParts(text)
    .map(part => part.text)
    .join('')
}

function nameOf(character: string): string {
  return `⟨U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`
}
