/**
 * Whether a Markdown text would take a reader of Markdown longer than anybody waits, or nest deeper than its stack goes:
 * parsers go back and forth over endless words and marks within marks. No text that a person writes is like that. The
 * measure itself is linear. Pure.
 */

/** Embedded images are long, and harmless: their letters are passed over once. */
const embedded = /\]\(<?data:[^)\s]*/g
const mostChars = 256 * 1024
/** Of one word with the characters that addresses and emphasis are made of. */
const mostWordChars = 1_000
/** Quotes and lists within each other, on one line or by indentation. */
const mostNested = 12
/** What opens something, of each kind. */
const mostMarks = 4_000

export function isIntricate(source: string): boolean {
  const text = source.replace(embedded, '](')
  return text.length > mostChars || longestWord(text) > mostWordChars || nesting(text) > mostNested || marks(text)
}

function longestWord(text: string): number {
  let longest = 0
  for (const { 0: word } of text.matchAll(/[^\s[\](){}<>|,;"]+/g)) longest = Math.max(longest, word.length)
  return longest
}

function nesting(text: string): number {
  let deepest = 0
  let indents: number[] = []
  for (const line of text.split('\n')) {
    const [prefix] = /^(?:[ \t]|>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$))*/.exec(line) ?? ['']
    const own = prefix.match(/>|[-*+]|\d{1,9}[.)]/g)?.length ?? 0
    if (own === 0) continue
    const indent = prefix.search(/[^ \t]/)
    indents = [...indents.filter(other => other < indent).slice(-mostNested), indent]
    deepest = Math.max(deepest, own, indents.length)
  }
  return deepest
}

const kinds = [/\[/g, /[*_~]+/g, /`+/g, /<[a-z!/?]/gi, /\$/g]

function marks(text: string): boolean {
  return kinds.some(kind => (text.match(kind)?.length ?? 0) > mostMarks)
}
