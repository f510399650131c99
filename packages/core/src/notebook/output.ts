/**
 * Writing output into a notebook: pure text edits that make, replace and fill output blocks. Whatever the output is,
 * the parser reads back exactly that text and finds no new cell in it (S1). Must not know who runs what.
 */
import { isHighSurrogate } from '../terminal/characters.ts'
import type { TextReader } from '../text/long-text.ts'
import type { CellBlock, OutputBlock, OutputImage } from './blocks.ts'
import type { Edit } from './edits.ts'

export type ImageRef = Pick<OutputImage, 'alt' | 'asset'>

/** A fence of `char` that is longer than every run of that character in the text, and at least 3. */
export function fenceFor(text: string, char: '`' | '~' = '`'): string {
  let longest = 2
  let run = 0
  for (let at = text.indexOf(char); at >= 0; at = run > 0 ? at + 1 : text.indexOf(char, at)) {
    run = text[at] === char ? run + 1 : 0
    if (run > longest) longest = run
  }
  return char.repeat(longest + 1)
}

/** The lines of an output block without images, with their line endings. An empty text is an empty line. */
export function renderOutputBlock(runId: string, text: string, eol: '\n' | '\r\n' = '\n'): string {
  const fence = fenceFor(text)
  return `${fence}output:${runId}${eol}${text}${eol}${fence}${eol}`
}

/**
 * Makes the cell's output block an empty one of this run: in the place of the output blocks that directly follow the
 * cell (with their images), or after the cell. `textOffset` is where its text will stand once the edit is applied.
 */
export function planOutputInsert(text: TextReader, cell: CellBlock, runId: string): Edit & { textOffset: number } {
  const eol = eolOf(cell)
  const block = renderOutputBlock(runId, '', eol)
  const at = cell.output?.from ?? cell.to
  const to = cell.outputsTo
  const before = cell.output ? '' : `${closingOf(cell, text, eol)}${eol}`
  const after = to < text.length && !isLineEnd(text, to) ? eol : ''
  const textOffset = at + before.length + `\`\`\`output:${runId}${eol}`.length
  return { at, remove: to - at, insert: `${before}${block}${after}`, textOffset }
}

/** What must stand between a cell and a new line below it: the rest of its last line, and the fence it may lack. */
function closingOf(cell: CellBlock, text: TextReader, eol: string): string {
  const { char, length, closed } = cell.fence
  const lineEnd = isLineEnd(text, cell.to - 1) ? '' : eol
  return closed ? lineEnd : `${lineEnd}${char.repeat(length)}${eol}`
}

/**
 * The smallest edits that make `newText` and `images` the content of an output block: text that was only continued is
 * only appended to. Offsets are of the text as it is; see `applyEdits` for the order.
 */
export function planOutputUpdate(
  text: TextReader,
  output: OutputBlock,
  newText: string,
  images: readonly ImageRef[],
): Edit[] {
  if (!isOwnForm(text, output)) return rewrite(text, output, newText, images)
  const edits = [...fenceEdits(text, output, newText), imagesEdit(text, output, images)]
  return edits.filter(edit => edit.remove > 0 || edit.insert !== '')
}

/** Whether the block has the form that `renderOutputBlock` gives it. */
function isOwnForm(text: TextReader, { fence, from, textTo, fenceTo }: OutputBlock): boolean {
  const { char, length, indent, closed, eol } = fence
  if (!closed || indent > 0 || eol === '' || eol === '\r') return false
  const closing = text.slice(textTo, fenceTo)
  return (
    text.slice(from, from + length) === char.repeat(length) &&
    closing.startsWith(`${eol}${char.repeat(length)}`) &&
    closing.trim() === char.repeat(length)
  )
}

function rewrite(text: TextReader, output: OutputBlock, newText: string, images: readonly ImageRef[]): Edit[] {
  const eol = eolOf(output)
  const insert = renderOutputBlock(output.runId, newText, eol) + renderImages(images, eol)
  const after = output.to < text.length && images.length > 0 && !isLineEnd(text, output.to) ? eol : ''
  return [{ at: output.from, remove: output.to - output.from, insert: insert + after }]
}

function fenceEdits(text: TextReader, output: OutputBlock, newText: string): Edit[] {
  const { fence, from, textFrom, textTo } = output
  // As long as this text needs, whatever stood there meanwhile: the end must not depend on what was shown on the way.
  const change = fenceFor(newText, fence.char).length - fence.length
  const kept = commonPrefix(output.text, newText)
  const content = { at: textFrom + kept, remove: textTo - textFrom - kept, insert: newText.slice(kept) }
  if (change === 0) return [content]
  const closing = textTo + (text.slice(textTo, textTo + 2) === '\r\n' ? 2 : 1)
  const edit = { remove: Math.max(0, -change), insert: fence.char.repeat(Math.max(0, change)) }
  return [{ at: from, ...edit }, content, { at: closing, ...edit }]
}

/** Length of the common beginning; never between the two halves of a surrogate pair. */
function commonPrefix(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  if (b.startsWith(a)) return a.length
  let at = 0
  while (at < end && a.charCodeAt(at) === b.charCodeAt(at)) at++
  return at > 0 && isHighSurrogate(a.charCodeAt(at - 1)) ? at - 1 : at
}

function imagesEdit(text: TextReader, output: OutputBlock, images: readonly ImageRef[]): Edit {
  const { fenceTo: at, to } = output
  if (images.length === output.images.length && images.every((image, i) => sameImage(image, output.images[i]!)))
    return { at, remove: 0, insert: '' }
  const eol = eolOf(output)
  const before = images.length > 0 && !isLineEnd(text, at - 1) ? eol : ''
  const after = images.length > 0 && to < text.length && !isLineEnd(text, to) ? eol : ''
  return { at, remove: to - at, insert: before + renderImages(images, eol) + after }
}

function sameImage(a: ImageRef, b: ImageRef): boolean {
  return a.asset === b.asset && plainAlt(a.alt) === b.alt
}

/** Image lines, each after an empty line, so that Markdown shows them below each other. */
export function renderImages(images: readonly ImageRef[], eol: string): string {
  return images
    .map(({ alt, asset }) => `${eol}![${plainAlt(alt).replace(/[\\[\]]/g, '\\$&')}](asset:${asset})${eol}`)
    .join('')
}

/** An image's description on one line: control characters and line ends become spaces. */
export function plainAlt(alt: string): string {
  return alt
    .replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ')
    .slice(0, 500)
    .toWellFormed()
}

function eolOf(block: CellBlock | OutputBlock): '\n' | '\r\n' {
  return block.fence.eol === '\r\n' ? '\r\n' : '\n'
}

function isLineEnd(text: TextReader, at: number): boolean {
  return /^[\r\n]/.test(text.slice(at, at + 1))
}
