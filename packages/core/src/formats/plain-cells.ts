/** A document as a list of cells without outputs, for formats that have none, and such a list as a document. */
import { MeshError } from '../errors.ts'
import type { AssetId } from '../ids.ts'
import { canonicalLanguage, isRunnable } from '../languages.ts'
import { limits } from '../limits.ts'
import { AssetTable, extensionOf } from './assets.ts'
import { cellText, type Place } from './ipynb/cell-text.ts'
import { type Head, metadataFor, readHead } from './ipynb/head.ts'
import { type Json, JsonObject, jsonObject } from './ipynb/json-text.ts'
import { piecesOf } from './ipynb/pieces.ts'
import { joined, splitLines } from './ipynb/source-lines.ts'
import { defaultGap, formOf, mostUsed, normalised } from './ipynb/to-ipynb.ts'

export interface PlainCell {
  type: 'markdown' | 'code' | 'raw'
  source: string
  /** Without what other programs keep of a cell's language. */
  metadata: JsonObject
  language: string
  /** How the document opened it. */
  open?: string
}

export interface PlainDocument {
  head: Head
  language: string
  kernelspec: { name: string; shown: string }
  cells: PlainCell[]
}

export function plainCellsOf(markdown: string): PlainDocument {
  if (markdown.length > limits.documentBytes) throw new MeshError('TOO_LARGE', { detail: 'the document' })
  const assets = new AssetTable()
  const { text } = normalised(markdown)
  const head = readHead(text, assets)
  const language = head.language ?? (head.metadata ? 'python' : mostUsed(text))
  const form = formOf(head.file, language, assets, false)
  const cells = piecesOf(text, form, { next: 1 }).pieces.map(({ cell, open }) => plainOf(cell, language, open))
  return { head, language, kernelspec: kernelOf(head, language), cells }
}

function kernelOf(head: Head, language: string): { name: string; shown: string } {
  const spec = (head.metadata ?? metadataFor(language)).get('kernelspec')
  const [name, shown] = ['name', 'display_name'].map(key => (spec instanceof JsonObject ? spec.get(key) : undefined))
  const named = typeof name === 'string' ? name : language
  return { name: named, shown: typeof shown === 'string' ? shown : named }
}

function plainOf(cell: Json, language: string, open: string | undefined): PlainCell {
  const object = cell instanceof JsonObject ? cell : jsonObject({ cell_type: 'raw', source: '' })
  const type = object.get('cell_type')
  const metadata = object.get('metadata')
  const all = metadata instanceof JsonObject ? metadata : new JsonObject()
  const vscode = all.get('vscode')
  const own = vscode instanceof JsonObject ? vscode.get('languageId') : undefined
  return {
    type: type === 'code' || type === 'markdown' ? type : 'raw',
    source: joined(object.get('source')) ?? '',
    metadata: all.without('vscode', 'meshbook'),
    language: typeof own === 'string' ? canonicalLanguage(own) : language,
    ...(open !== undefined && { open }),
  }
}

/** A document with these cells. `head` is its front matter with the lines around it, or empty. */
export function documentOf(head: string, cells: readonly PlainCell[], language: string): string {
  const form = { ...formOf(new JsonObject(), language, new AssetTable(), true), minor: 4 }
  const place: Place = {
    form,
    ids: { next: 1 },
    previous: head === '' ? 'start' : 'other',
    follow: '\n',
    isLast: false,
  }
  const parts = cells.map((cell, i) => {
    const chosen = cellText(jsonOf(cell, language), {}, place)
    if (!chosen) throw new MeshError('INTERNAL', { detail: `cell ${i + 1} has no form` })
    place.previous = chosen.tail
    return defaultGap(i, head) + chosen.text
  })
  return head + parts.join('')
}

function jsonOf({ type, source, metadata, language }: PlainCell, own: string): JsonObject {
  const isOther = type === 'code' && language !== own && isRunnable(language)
  return jsonObject({
    cell_type: type,
    execution_count: type === 'code' ? null : undefined,
    metadata: isOther ? metadata.withSorted('vscode', jsonObject({ languageId: language })) : metadata,
    outputs: type === 'code' ? [] : undefined,
    source: splitLines(source),
  })
}

/** Where a picture stands for programs that know no assets. */
export function besideName(id: AssetId, bytes: Uint8Array): string {
  return `_assets/${id}.${extensionOf(bytes)}`
}

/** References to assets as paths to files beside the document; those that are not there stay. */
export function withPaths(text: string, assets: ReadonlyMap<AssetId, Uint8Array>): string {
  return text.replace(/\]\(asset:(sha256-[0-9a-f]{64})\)/g, (whole, id: AssetId) => {
    const bytes = assets.get(id)
    return bytes ? `](${besideName(id, bytes)})` : whole
  })
}
