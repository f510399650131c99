/** A document's text as the cells of a notebook file: which cell each stretch of it is, without its metadata of ours. */
import { canonicalLanguage } from '../../languages.ts'
import { type CellBlock, type OutputBlock, parseNotebook } from '../../notebook/cells.ts'
import { findFrontMatter } from '../../notebook/front-matter.ts'
import { type ProsePart, prosePartsOf, withoutDots } from '../prose.ts'
import { attachmentsIn, type CellType, type Counter, cellOf, type FileForm, readNote } from './cell-note.ts'
import { type Json, JsonObject, jsonObject, parseJson, writeJson } from './json-text.ts'
import { jsonAfter, readOutputNote } from './output-note.ts'
import { outputsOf } from './outputs.ts'

export interface Piece {
  /** Without the blank text before it, which is `gap`. */
  from: number
  to: number
  gap: string
  cell: Json
  /** What stands before the code of a code cell: the opening line, and MyST's options. */
  open?: string
  run?: string
  /** What a cell after it must not be taken for. */
  tail: 'text' | 'code' | 'output' | 'other'
}

export interface Pieces {
  pieces: Piece[]
  /** Blank text after the last piece. */
  end: string
}

/** `at`: where the cells begin, after the front matter. */
export function piecesOf(text: string, form: FileForm, ids: Counter): Pieces {
  const reader = new PieceReader(text, form, ids)
  let prose = findFrontMatter(text)?.to ?? 0
  for (const block of parseNotebook(text).blocks) {
    if (block.kind !== 'cell' || block.from < prose) continue
    reader.prose(prose, block.from)
    reader.code(block)
    prose = block.outputsTo
  }
  reader.prose(prose, text.length)
  return { pieces: reader.pieces, end: text.slice(reader.at) }
}

class PieceReader {
  readonly pieces: Piece[] = []
  at: number
  readonly #text: string
  readonly #form: FileForm
  readonly #ids: Counter

  constructor(text: string, form: FileForm, ids: Counter) {
    this.#text = text
    this.#form = form
    this.#ids = ids
    this.at = findFrontMatter(text)?.to ?? 0
  }

  prose(from: number, to: number): void {
    const text = this.#text.slice(from, to)
    for (const part of prosePartsOf(text)) {
      const cell = part.kind === 'held' ? this.#held(part) : this.#markdown(part, text)
      const tail = part.kind === 'held' ? 'other' : 'text'
      this.#push({ from: from + part.from, to: from + part.to, cell, tail })
    }
  }

  code(block: CellBlock): void {
    const { from, output, outputsTo: to } = block
    const open = this.#text.slice(from, block.codeFrom)
    const note = (block.style !== 'quarto' && readNote(jsonAfter(open), this.#form.assets)) || new JsonObject()
    const source = block.fence.indent === 0 ? this.#text.slice(block.codeFrom, block.codeTo) : block.code
    const { outputs, count } = this.#outputs(output, note)
    const fields = { type: 'code', source, note, metadata: metadataOf(block, this.#form), outputs, count } as const
    const cell = cellOf(fields, this.#form, this.#ids)
    this.#push({ from, to, cell, open, ...(output && { run: output.runId }), tail: output ? 'output' : 'code' })
  }

  #outputs(output: OutputBlock | undefined, note: JsonObject): { outputs: Json[]; count: Json } {
    if (!this.#form.outputs) return { outputs: [], count: null }
    if (!output) return { outputs: [], count: note.get('execution_count') ?? null }
    const own = readOutputNote(this.#text.slice(output.from, output.textFrom))
    return outputsOf({ text: output.text, images: output.images, note: own }, this.#form.assets)
  }

  #push(piece: Omit<Piece, 'gap'>): void {
    this.pieces.push({ ...piece, gap: this.#text.slice(this.at, piece.from) })
    this.at = piece.to
  }

  #held({ held, note, content }: Extract<ProsePart, { kind: 'held' }>): Json {
    if (held === 'json-cell') {
      const cell = parsed(content)
      return cell === undefined ? content : cell
    }
    const read = readNote(note, this.#form.assets) ?? new JsonObject()
    return this.#cell(held === 'raw-cell' ? 'raw' : 'markdown', content, read, false)
  }

  #markdown(part: Extract<ProsePart, { kind: 'text' }>, text: string): JsonObject {
    const note = readNote(part.mark ?? '', this.#form.assets)
    const from = note ? part.textFrom : part.from
    const body = withoutDots(text.slice(from, part.to).replace(/(?:\r\n|\n|\r)$/, ''))
    const tail = note?.get('tail')
    return this.#cell('markdown', body + (typeof tail === 'string' ? tail : ''), note ?? new JsonObject(), true)
  }

  #cell(type: CellType, text: string, note: JsonObject, own: boolean): JsonObject {
    const noted = note.get('attachments')
    const found = own || noted ? attachmentsIn(text, noted, this.#form.assets) : { source: text }
    const fields = { type, ...found, note, metadata: new JsonObject(), outputs: [], count: null }
    return cellOf(fields, this.#form, this.#ids)
  }
}

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    // It has been edited by hand; what stands there is kept as a text.
    return undefined
  }
}

/** What a fence says about its cell in its own way: another language, MyST's tags. */
export function metadataOf(block: Pick<CellBlock, 'language' | 'options' | 'style'>, form: FileForm): JsonObject {
  const language = canonicalLanguage(block.language)
  const tags = block.style === 'myst' ? tagsIn(block.options.tags ?? '') : []
  return jsonObject({
    tags: tags.length > 0 ? tags : undefined,
    vscode: language === form.language ? undefined : jsonObject({ languageId: language }),
  })
}

export function tagsIn(value: string): string[] {
  const list = /^\[(.*)\]$/.exec(value)?.[1] ?? value
  return list
    .split(',')
    .map(tag => tag.trim().replace(/^(["'])(.*)\1$/, '$2'))
    .filter(tag => tag !== '')
}

export const heldJson = (cell: Json): string => writeJson(cell, { indent: ' ', end: '', ascii: false, crlf: false })
