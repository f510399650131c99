/**
 * The text of one cell in a document: of the forms that it may have, the plainest that reads back as exactly this cell
 * where it stands (FM2). The last form holds the cell as JSON and always does.
 */

import { digest } from 'lib0/hash/sha256'
import { base32, isRunId } from '../../ids.ts'
import { canonicalLanguage, isRunnable } from '../../languages.ts'
import { isBlank } from '../../notebook/lines.ts'
import { fenceFor, renderImages } from '../../notebook/output.ts'
import { withDots } from '../prose.ts'
import { attachmentsOut, type Counter, type FileForm, isCount, mergedNote, noteOf, writeNote } from './cell-note.ts'
import { inlineJson, type Json, JsonObject, jsonObject, sameJson, writeJson } from './json-text.ts'
import { outputForms } from './outputs.ts'
import { heldJson, type Piece, piecesOf } from './pieces.ts'

/** How a document wrote a cell, where that is not how it would be written anew. */
export interface Details {
  gap?: string
  open?: string
  run?: string
  text?: string
}

export interface Place {
  form: FileForm
  ids: Counter
  previous: Piece['tail'] | 'start'
  /** The blank text after it. */
  follow: string
  isLast: boolean
}

export interface Chosen {
  text: string
  tail: Piece['tail']
}

const before: Record<Place['previous'], string> = {
  start: '',
  text: 'x\n\n',
  code: '```python\n\n```\n\n',
  output: `\`\`\`python\n\n\`\`\`\n\n\`\`\`output:run_${'0'.repeat(26)}\n\n\`\`\`\n\n`,
  other: '```json-cell\nnull\n```\n\n',
}
const after = '```python\nend\n```\n'

/** Undefined if what `details` say does not give this cell. Moves `ids` on. */
export function cellText(cell: Json, details: Details, place: Place): Chosen | undefined {
  for (const text of candidates(cell, details, place)) {
    if (!text.isWellFormed() || text.includes('\0')) continue
    const read = readBack(text, place, place.isLast && details.text !== undefined)
    if (!read || !sameJson(read.piece.cell, cell)) continue
    place.ids.next = read.next
    return { text, tail: read.piece.tail }
  }
  return undefined
}

/** The one piece that a text is where it stands, if it is one and leaves what follows alone; `bare`: nothing follows. */
function readBack(
  text: string,
  { form, ids, previous, follow }: Place,
  bare: boolean,
): { piece: Piece; next: number } | undefined {
  const lead = before[previous]
  const counter = { next: ids.next - (form.minor >= 5 && /^(?:x|```python)/.test(lead) ? 1 : 0) }
  const language = form.language === 'python' ? '' : frontMatterFor(text, form.language)
  const start = previous === 'start' ? '' : language
  const next = `${follow}${after}`
  const { pieces, end } = piecesOf(`${start}${lead}${text}${bare ? '' : next}`, form, counter)
  const at = lead === '' ? 0 : 1
  const piece = pieces[at]
  if (!piece || pieces.length !== at + (bare ? 1 : 2) || end !== '') return undefined
  if (piece.gap !== (at === 0 ? '' : '\n')) return undefined
  if (bare) return { piece, next: counter.next }
  const sentinel = pieces[at + 1]!
  const isWhole = sentinel.gap === follow && sentinel.open === '```python\n' && sentinel.run === undefined
  return isWhole ? { piece, next: counter.next - (form.minor >= 5 ? 1 : 0) } : undefined
}

/** A MyST cell may leave its language to the front matter. */
function frontMatterFor(text: string, language: string): string {
  return /^ {0,3}[`~]{3,}\{code-cell\}[ \t]*\r?\n/.test(text)
    ? `---\nkernelspec: {name: x, language: ${JSON.stringify(language)}}\n---\n\n`
    : ''
}

function* candidates(cell: Json, details: Details, place: Place): Generator<string> {
  if (details.text !== undefined) {
    yield details.text
    return
  }
  if (cell instanceof JsonObject && cell.keys.filter(key => key === 'metadata').length < 2) {
    const type = cell.get('cell_type')
    if (type === 'code') yield* codeTexts(cell, details, place)
    else if (type === 'markdown') yield* markdownTexts(cell, place)
    else if (type === 'raw') yield* heldTexts(cell, 'raw-cell', place)
  }
  if (Object.keys(details).length === 0) yield held('json-cell', '', heldJson(cell))
}

function held(kind: string, note: string, content: string): string {
  const fence = fenceFor(content)
  return `${fence}${kind}${note === '' ? '' : ` ${note}`}\n${content}\n${fence}\n`
}

function* heldTexts(cell: JsonObject, kind: 'raw-cell' | 'markdown-cell', { form, ids }: Place): Generator<string> {
  const noted = noteOf(cell, new JsonObject(), form, ids)
  if (!noted) return
  const attachments = cell.get('attachments')
  const out = attachments instanceof JsonObject ? attachmentsOut('', attachments, form.assets).noted : undefined
  yield held(kind, writeNote(mergedNote(noted.note, { attachments: out }), form.assets), noted.source)
}

function* markdownTexts(cell: JsonObject, place: Place): Generator<string> {
  const { form, ids, previous } = place
  const noted = noteOf(cell, new JsonObject(), form, ids)
  if (!noted) return
  const attachments = cell.get('attachments')
  const out = attachments instanceof JsonObject ? attachmentsOut(noted.source, attachments, form.assets) : undefined
  const { body, tail } = apart(out?.text ?? noted.source)
  const text = withDots(body)
  const note = mergedNote(noted.note, { tail: tail === '' ? undefined : tail })
  if (note.keys.length === 0 && previous !== 'text' && body !== '') yield `${text}\n`
  const marked = (mark: JsonObject) => {
    const json = writeNote(mark, form.assets)
    return `<!-- cell ${json === '' ? '' : `${json} `}-->\n${body === '' ? '' : `${text}\n`}`
  }
  if (!out || out.noted.entries.every(([name]) => /^sha256-/.test(name))) yield marked(note)
  if (out) yield marked(mergedNote(note, { attachments: out.noted }))
  yield* heldTexts(cell, 'markdown-cell', place)
}

/** The blank lines at the end of a text apart from it. */
function apart(text: string): { body: string; tail: string } {
  if (isBlank(text)) return { body: '', tail: text }
  const body = text.replace(/(?:(?:\r\n|\n|\r)[ \t]*)+$/, '')
  return { body, tail: text.slice(body.length) }
}

function* codeTexts(cell: JsonObject, details: Details, place: Place): Generator<string> {
  const outputs = cell.get('outputs') ?? []
  const count = cell.get('execution_count') ?? null
  if (!Array.isArray(outputs) || !isCount(count)) return
  const isCounted = outputs.length === 0 && count !== null
  for (const opening of openings(cell, details, isCounted ? count : undefined, place)) {
    const code = `${opening.open}${opening.source}\n${opening.fence}\n`
    const run = details.run ?? madeRun(cell)
    if (outputs.length > 0)
      for (const { text, images, note } of outputForms(outputs, count, place.form.assets))
        yield `${code}\n${outputText(run, note, text)}${renderImages(images, '\n')}`
    else if (details.run !== undefined) yield `${code}\n${outputText(run, new JsonObject(), '')}`
    else yield code
  }
}

function outputText(run: string, note: JsonObject, text: string): string {
  const fence = fenceFor(text)
  return `${fence}output:${run}${note.keys.length > 0 ? ` ${inlineJson(note)}` : ''}\n${text}\n${fence}\n`
}

interface OpenCode {
  open: string
  source: string
  fence: string
}

/** The opening that the document had; else one in the cell's own language; else one in the file's. */
function* openings(
  cell: JsonObject,
  details: Details,
  count: Json | undefined,
  { form, ids }: Place,
): Generator<OpenCode> {
  const own = languageOf(cell, form)
  const plain = noteOf(cell, new JsonObject(), form, ids)
  if (!plain) return
  if (details.open !== undefined) {
    const fence = /^ {0,3}(`{3,}|~{3,})/.exec(details.open)?.[1]
    if (fence) yield { open: details.open, source: plain.source, fence }
    return
  }
  const fence = fenceFor(plain.source)
  const opened = (language: string, note: JsonObject): OpenCode => {
    const json = writeNote(mergedNote(note, { execution_count: count }), form.assets)
    const info = isRunnable(language) ? language : `{code-cell} ${language}`
    return { open: `${fence}${info}${json === '' ? '' : ` ${json}`}\n`, source: plain.source, fence }
  }
  if (own !== undefined) {
    const derived = jsonObject({ vscode: jsonObject({ languageId: own }) })
    yield opened(own, noteOf(cell, derived, form, ids)!.note)
  }
  yield opened(form.language, plain.note)
}

function languageOf(cell: JsonObject, form: FileForm): string | undefined {
  const metadata = cell.get('metadata')
  const vscode = metadata instanceof JsonObject ? metadata.get('vscode') : undefined
  const id = vscode instanceof JsonObject ? vscode.get('languageId') : undefined
  return typeof id === 'string' && isRunnable(id) && canonicalLanguage(id) === id && id !== form.language
    ? id
    : undefined
}

/** Names an output that was made elsewhere: by what it is, and of a time before any run. */
function madeRun(cell: JsonObject): string {
  const text = writeJson(cell.without('metadata', 'execution_count'), {
    indent: null,
    end: '',
    ascii: false,
    crlf: false,
  })
  return `run_0000000000${base32(digest(new TextEncoder().encode(text)).subarray(0, 10))}`
}

export function isRunText(text: Json | undefined): text is string {
  return typeof text === 'string' && isRunId(text)
}
