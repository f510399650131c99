/** What the keys of the bar, Enter and Tab do in code (PH32), as changes of a text. Pure. */
import type { Change } from '@meshbook/core/text/text-delta.ts'

export interface Typing {
  text: string
  /** The selection. */
  from: number
  to: number
}
export interface Typed {
  change: Change
  /** The selection afterwards. */
  from: number
  to: number
}

const pairs: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '"': '"', "'": "'", '`': '`' }
const indentation = '    '

/** A character, with its counterpart after the caret, or both around what is selected. */
export function characterKey(key: string, { text, from, to }: Typing): Typed {
  const close = pairs[key]
  if (from !== to && close !== undefined)
    return { change: { from, to, insert: key + text.slice(from, to) + close }, from: from + 1, to: to + 1 }
  // The counterpart that was put there: the same key steps over it.
  if (text[to] === key && Object.values(pairs).includes(key))
    return caretAt({ from: to, to: to + 1, insert: key }, to + 1)
  if (close === undefined || isWord(text[to])) return caretAt({ from, to, insert: key }, from + key.length)
  return caretAt({ from, to, insert: key + close }, from + 1)
}

const isWord = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{N}_]/u.test(char)
const caretAt = (change: Change, at: number): Typed => ({ change, from: at, to: at })

/** A new line with the indentation of this one, one step deeper after a block was opened. */
export function enterKey({ text, from, to }: Typing, language: string): Typed {
  const line = text.slice(text.lastIndexOf('\n', from - 1) + 1, from)
  const own = /^[ \t]*/.exec(line)![0]
  const opened = (language === 'python' ? /[:([{]\s*$/ : /[([{]\s*$/).test(line)
  const between = opened && /^[)\]}]/.test(text.slice(to))
  const insert = `\n${own}${opened ? stepOf(own) : ''}`
  return caretAt({ from, to, insert: between ? `${insert}\n${own}` : insert }, from + insert.length)
}

const stepOf = (own: string): string => (own.includes('\t') ? '\t' : indentation)

/** Indents the lines of the selection, or the caret's place to the next step; `back` takes a step away. */
export function tabKey({ text, from, to }: Typing, back: boolean): Typed | undefined {
  if (!back && from === to) {
    const column = from - (text.lastIndexOf('\n', from - 1) + 1)
    const insert = indentation.slice(column % indentation.length)
    return caretAt({ from, to, insert }, from + insert.length)
  }
  const start = text.lastIndexOf('\n', from - 1) + 1
  const lines = text.slice(start, to).split('\n')
  const next = lines.map(line => (back ? line.replace(/^(?: {1,4}|\t)/, '') : indentation + line))
  if (next.every((line, at) => line === lines[at])) return undefined
  const insert = next.join('\n')
  const shift = next[0]!.length - lines[0]!.length
  return {
    change: { from: start, to, insert },
    from: Math.max(start, from + shift),
    to: to + insert.length - (to - start),
  }
}
