/**
 * The parse of a text after a small change, without reading the whole text again: output that streams into its block,
 * and typing in code and prose. Answers undefined where only a full parse is sure. Its answer equals
 * `parseNotebook` of the new text, which a property test proves.
 */

import type { TextReader } from '../text/long-text.ts'
import type { Change } from '../text/text-delta.ts'
import {
  type Block,
  type CellBlock,
  commentOptions,
  type Fence,
  type Notebook,
  type OutputBlock,
  staysProse,
} from './cells.ts'
import { isBlank } from './lines.ts'
import { closes } from './markdown.ts'

export function quickParse(
  before: Notebook,
  oldText: TextReader,
  changes: readonly Change[],
  text: TextReader,
): Notebook | undefined {
  const [change] = changes
  if (changes.length !== 1 || !change) return undefined
  const at = blockOf(before.blocks, change)
  const block = before.blocks[at]
  const next =
    block?.kind === 'prose'
      ? grownProse(before, at, oldText, change, text)
      : block && grownBlock(block, oldText, change, text)
  if (!next) return undefined
  const shift = change.insert.length - (change.to - change.from)
  const move = (old: Block, i: number) =>
    i > at ? shifted(old, shift) : i === at ? next : reaching(old, change.from, shift)
  return { frontMatter: before.frontMatter, blocks: relink(before.blocks.map(move)) }
}

/** Between two blocks, of a cell or an output and prose, it is the prose that changes. */
function blockOf(blocks: readonly Block[], { from, to }: Change): number {
  const inside = blocks.findIndex(block => block.from < from && to < block.to)
  if (inside >= 0) return inside
  const prose = blocks.findIndex(block => block.from <= from && to <= block.to && block.kind === 'prose')
  return prose >= 0 ? prose : blocks.findIndex(block => block.from <= from && to <= block.to)
}

const longestProse = 20_000

/** Typing in prose that stays one piece of prose between the same blocks. */
function grownProse(
  { blocks, frontMatter }: Notebook,
  at: number,
  oldText: TextReader,
  change: Change,
  text: TextReader,
): Block | undefined {
  const block = blocks[at]!
  const [prior, after] = [blocks[at - 1], blocks[at + 1]]
  const shift = change.insert.length - (change.to - change.from)
  const length = block.to - block.from + shift
  // Without a line ending before it, prose begins in the line of the block before.
  const isApart = block.from === 0 || charAt(oldText, block.from - 1) === '\n'
  if (!isApart || length <= 0 || length > longestProse) return undefined
  const prose = text.slice(block.from, block.from + length)
  if (/^[-\uFEFF]/.test(prose) && block.from === 0) return undefined
  if (prior?.kind === 'output' && /^\s*!\[/.test(prose)) return undefined
  if (after?.kind === 'output' && (isBlank(prose) || isBlank(oldText.slice(block.from, block.to)))) return undefined
  if (prior?.kind === 'cell' && !prior.fence.closed) return undefined
  const next = after && firstLine(text, after.from + shift)
  return staysProse(prose, next, frontMatter) ? { ...block, to: block.to + shift } : undefined
}

function firstLine(text: TextReader, from: number): string {
  const start = text.slice(from, from + step)
  return start.slice(0, start.search(/[\r\n]/) + 1 || undefined)
}

/** A block before the change, which may be a cell whose outputs reach beyond it. */
function reaching(block: Block, at: number, by: number): Block {
  return block.kind === 'cell' && block.outputsTo > at ? { ...block, outputsTo: block.outputsTo + by } : block
}

function grownBlock(block: Block, oldText: TextReader, change: Change, text: TextReader): Block | undefined {
  if (block.kind === 'output') return grownOutput(block, oldText, change, text)
  return block.kind === 'cell' ? grownCell(block, oldText, change, text) : undefined
}

function grownOutput(
  block: OutputBlock,
  oldText: TextReader,
  change: Change,
  text: TextReader,
): OutputBlock | undefined {
  const { textFrom, textTo, fence } = block
  const inside = textFrom <= change.from && change.to <= textTo && charAt(oldText, textTo) === '\n'
  if (
    !inside ||
    fence.eol !== '\n' ||
    !fence.closed ||
    change.insert.includes('\r') ||
    charAt(oldText, textTo - 1) === '\r'
  )
    return undefined
  const shift = change.insert.length - (change.to - change.from)
  if (closesWithin(text, change, textFrom, textTo + shift, fence)) return undefined
  const tail = shiftedImages(block, shift)
  return {
    ...block,
    ...tail,
    to: block.to + shift,
    textTo: textTo + shift,
    fenceTo: block.fenceTo + shift,
    text: text.slice(textFrom, textTo + shift),
  }
}

/** Typing in the code of a cell; a line that closes its fence would end it. */
function grownCell(block: CellBlock, oldText: TextReader, change: Change, text: TextReader): CellBlock | undefined {
  const { codeFrom, codeTo, fence } = block
  const inside = codeFrom <= change.from && change.to <= codeTo && charAt(oldText, codeTo) === '\n'
  if (!inside || block.style === 'myst' || fence.indent > 0 || !fence.closed) return undefined
  if (
    change.insert.includes('\r') ||
    charAt(oldText, codeTo - 1) === '\r' ||
    /\r/.test(oldText.slice(codeFrom, codeTo))
  )
    return undefined
  const shift = change.insert.length - (change.to - change.from)
  if (closesWithin(text, change, codeFrom, codeTo + shift, fence)) return undefined
  const code = text.slice(codeFrom, codeTo + shift)
  return {
    ...block,
    to: block.to + shift,
    outputsTo: block.outputsTo + shift,
    codeTo: codeTo + shift,
    code,
    options: commentOptions(code, block.language),
  }
}

/** Whether a line that touches the change closes the fence. The lines between `start` and `end` are what is in it. */
function closesWithin(text: TextReader, { from, insert }: Change, start: number, end: number, fence: Fence): boolean {
  const lines = linesAround(text, from, from + insert.length, start, end)
  return lines.split(/\r\n?|\n/).some(line => closes(line, fence))
}

const step = 512

/** The whole lines from `from` to `to`, none beyond `start` and `end`. */
function linesAround(text: TextReader, from: number, to: number, start: number, end: number): string {
  let [low, high] = [from, to]
  let found = text.slice(from, to)
  for (let at = -1; at < 0 && low > start; ) {
    const next = Math.max(start, low - step)
    const piece = text.slice(next, low)
    at = piece.lastIndexOf('\n')
    found = piece.slice(at + 1) + found
    low = next
  }
  for (let at = -1; at < 0 && high < end; ) {
    const next = Math.min(end, high + step)
    const piece = text.slice(high, next)
    at = piece.indexOf('\n')
    found += at < 0 ? piece : piece.slice(0, at)
    high = next
  }
  return found
}

const charAt = (text: TextReader, at: number): string => text.slice(at, at + 1)

function shifted(block: Block, by: number): Block {
  const moved = { ...block, from: block.from + by, to: block.to + by }
  if (moved.kind === 'cell')
    return { ...moved, codeFrom: moved.codeFrom + by, codeTo: moved.codeTo + by, outputsTo: moved.outputsTo + by }
  if (moved.kind !== 'output') return moved
  return {
    ...moved,
    ...shiftedImages(moved, by),
    textFrom: moved.textFrom + by,
    textTo: moved.textTo + by,
    fenceTo: moved.fenceTo + by,
  }
}

function shiftedImages(block: OutputBlock, by: number): Pick<OutputBlock, 'images'> {
  return { images: block.images.map(image => ({ ...image, from: image.from + by, to: image.to + by })) }
}

/** Each cell's `output` is again the very block of the list. */
function relink(blocks: Block[]): Block[] {
  return blocks.map((block, at) => {
    if (block.kind !== 'cell' || !block.output) return block
    const after = blocks[at + 1]
    const output = after?.kind === 'prose' ? blocks[at + 2] : after
    return output?.kind === 'output' ? { ...block, output } : block
  })
}
