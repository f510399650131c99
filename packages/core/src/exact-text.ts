/**
 * A text as it is, for somebody who decides about its bytes: what would be invisible, would change how the rest looks, or
 * only looks like another character, is shown with its number (S18).
 */

export interface TextPart {
  text: string
  /** It stands for a character that cannot be seen, or is one that looks like another, with its number. */
  marked: boolean
}

/** Controls but line end and tab, formats (bidirectional marks, joiners), private use, half characters, odd spaces. */
const unseen = /[^\P{C}\n\t]|[\u2028\u2029\u115f\u1160\u3164\uffa0]|[^\P{Zs} ]/u

/** Looks like a character of every keyboard, whatever stands around it: wide and mathematical forms, odd signs and dashes. */
const odd =
  /[\uff01-\uff5e\u{1d400}-\u{1d7ff}\u0251\u0261\u01c0\u01c3\u037e\u0589\u05c3\u2010\u2011\u2024\u2044\u2212\u2215\u2216\u2223\u2236\u29f5\u29f8\ua789]/u

/** Cyrillic, Greek and Armenian letters that look like Latin ones. In a word of their own script they are what they seem. */
const alike = /[асеорухіјѕԁһӏԛԝѵАВЕКМНОРСТУХІЈЅԚԜοινυκρχΑΒΕΖΗΙΚΜΝΟΡΤΥΧօոսցհ]/u

const plain = /^[\n\t -~]*$/
const words = /[\p{L}\p{M}\p{N}]+|[^\p{L}\p{M}\p{N}]+/gu

export function exactParts(text: string): TextPart[] {
  const parts: TextPart[] = []
  const add = (piece: string, marked: boolean) => {
    const last = parts.at(-1)
    if (last && !marked && !last.marked) last.text += piece
    else parts.push({ text: piece, marked })
  }
  for (const line of text.split(/(?<=\n)/)) {
    const isLatin = /[A-Za-z]/.test(line)
    for (const [word] of line.matchAll(words)) {
      if (plain.test(word)) add(word, false)
      else addWord(word, isLatin && mayDeceive(word), add)
    }
  }
  return parts
}

function addWord(word: string, deceives: boolean, add: (piece: string, marked: boolean) => void): void {
  for (const character of word) {
    if (unseen.test(character)) add(numberOf(character), true)
    else if (odd.test(character) || (deceives && alike.test(character))) add(character + numberOf(character), true)
    else add(character, false)
  }
}

/** It mixes Latin letters or digits with look-alikes, or has nothing but look-alikes. */
function mayDeceive(word: string): boolean {
  return /[A-Za-z0-9]/.test(word) || [...word].every(character => alike.test(character))
}

export function exactText(text: string): string {
  return exactParts(text)
    .map(part => part.text)
    .join('')
}

function numberOf(character: string): string {
  return `⟨U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`
}
