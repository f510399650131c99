/**
 * A notebook as the page shows it: a list of items, each a cell with its output, a piece of prose, front matter, or an
 * output without a cell. Items keep their key while the text around them changes, so that editors stay mounted.
 * Pure; knows neither Yjs nor the DOM.
 */
import {
  type Block,
  type CellBlock,
  type Notebook,
  type OutputBlock,
  parseNotebook,
} from '@meshbook/core/notebook/cells.ts'
import { quickParse } from '@meshbook/core/notebook/quick-parse.ts'
import { LongText, type TextReader } from '@meshbook/core/text/long-text.ts'
import { type Change, mapOffset } from '@meshbook/core/text/text-delta.ts'

export type Item =
  | { key: string; kind: 'front-matter'; from: number; to: number }
  | { key: string; kind: 'prose'; from: number; to: number }
  | { key: string; kind: 'cell'; from: number; to: number; cell: CellBlock; outputs: OutputBlock[] }
  | { key: string; kind: 'output'; from: number; to: number; output: OutputBlock }
type Unkeyed = Item extends infer I ? (I extends Item ? Omit<I, 'key'> : never) : never

export interface Page {
  /** The text, for who reads it here and there. */
  source: TextReader
  /** The whole text; making it takes time after each change of a long one. */
  readonly text: string
  notebook: Notebook
  items: Item[]
  /** Number of keys given so far. */
  keys: number
}

const nothing: Notebook = { frontMatter: undefined, blocks: [] }

export function openPage(text: string): Page {
  const source = new LongText([text])
  return keyed(pageOf(new LongText([]), nothing, [], 0), [], source, parseNotebook(text))
}

/** The page after a change of its text. */
export function advance(page: Page, changes: readonly Change[]): Page {
  if (changes.length === 0) return page
  const source = textOf(page).changed(changes)
  const quick = quickParse(page.notebook, page.source, changes, source)
  if (quick) return pageOf(source, quick, keptItems(page.items, itemsOf(quick.blocks, source)), page.keys)
  return keyed(page, changes, source, parseNotebook(source.toString()))
}

/** A quick parse leaves every block in its place, and so every item. */
const keptItems = (before: readonly Item[], found: readonly Unkeyed[]): Item[] =>
  found.map((item, at) => ({ ...item, key: before[at]!.key }) as Item)

/** The page with its text parsed anew. */
export function reread(page: Page): Page {
  return keyed(page, [], textOf(page), parseNotebook(page.text))
}

const textOf = ({ source }: Page): LongText => (source instanceof LongText ? source : new LongText([source.slice(0)]))

function pageOf(source: LongText, notebook: Notebook, items: Item[], keys: number): Page {
  return {
    source,
    get text() {
      return source.toString()
    },
    notebook,
    items,
    keys,
  }
}

function keyed(before: Page, changes: readonly Change[], text: LongText, notebook: Notebook): Page {
  const found = itemsOf(notebook.blocks, text)
  const keys = matchItems(before, changes, found, text)
  const used = new Set(keys.filter(key => key !== undefined))
  let made = before.keys
  let last: string | undefined
  const items = found.map((item, at): Item => {
    const key = keys[at] ?? spareKey(before.items, used, item.kind, last) ?? `b${made++}`
    last = key
    used.add(key)
    return { ...item, key } as Item
  })
  return pageOf(text, notebook, items, made)
}

/**
 * The keys of new items: of the old item that now begins where each does; of one that was moved, by the text that was
 * taken out; and last of one that is gone and whose place it took. What was inserted exactly at the start of an item
 * counts as before it; only if nothing is found so, as its own new beginning (prose that was typed at its start).
 */
function matchItems(before: Page, changes: readonly Change[], found: readonly Unkeyed[], text: TextReader) {
  const keys: (string | undefined)[] = found.map(() => undefined)
  const isGone = (item: Item) => changes.some(({ from, to }) => from <= item.from && to > item.from)
  const stayed = before.items.filter(item => !isGone(item))
  const gone = before.items.filter(isGone)
  matchByPlace(stayed, changes, found, keys)
  if (gone.length > 0) matchMoved(gone, before.source, changes, found, text, keys)
  matchByPlace(gone, changes, found, keys)
  return keys
}

function matchByPlace(
  before: readonly Item[],
  changes: readonly Change[],
  found: readonly Unkeyed[],
  keys: (string | undefined)[],
): void {
  const at = new Map(found.map((item, index) => [placeOf(item.kind, item.from), index]))
  const taken = new Set(keys)
  for (const stick of ['right', 'left'] as const) {
    for (const item of before) {
      const index = taken.has(item.key) ? undefined : at.get(placeOf(item.kind, mapOffset(changes, item.from, stick)))
      if (index === undefined || keys[index] !== undefined) continue
      keys[index] = item.key
      taken.add(item.key)
    }
  }
}

/** A moved item is new text elsewhere, the same as what was taken out of the old one (NB33). */
function matchMoved(
  gone: readonly Item[],
  source: TextReader,
  changes: readonly Change[],
  found: readonly Unkeyed[],
  text: TextReader,
  keys: (string | undefined)[],
): void {
  for (const item of gone) {
    const removed = removedFrom(item, source, changes)
    const index = found.findIndex(
      ({ kind, from, to }, at) =>
        keys[at] === undefined && kind === item.kind && text.slice(from, to).trim() === removed,
    )
    if (index >= 0) keys[index] = item.key
  }
}

const removedFrom = (item: Item, source: TextReader, changes: readonly Change[]): string =>
  changes
    .map(({ from, to }) => source.slice(Math.max(from, item.from), Math.max(from, item.from, Math.min(to, item.to))))
    .join('')
    .trim()

const placeOf = (kind: Item['kind'], from: number): string => `${kind}:${from}`

/** The key of an old item of this kind that stood right after the item with key `after` and has lost its place. */
function spareKey(
  items: readonly Item[],
  used: ReadonlySet<string>,
  kind: Item['kind'],
  after: string | undefined,
): string | undefined {
  const start = after === undefined ? 0 : items.findIndex(item => item.key === after) + 1
  for (const item of items.slice(start)) {
    if (used.has(item.key)) return undefined
    if (item.kind === kind) return item.key
  }
  return undefined
}

function itemsOf(blocks: readonly Block[], text: TextReader): Unkeyed[] {
  const items: Unkeyed[] = []
  let cell: Extract<Unkeyed, { kind: 'cell' }> | undefined
  for (const block of blocks) {
    const { kind, from, to } = block
    if (cell && to <= cell.to) {
      if (kind === 'output') cell.outputs.push(block)
    } else if (kind === 'cell') {
      cell = { kind, from, to: block.outputsTo, cell: block, outputs: [] }
      items.push(cell)
    } else if (kind === 'output') items.push({ kind, from, to, output: block })
    else if (kind === 'front-matter' || text.slice(from, to).trim() !== '') items.push({ kind, from, to })
  }
  return items
}
