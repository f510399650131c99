/**
 * Writes options of a cell in the cell's own style (NB40): `#|` lines at the top of the code, MyST's `:key:` lines before
 * it, or the lines of MyST's `---` block if the cell has one. Pure.
 */

import { commentOf } from '@meshbook/core/languages.ts'
import type { CellBlock } from '@meshbook/core/notebook/cells.ts'
import type { Change } from '@meshbook/core/text/text-delta.ts'
import { type CellOptions, optionsOf } from './cell-options.ts'

interface Dialect {
  write(key: string, value: string): string
  /** The key that a line is about; empty for one that is about none; undefined where the options end. */
  keyOf(line: string): string | undefined
}

const key = '([A-Za-z][\\w.-]*):'

function comments(language: string): Dialect {
  const mark = `${commentOf(language)}|`
  const pattern = new RegExp(`^[ \\t]*${key}`)
  return {
    write: (name, value) => `${mark} ${name}: ${value}`,
    keyOf: line => (line.startsWith(mark) ? (pattern.exec(line.slice(mark.length))?.[1] ?? '') : undefined),
  }
}
const colons: Dialect = {
  write: (name, value) => `:${name}: ${value}`,
  keyOf: line => new RegExp(`^ {0,3}:${key}`).exec(line)?.[1],
}
const block: Dialect = {
  write: (name, value) => `${name}: ${value}`,
  keyOf: line => (/^ {0,3}---/.test(line) ? undefined : (new RegExp(`^${key}`).exec(line)?.[1] ?? '')),
}

interface Place {
  dialect: Dialect
  /** Where the lines of options begin, and where they end at the latest. */
  from: number
  to: number
}

/** The changes that make a cell's options `wanted`, and nothing else. */
export function setOptions(text: string, cell: CellBlock, wanted: CellOptions): Change[] {
  const place = placeOf(text, cell)
  const lines = linesOf(text, place)
  const values = cell.style === 'myst' ? mystValues(wanted, cell) : commentValues(wanted, cell)
  const eol = cell.fence.eol || '\n'
  const changes = lines.flatMap(({ name, from, to, next }): Change[] => {
    if (!Object.hasOwn(values, name)) return []
    const value = values[name]
    return [
      value === undefined ? { from, to: next, insert: '' } : { from, to, insert: place.dialect.write(name, value) },
    ]
  })
  const missing = Object.entries(values).filter(
    ([name, value]) => value !== undefined && !lines.some(line => line.name === name),
  )
  if (missing.length === 0) return changes
  const at = lines.at(-1)?.next ?? place.from
  const insert = missing.map(([name, value]) => `${place.dialect.write(name, value!)}${eol}`).join('')
  return [
    ...changes,
    { from: at, to: at, insert: text[at - 1] === '\n' || at === 0 ? insert : `${eol}${insert}`.trimEnd() },
  ]
}

function placeOf(text: string, cell: CellBlock): Place {
  const eol = text.indexOf('\n', cell.from)
  const head = eol < 0 ? text.length : eol + 1
  if (cell.style !== 'myst') return { dialect: comments(cell.language), from: head, to: cell.codeTo }
  const opening = /^ {0,3}---[ \t]*\r?\n/.exec(text.slice(head, cell.codeFrom))
  if (!opening) return { dialect: colons, from: head, to: cell.codeFrom }
  return { dialect: block, from: head + opening[0].length, to: cell.codeFrom }
}

interface OptionLine {
  name: string
  from: number
  /** Before its line ending, and after it. */
  to: number
  next: number
}

function linesOf(text: string, { dialect, from, to }: Place): OptionLine[] {
  const found: OptionLine[] = []
  for (let at = from; at < to; ) {
    const end = text.indexOf('\n', at)
    const next = end < 0 ? text.length : end + 1
    const line = text.slice(at, Math.min(end < 0 ? text.length : end, Math.max(to, at))).replace(/\r$/, '')
    const name = dialect.keyOf(line)
    if (name === undefined) break
    found.push({ name, from: at, to: at + line.length, next })
    at = next
  }
  return found
}

/** What each option that is to change becomes; undefined where its line is to go. */
type Values = Record<string, string | undefined>

function commentValues({ label, tags, hideInput, hideOutput, runs }: CellOptions, cell: CellBlock): Values {
  const had = optionsOf(cell)
  return {
    ...(label !== had.label && { [labelKey(cell)]: label ? word(label) : undefined }),
    ...(tags.join() !== had.tags.join() && { tags: listed(tags) }),
    ...(hideInput !== had.hideInput && { echo: hideInput ? 'false' : undefined }),
    ...(hideOutput !== had.hideOutput && { output: hideOutput ? 'false' : undefined }),
    ...(runs !== had.runs && { eval: runs ? undefined : 'false' }),
  }
}

/** MyST says with tags what is hidden or left out. */
function mystValues(wanted: CellOptions, cell: CellBlock): Values {
  const had = optionsOf(cell)
  const tags = tagsOf(wanted)
  return {
    ...(wanted.label !== had.label && { [labelKey(cell)]: wanted.label ? word(wanted.label) : undefined }),
    ...(tags.join() !== tagsOf(had).join() && { tags: listed(tags) }),
  }
}

const tagsOf = ({ tags, hideInput, hideOutput, runs }: CellOptions): string[] => [
  ...(hideInput ? ['hide-input'] : []),
  ...(hideOutput ? ['hide-output'] : []),
  ...(runs ? [] : ['skip-execution']),
  ...tags,
]

const labelKey = ({ options }: CellBlock): string =>
  options.label === undefined && options.name !== undefined ? 'name' : 'label'
const listed = (tags: readonly string[]): string | undefined =>
  tags.length > 0 ? `[${tags.map(word).join(', ')}]` : undefined

/** A text of its own in YAML, also in a list. */
const word = (value: string): string =>
  /^[A-Za-z_][\w.:-]*[\w]$|^[A-Za-z_]$/.test(value) ? value : JSON.stringify(value)
