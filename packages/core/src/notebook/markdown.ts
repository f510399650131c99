/**
 * The CommonMark rules that decide where a fence can begin and end: fences, HTML blocks and list items. Each takes one
 * line; none looks at the rest of the text. Every pattern is anchored and needs time linear in the line.
 */

export interface Opening {
  char: '`' | '~'
  length: number
  indent: number
  /** What follows the fence, trimmed. */
  info: string
}

/** The opening of a fenced code block. The info string of a backtick fence holds no backtick. */
export function openingOf(line: string): Opening | undefined {
  const match = /^( {0,3})(`{3,}|~{3,})(.*)$/s.exec(line)
  if (!match) return undefined
  const [, spaces, marks, rest] = match as unknown as [string, string, string, string]
  const char = marks[0] as '`' | '~'
  if (char === '`' && rest.includes('`')) return undefined
  return { char, length: marks.length, indent: spaces.length, info: rest.trim() }
}

/** Whether the line closes a fence that was opened with `length` times `char`. */
export function closes(line: string, { char, length }: Pick<Opening, 'char' | 'length'>): boolean {
  const match = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(line)
  return match?.[1]?.[0] === char && match[1].length >= length
}

const blockTags =
  'address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul'

/** Start and end of the HTML blocks 1 to 6 of CommonMark; a fence inside one is text. */
const htmlBlocks: readonly { start: RegExp; end: RegExp }[] = [
  { start: /^ {0,3}<!--/, end: /-->/ },
  { start: /^ {0,3}<(?:script|pre|style|textarea)(?:[ \t>]|$)/i, end: /<\/(?:script|pre|style|textarea)>/i },
  { start: /^ {0,3}<\?/, end: /\?>/ },
  { start: /^ {0,3}<!\[CDATA\[/, end: /\]\]>/ },
  { start: /^ {0,3}<![a-z]/i, end: />/ },
  { start: new RegExp(`^ {0,3}</?(?:${blockTags})(?:[ \\t>]|/>|$)`, 'i'), end: /^[ \t]*$/ },
]

/** If an HTML block begins with this line: what the line that ends it matches (it may be this one). */
export function htmlEndOf(line: string): RegExp | undefined {
  return htmlBlocks.find(block => block.start.test(line))?.end
}

/** Columns that belong to the marker of a list item which begins with this line; deeper lines are the item's content. */
export function listIndentOf(line: string): number | undefined {
  const match = /^( {0,3}(?:[-*+]|\d{1,9}[.)]))(?:( {1,4})(?=[^ ])|[ \t]|$)/.exec(line)
  if (!match || isThematicBreak(line)) return undefined
  return match[1]!.length + (match[2]?.length ?? 1)
}

/** Whether a line goes on with the paragraph before it, although it is indented less than its list item. */
export function isLazyText(line: string): boolean {
  return !/^ {0,3}(?:>|#{1,6}(?:[ \t]|$))/.test(line) && !openingOf(line) && !htmlEndOf(line) && !isThematicBreak(line)
}

function isThematicBreak(line: string): boolean {
  return /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/.test(line)
}

/** Columns of white space at the start, a tab going on to the next multiple of 4; stops counting after 16. */
export function indentOf(line: string): number {
  let columns = 0
  for (let at = 0; columns < 16; at++) {
    if (line[at] === ' ') columns++
    else if (line[at] === '\t') columns += 4 - (columns % 4)
    else break
  }
  return columns
}
