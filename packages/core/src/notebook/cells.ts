/**
 * The notebook parser: Markdown text to blocks. It follows CommonMark's rules for fences and never throws.
 *
 * Cells and outputs stand at the top level. A fence inside a list item, a block quote or an HTML block (a comment too)
 * is prose, as is a fence of a language that is not in the table of languages, a Quarto fence of such a language (MyST
 * directives like `{note}` look the same) and Quarto's escape `{{python}}`. What stands inside an output fence is text
 * of the output, whatever it looks like (S1); a fence that is not closed goes on to the end of the text.
 */

import { isAssetId, isRunId } from '../ids.ts'
import { canonicalLanguage, commentOf, isRunnable } from '../languages.ts'
import type { Block, CellBlock, CellStyle, Fence, Notebook, OutputBlock, OutputImage } from './blocks.ts'
import { type FrontMatter, findFrontMatter, readFrontMatter } from './front-matter.ts'
import { contentOf, isBlank, LineReader } from './lines.ts'
import { closes, htmlEndOf, indentOf, isLazyText, listIndentOf, type Opening, openingOf } from './markdown.ts'

export * from './blocks.ts'

export function parseNotebook(text: string): Notebook {
  const found = findFrontMatter(text)
  const frontMatter = found && readFrontMatter(found.yaml)
  const blocks = new BlockList(text)
  if (found) blocks.push({ kind: 'front-matter', from: 0, to: found.to })
  const lines = new LineReader(text, found?.to)
  for (let fence = nextFence(lines); fence; fence = nextFence(lines)) {
    const block = outputFrom(text, fence) ?? cellFrom(text, fence, frontMatter, blocks.cells)
    if (!block) continue
    blocks.push(block)
    lines.skipTo(block.to)
  }
  return { frontMatter, blocks: blocks.finish() }
}

/** Whether a text that begins a line is prose to its end, where the line `next` begins another block, or the text ends. */
export function staysProse(prose: string, next: string | undefined, frontMatter: FrontMatter | undefined): boolean {
  const text = prose + (next ?? '')
  const lines = new LineReader(text)
  for (let fence = nextFence(lines); fence; fence = nextFence(lines)) {
    if (fence.from >= prose.length) return fence.from === prose.length
    if (outputFrom(text, fence) || cellKindOf(fence.info, frontMatter)) return false
  }
  return next === undefined
}

/** Collects blocks in order; what lies between them is prose. */
class BlockList {
  readonly #text: string
  readonly #blocks: Block[] = []
  #to = 0
  #lastCell: CellBlock | undefined
  cells = 0

  constructor(text: string) {
    this.#text = text
  }

  push(block: Block): void {
    const gap = this.#text.slice(this.#to, block.from)
    if (block.kind === 'cell') {
      this.#lastCell = block
      this.cells++
    } else if (block.kind === 'output' && this.#lastCell && isBlank(gap)) {
      this.#lastCell.output ??= block
      this.#lastCell.outputsTo = block.to
    } else this.#lastCell = undefined
    this.#proseUpTo(block.from)
    this.#blocks.push(block)
    this.#to = block.to
  }

  finish(): Block[] {
    this.#proseUpTo(this.#text.length)
    return this.#blocks
  }

  #proseUpTo(to: number): void {
    if (this.#to < to) this.#blocks.push({ kind: 'prose', from: this.#to, to })
  }
}

interface FoundFence {
  info: string
  fence: Fence
  from: number
  to: number
  contentFrom: number
  contentTo: number
}

/** The next fence at the top level, read to its end. */
function nextFence(lines: LineReader): FoundFence | undefined {
  let htmlEnd: RegExp | undefined
  let listIndent: number | undefined
  let afterText = false
  for (let line = lines.next(); line; line = lines.next()) {
    const content = contentOf(lines.text, line)
    if (htmlEnd) {
      if (htmlEnd.test(content)) htmlEnd = undefined
      continue
    }
    const blank = isBlank(content)
    if (
      listIndent !== undefined &&
      (blank ||
        indentOf(content) >= listIndent ||
        (afterText && isLazyText(content) && listIndentOf(content) === undefined))
    ) {
      afterText = !blank
      continue
    }
    const opening = openingOf(content)
    if (opening) return readFence(lines, opening, line.from, line.to)
    listIndent = listIndentOf(content)
    afterText = !blank
    const end = listIndent === undefined ? htmlEndOf(content) : undefined
    if (end && !end.test(content)) htmlEnd = end
  }
  return undefined
}

function readFence(lines: LineReader, opening: Opening, from: number, infoTo: number): FoundFence {
  const { info, ...marks } = opening
  const contentFrom = lines.at
  const eol = lines.text.slice(infoTo, contentFrom) as Fence['eol']
  const found = { info, from, contentFrom }
  const { text } = lines
  const closing = marks.char.repeat(marks.length)
  // Most of a notebook is output, so what is looked for is the fence and not each line.
  for (let at = text.indexOf(closing, contentFrom); at >= 0; at = text.indexOf(closing, at + 1)) {
    const start = lineStart(text, at, contentFrom)
    if (start === undefined) continue
    lines.skipTo(start)
    const line = lines.next()
    if (line && closes(contentOf(text, line), opening))
      return { ...found, fence: { ...marks, closed: true, eol }, contentTo: line.from, to: line.next }
  }
  const end = text.length
  lines.skipTo(end)
  return { ...found, fence: { ...marks, closed: false, eol }, contentTo: end, to: end }
}

/** Where the line begins in which only up to 3 spaces stand before `at`. */
function lineStart(text: string, at: number, from: number): number | undefined {
  for (let start = at; start >= Math.max(from, at - 3); start--) {
    const before = text[start - 1]
    if (start === from || before === '\n' || before === '\r') return start
    if (before !== ' ') return undefined
  }
  return undefined
}

function outputFrom(text: string, found: FoundFence): OutputBlock | undefined {
  const id = /^output:(\S{1,64})(?:\s|$)/.exec(found.info)?.[1]
  if (!isRunId(id)) return undefined
  const { fence, from, to: fenceTo, contentFrom: textFrom, contentTo } = found
  const textTo = contentTo - lastEol(text, textFrom, contentTo, fence.eol)
  const images = fence.closed ? imagesFrom(text, fenceTo) : []
  const to = images.at(-1)?.to ?? fenceTo
  return {
    kind: 'output',
    runId: id,
    from,
    to,
    text: text.slice(textFrom, textTo),
    textFrom,
    textTo,
    fenceTo,
    fence,
    images,
  }
}

/** Units of the line ending at the end of a slice. `own` is stripped if it is there, so that a CR before it is kept. */
function lastEol(text: string, from: number, to: number, own: Fence['eol']): number {
  const content = text.slice(Math.max(from, to - 2), to)
  if (own && content.endsWith(own)) return own.length
  return /(?:\r\n|\n|\r)$/.exec(content)?.[0].length ?? 0
}

function imagesFrom(text: string, from: number): OutputImage[] {
  const images: OutputImage[] = []
  const lines = new LineReader(text, from)
  for (let line = lines.next(); line; line = lines.next()) {
    const content = contentOf(text, line)
    const match = /^ {0,3}!\[((?:\\.|[^\\\]])*)\]\(asset:(sha256-[0-9a-f]{64})\)[ \t]*$/s.exec(content)
    if (match && isAssetId(match[2]))
      images.push({ alt: match[1]!.replace(/\\(.)/gs, '$1'), asset: match[2], from: line.from, to: line.next })
    else if (!isBlank(content)) break
  }
  return images
}

function cellFrom(
  text: string,
  found: FoundFence,
  frontMatter: FrontMatter | undefined,
  index: number,
): CellBlock | undefined {
  const kind = cellKindOf(found.info, frontMatter)
  if (!kind) return undefined
  const { language, style } = kind
  const { from, to, fence, contentFrom, contentTo } = found
  const header = style === 'myst' ? mystOptions(text, contentFrom, contentTo) : { options: {}, to: contentFrom }
  const codeFrom = header.to
  const codeTo = contentTo - lastEol(text, codeFrom, contentTo, '')
  const code = plainLines(text.slice(codeFrom, codeTo), fence.indent)
  const options = style === 'myst' ? header.options : commentOptions(code, language)
  return { kind: 'cell', from, to, language, style, code, codeFrom, codeTo, options, index, fence, outputsTo: to }
}

const languageName = /^[a-z][a-z0-9_+#.-]{0,39}$/

/** What kind of cell an info string announces, if any. */
export function cellKindOf(
  info: string,
  frontMatter: FrontMatter | undefined,
): { language: string; style: CellStyle } | undefined {
  const myst = /^\{code-cell\}[ \t]*([^ \t]{0,41})/.exec(info)
  if (myst) {
    const language = (myst[1] || defaultLanguage(frontMatter)).toLowerCase()
    return languageName.test(language) ? { language, style: 'myst' } : undefined
  }
  const quarto = /^\{([A-Za-z][\w+#.-]*)(?:[ \t,][^{}]*)?\}/.exec(info)?.[1]
  const language = (quarto ?? /^[^\s{,]{1,40}(?=[\s{,]|$)/.exec(info)?.[0])?.toLowerCase()
  if (language === undefined || !isRunnable(language)) return undefined
  return { language, style: quarto ? 'quarto' : 'plain' }
}

/** The language of a `{code-cell}` that names none. */
function defaultLanguage(frontMatter: FrontMatter | undefined): string {
  const { name, language } = frontMatter?.kernelspec ?? {}
  return canonicalLanguage(language ?? name ?? 'python')
}

/** Lines with LF endings, each without as many leading spaces as the opening fence had. */
function plainLines(text: string, indent: number): string {
  const lf = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
  if (indent === 0) return lf
  const leading = new RegExp(`^ {1,${indent}}`)
  return lf
    .split('\n')
    .map(line => line.replace(leading, ''))
    .join('\n')
}

/** `#| key: value` lines at the top of the code, which stay part of it. Values are the text after the colon. */
export function commentOptions(code: string, language: string): Record<string, string> {
  const mark = `${commentOf(language)}|`
  const entries: [string, string][] = []
  for (const line of code.split('\n')) {
    if (!line.startsWith(mark)) break
    entries.push(...optionOf(line.slice(mark.length)))
  }
  return Object.fromEntries(entries)
}

/** `:key: value` lines, or a block between `---` lines, before the code; `to` is where the code begins. */
function mystOptions(text: string, from: number, end: number): { options: Record<string, string>; to: number } {
  const lines = new LineReader(text, from)
  const entries: [string, string][] = []
  let to = from
  let inBlock = false
  for (let line = lines.next(); line && line.from < end; line = lines.next()) {
    const content = contentOf(text, line)
    const fence = /^ {0,3}---[ \t]*$/.test(content)
    if (fence && line.from === from) inBlock = true
    else if (fence && inBlock) return { options: Object.fromEntries(entries), to: line.next }
    else if (inBlock) entries.push(...optionOf(content))
    else {
      const short = /^ {0,3}:(.*)$/s.exec(content)?.[1]
      if (short === undefined) break
      entries.push(...optionOf(short))
      to = line.next
    }
  }
  return inBlock ? { options: {}, to: from } : { options: Object.fromEntries(entries), to }
}

/** One `key: value`; a key begins with a letter, so it is never `__proto__` (S14). */
function optionOf(line: string): [string, string][] {
  const match = /^[ \t]*([A-Za-z][\w.-]*):(?:[ \t](.*))?$/s.exec(line)
  return match ? [[match[1]!, (match[2] ?? '').trim()]] : []
}
