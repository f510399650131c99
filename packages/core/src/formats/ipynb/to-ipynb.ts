/** A document as a notebook file, in the bytes that Jupyter would write (FM1, FM3). Pure; assets are given. */
import { MeshError } from '../../errors.ts'
import type { AssetId } from '../../ids.ts'
import { assetsIn } from '../../ids.ts'
import { canonicalLanguage } from '../../languages.ts'
import { limits } from '../../limits.ts'
import { cellsOf, parseNotebook } from '../../notebook/cells.ts'
import { AssetTable } from '../assets.ts'
import { type Counter, type FileForm, orderOf } from './cell-note.ts'
import { cellText, type Details } from './cell-text.ts'
import { type Head, headText, metadataFor, readHead } from './head.ts'
import {
  type Json,
  type JsonLayout,
  JsonNumber,
  JsonObject,
  jsonNumber,
  jsonObject,
  jupyterLayout,
  writeJson,
} from './json-text.ts'
import { picturesNamedBy } from './outputs.ts'
import { type Piece, piecesOf } from './pieces.ts'

export interface ExportOptions {
  assets?: Iterable<readonly [AssetId, Uint8Array]>
  /** False: no outputs and no execution counts. */
  outputs?: boolean
}

export interface ExportedIpynb {
  text: string
  cells: number
  /** Assets that the document names and that were not given: what they hold is missing in the file. */
  missing: AssetId[]
}

export function toIpynb(markdown: string, { assets = [], outputs = true }: ExportOptions = {}): ExportedIpynb {
  if (markdown.length > limits.documentBytes) throw new MeshError('TOO_LARGE', { detail: 'the document' })
  const table = new AssetTable(assets)
  const { text, crlf, bom } = normalised(markdown)
  const head = readHead(text, table)
  const language = head.language ?? (head.metadata ? 'python' : mostUsed(text))
  const form = formOf(head.file, language, table, outputs)
  const { pieces, end } = piecesOf(text, form, { next: 1 })
  if (pieces.length > limits.formatCells) throw new MeshError('TOO_LARGE', { detail: `${pieces.length} cells` })
  const cells = withDetails(text, pieces, form, head)
  const metadata = metadataOf(head, language, { end, crlf, bom }, table)
  const extra = head.file.get('extra')
  const values = new JsonObject([
    ['cells', cells],
    ['metadata', metadata],
    ['nbformat', jsonNumber(4)],
    ['nbformat_minor', jsonNumber(form.minor)],
    ...(extra instanceof JsonObject ? extra.entries : []),
  ])
  const order = orderOf(values.keys, form.keys.get('notebook'))
  const file = new JsonObject(order.map(key => [key, values.get(key)!]))
  return { text: writeJson(file, layoutIn(head.file)), cells: cells.length, missing: [...table.missing] }
}

/** The assets that a document needs for its export; asked again with those that were found, it names what they need. */
export function assetsNeeded(markdown: string, found: ReadonlyMap<AssetId, Uint8Array> = new Map()): AssetId[] {
  const named = [...assetsIn(markdown), ...[...found.values()].flatMap(picturesNamedBy)]
  return [...new Set(named)].filter(id => !found.has(id))
}

export interface Normal {
  text: string
  crlf: boolean
  bom: boolean
}

/** Text with LF line ends, if all of them are CRLF, and without the byte order mark. */
export function normalised(markdown: string): Normal {
  const bom = markdown.startsWith('\ufeff')
  const text = bom ? markdown.slice(1) : markdown
  const crlf = text.includes('\r\n') && !/(?<!\r)\n|\r(?!\n)/.test(text)
  return { text: crlf ? text.replaceAll('\r\n', '\n') : text, crlf, bom }
}

/** The language of the most cells; of the first ones where several are. */
export function mostUsed(text: string): string {
  const counts = new Map<string, number>()
  for (const cell of cellsOf(parseNotebook(text))) {
    const language = canonicalLanguage(cell.language)
    counts.set(language, (counts.get(language) ?? 0) + 1)
  }
  const most = Math.max(...counts.values())
  return [...counts].find(([, count]) => count === most)?.[0] ?? 'python'
}

export function formOf(file: JsonObject, language: string, assets: AssetTable, outputs: boolean): FileForm {
  const minor = file.get('nbformat_minor')
  const keys = file.get('keys')
  const orders = keys instanceof JsonObject ? keys.entries : []
  return {
    minor: minor instanceof JsonNumber && /^\d{1,4}$/.test(minor.text) ? Number(minor.text) : 5,
    language,
    keys: new Map(orders.map(([type, order]) => [type, Array.isArray(order) ? order.map(String) : []])),
    assets,
    outputs,
  }
}

export function layoutIn(file: JsonObject): JsonLayout {
  const layout = file.get('layout')
  if (!(layout instanceof JsonObject)) return jupyterLayout
  const indent = layout.get('indent')
  const end = layout.get('end')
  return {
    indent:
      indent === null || (typeof indent === 'string' && /^[ \t]{1,8}$/.test(indent)) ? indent : jupyterLayout.indent,
    end: typeof end === 'string' && /^[ \t\n]{0,8}$/.test(end) ? end : jupyterLayout.end,
    ascii: layout.get('ascii') === true,
    crlf: layout.get('crlf') === true,
  }
}

function metadataOf(
  head: Head,
  language: string,
  file: { end: string; crlf: boolean; bom: boolean },
  assets: AssetTable,
): JsonObject {
  const metadata = head.metadata ?? metadataFor(language)
  const own = head.metadata && headText(metadata, head.file.without('aside'), '', assets) === head.text
  const details = jsonObject({
    bom: file.bom || undefined,
    crlf: file.crlf || undefined,
    end: file.end === '' ? undefined : file.end,
    front_matter: own ? undefined : head.text,
  })
  return details.keys.length === 0 ? metadata : metadata.withSorted('meshbook', details)
}

/** Cells with what their text must say beside them, so that the document comes back as it is. */
function withDetails(text: string, pieces: readonly Piece[], form: FileForm, head: Head): Json[] {
  const ids: Counter = { next: 1 }
  return pieces.map((piece, i) => {
    const isLast = i === pieces.length - 1
    const previous = i > 0 ? pieces[i - 1]!.tail : head.text === '' ? 'start' : 'other'
    const gap = piece.gap === defaultGap(i, head.text) ? {} : { gap: piece.gap }
    const written = text.slice(piece.from, piece.to)
    const follow = pieces[i + 1]?.gap ?? '\n'
    const details = form.outputs ? detailsOf(piece, written, { form, ids, previous, follow, isLast }) : {}
    return addDetails(piece.cell, { ...gap, ...details })
  })
}

export function defaultGap(index: number, headText: string): string {
  return index === 0 && headText === '' ? '' : '\n'
}

/** The fewest details with which the cell is written as it was. */
function detailsOf(piece: Piece, written: string, place: Parameters<typeof cellText>[2]): Details {
  const start = place.ids.next
  const { open, run } = piece
  const tries: Details[] = [
    {},
    ...(run ? [{ run }] : []),
    ...(open ? [{ open }] : []),
    ...(open && run ? [{ open, run }] : []),
  ]
  for (const details of [...tries, { text: written }]) {
    place.ids.next = start
    if (cellText(piece.cell, details, place)?.text === written) return details
  }
  place.ids.next = start
  cellText(piece.cell, {}, place)
  return {}
}

function addDetails(cell: Json, details: Details): Json {
  const fields = jsonObject(Object.fromEntries(Object.entries(details).sort(([a], [b]) => (a < b ? -1 : 1))))
  const metadata = cell instanceof JsonObject ? cell.get('metadata') : undefined
  if (fields.keys.length === 0 || !(cell instanceof JsonObject) || !(metadata instanceof JsonObject)) return cell
  // It says that itself already; two such keys would be no file that others can read.
  if (metadata.keys.includes('meshbook')) return cell
  const added = metadata.withSorted('meshbook', fields)
  return new JsonObject(cell.entries.map(([key, value]) => [key, key === 'metadata' ? added : value]))
}
