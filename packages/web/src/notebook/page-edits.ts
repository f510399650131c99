/** Edits of a notebook's structure as changes of its text: insert, delete, move, convert. Pure. */
import { type CellBlock, parseNotebook } from '@meshbook/core/notebook/cells.ts'
import type { Change } from '@meshbook/core/text/text-delta.ts'
import type { Page } from './items.ts'

export type NewItem = { kind: 'cell'; language: string; code?: string } | { kind: 'prose'; text: string }

/** Puts a new item before the item at `index`; at the end if there is none. */
export function insertAt(page: Page, index: number, item: NewItem): Change[] {
  return pieceAt(page, index, sourceOf(item))
}

/** Puts a piece of Markdown before the item at `index`. */
export function pieceAt(page: Page, index: number, piece: string): Change[] {
  const at = page.items[index]?.from ?? page.text.length
  return [{ from: at, to: at, insert: spaced(page.text, at, at, piece) }]
}

export function sourceOf(item: NewItem): string {
  if (item.kind === 'prose') return `${item.text}\n`
  const code = item.code ?? ''
  const fence = '`'.repeat(Math.max(3, longestRun(code) + 1))
  return `${fence}${item.language}\n${code}\n${fence}\n`
}

function longestRun(code: string): number {
  return Math.max(2, ...Array.from(code.matchAll(/`{3,}/g), match => match[0].length))
}

/** Blank lines around a piece that stands between `from` and `to`. */
export function spaced(text: string, from: number, to: number, piece: string): string {
  const before = text.slice(Math.max(0, from - 3), from)
  const lead = before === '' || /\n\r?\n$/.test(before) ? '' : before.endsWith('\n') ? '\n' : '\n\n'
  const after = text.slice(to, to + 2)
  const tail = after === '' || /^\r?\n/.test(after) ? '' : '\n'
  return lead + piece + tail
}

/** Where the blank lines after `from` end. */
export function blankTo(text: string, from: number): number {
  const blank = /(?:[ \t]*\r?\n)*/y
  blank.lastIndex = from
  return blank.test(text) ? blank.lastIndex : from
}

/** Removes the items at these places and the blank lines after them. */
export function removeItems(page: Page, places: readonly number[]): Change[] {
  const changes: Change[] = []
  for (const place of places) {
    const item = page.items[place]
    if (!item) continue
    const to = blankTo(page.text, item.to)
    const last = changes.at(-1)
    if (last && last.to >= item.from) last.to = to
    else changes.push({ from: item.from, to, insert: '' })
  }
  return changes
}

export function setLanguage(page: Page, cell: CellBlock, language: string): Change[] {
  const line = page.text.slice(cell.from, cell.codeFrom)
  const at = line.toLowerCase().indexOf(cell.language, cell.fence.indent + cell.fence.length)
  if (at < 0) return []
  const from = cell.from + at
  return [{ from, to: from + cell.language.length, insert: language }]
}

/** A cell becomes prose with the same text, prose becomes a cell. The output of the cell is dropped. */
export function convert(page: Page, index: number, language: string): Change[] {
  const item = page.items[index]
  if (item?.kind === 'cell') return [{ from: item.from, to: item.to, insert: `${item.cell.code.trim() || ' '}\n` }]
  if (item?.kind !== 'prose') return []
  const text = page.text.slice(item.from, item.to)
  const lead = /^\s*\n|^/.exec(text)![0].length
  return [
    {
      from: item.from + lead,
      to: item.to,
      insert: `${sourceOf({ kind: 'cell', language, code: text.slice(lead).trim() })}\n`,
    },
  ]
}

export function clearOutputs(page: Page): Change[] {
  return page.items.flatMap(item =>
    item.kind === 'cell' && item.outputs.length > 0 ? [{ from: item.cell.to, to: item.to, insert: '' }] : [],
  )
}

/**
 * Whether prose stays what it is and does not swallow what follows it: an open fence or comment would make one cell or
 * one comment of the whole rest of the document.
 */
export function isContained(prose: string): boolean {
  const probe = `${prose}\n\n`
  const last = parseNotebook(`${probe}\`\`\`python\n1\n\`\`\`\n`).blocks.at(-1)
  return last?.kind === 'cell' && last.from === probe.length && last.code === '1'
}

/** The prose with what is open in it closed; if nothing closes it, with its marks escaped. */
export function contained(prose: string): string {
  const fences = ['`', '~'].flatMap(char => lengthsOf(prose, char).map(length => `\n${char.repeat(length)}`))
  const closed = ['', ...fences, '\n-->', ...fences.map(fence => `${fence}\n-->`)]
    .map(closing => prose + closing)
    .find(isContained)
  return closed ?? prose.replace(/^( {0,3})(?=[`~<])/gm, '$1\\')
}

/** The lengths of the fences that a text may have left open, shortest first. */
function lengthsOf(text: string, char: string): number[] {
  const runs = Array.from(text.matchAll(char === '`' ? /`{3,}/g : /~{3,}/g), match => match[0].length)
  return [...new Set(runs)].sort((a, b) => a - b)
}
