/**
 * What Markdown cannot say about a cell, as one JSON object on one line: after the language of a fence, or in the mark
 * before Markdown (FM10). Of a cell's fields only those are in it that differ from what a reader would take anyway.
 */
import type { AssetId } from '../../ids.ts'
import { assetsIn, isAssetId } from '../../ids.ts'
import { type AssetTable, base64Of, bytesOfBase64, extensionOf } from '../assets.ts'
import {
  inlineJson,
  type Json,
  JsonNumber,
  JsonObject,
  jsonObject,
  parseJson,
  sameJson,
  writeJson,
} from './json-text.ts'
import { type Split, splitLines, textAndSplit } from './source-lines.ts'

/** What cells of one file have in common. */
export interface FileForm {
  minor: number
  /** The language of its code cells. */
  language: string
  /** Order of the fields of each type of cell, where it is not the alphabet's. */
  keys: ReadonlyMap<string, readonly string[]>
  assets: AssetTable
  outputs: boolean
}

/** How many cells without an id of their own came before. */
export interface Counter {
  next: number
}

export type CellType = 'code' | 'markdown' | 'raw'

export interface CellFields {
  type: CellType
  source: string
  note: JsonObject
  /** What the metadata is, where the note does not say it. */
  metadata: JsonObject
  outputs: Json[]
  count: Json
  attachments?: JsonObject
}

const noteKeys = ['id', 'metadata', 'execution_count', 'source', 'tail', 'attachments', 'keys', 'extra', 'aside']
/** Longer notes are assets. */
const noteChars = 1_500

/** A note as it stands in a document; undefined if it is none that this module writes. */
export function readNote(text: string, assets: AssetTable): JsonObject | undefined {
  if (text === '') return new JsonObject()
  const note = parsed(text)
  if (
    !note ||
    inlineJson(note) !== text ||
    !note.keys.every((key, i) => noteKeys.indexOf(key) > noteKeys.indexOf(note.keys[i - 1] ?? ''))
  )
    return undefined
  const aside = note.get('aside')
  const bytes =
    typeof aside === 'string' && isAssetId(aside.slice(6)) ? assets.get(aside.slice(6) as AssetId) : undefined
  const whole = bytes && parsed(new TextDecoder().decode(bytes))
  return whole ?? note
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = parseJson(text)
    return value instanceof JsonObject ? value : undefined
  } catch {
    // Whatever else stands there is the author's own text.
    return undefined
  }
}

export function writeNote(note: JsonObject, assets: AssetTable): string {
  if (note.keys.length === 0) return ''
  const text = inlineJson(note)
  if (text.length <= noteChars) return text
  const asset = assets.put(
    new TextEncoder().encode(writeJson(note, { indent: null, end: '', ascii: false, crlf: false })),
  )
  const id = note.get('id')
  return inlineJson(jsonObject({ ...(typeof id === 'string' && id.length < 100 && { id }), aside: `asset:${asset}` }))
}

/** The cell of a file. `ids` counts on where the cell has no id of its own. */
export function cellOf(fields: CellFields, form: FileForm, ids: Counter): JsonObject {
  const { type, note } = fields
  const own = stringsIn(note.get('keys'))
  const id = note.get('id') ?? ((own ? own.includes('id') : form.minor >= 5) ? `cell-${ids.next++}` : undefined)
  const split = note.get('source')
  const extra = note.get('extra')
  const values = new Map<string, Json>([
    ['cell_type', type],
    ['metadata', note.get('metadata') ?? fields.metadata],
    ['source', splitLines(fields.source, split === 'lf' || split === 'text' ? (split as Split) : 'python')],
    ...(id === undefined ? [] : ([['id', id]] as const)),
    ...(fields.attachments ? ([['attachments', fields.attachments]] as const) : []),
    ...(type === 'code'
      ? ([
          ['execution_count', fields.count],
          ['outputs', fields.outputs],
        ] as const)
      : []),
    ...(extra instanceof JsonObject ? extra.entries : []),
  ])
  const order = own ?? orderOf([...values.keys()], form.keys.get(type))
  return new JsonObject(order.flatMap(key => (values.has(key) ? [[key, values.get(key)!] as const] : [])))
}

/** What must be noted of a cell so that `cellOf` makes it again; undefined if it is no such cell. */
export function noteOf(
  cell: JsonObject,
  metadata: JsonObject,
  form: FileForm,
  ids: Counter,
): { note: JsonObject; source: string } | undefined {
  const type = cell.get('cell_type')
  const found = textAndSplit(cell.get('source'))
  if (!found || new Set(cell.keys).size < cell.keys.length) return undefined
  const known = ['cell_type', 'metadata', 'source', 'id', 'attachments', 'execution_count', 'outputs']
  const extra = cell.without(...(type === 'code' ? known.filter(key => key !== 'attachments') : known.slice(0, 5)))
  const order = orderOf(cell.keys, form.keys.get(String(type)))
  const id = cell.get('id')
  const needsKeys = !order.every((key, i) => key === cell.keys[i]) || !isComplete(cell, form)
  const note = jsonObject({
    id: id === `cell-${ids.next}` ? undefined : id,
    metadata: sameJson(cell.get('metadata'), metadata) ? undefined : cell.get('metadata'),
    source: found.split === 'python' ? undefined : found.split,
    keys: needsKeys ? cell.keys : undefined,
    extra: extra.keys.length > 0 ? extra : undefined,
  })
  return { note, source: found.text }
}

/** Whether a cell has the fields that a cell of its type has where nothing is said. */
function isComplete(cell: JsonObject, form: FileForm): boolean {
  const needed = ['metadata', 'source', ...(form.minor >= 5 ? ['id'] : [])]
  const ofCode = cell.get('cell_type') === 'code' ? ['execution_count', 'outputs'] : []
  return [...needed, ...ofCode].every(key => cell.keys.includes(key))
}

export function orderOf(keys: readonly string[], template: readonly string[] | undefined): string[] {
  const place = (key: string) => (template ? template.indexOf(key) + 1 || 1000 : 0)
  return [...keys].sort((a, b) => place(a) - place(b) || (a < b ? -1 : a > b ? 1 : 0))
}

function stringsIn(value: Json | undefined): string[] | undefined {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : undefined
}

export function inOrder(fields: Record<string, Json | undefined>): JsonObject {
  return jsonObject(Object.fromEntries(noteKeys.map(key => [key, fields[key]])))
}

export function mergedNote(note: JsonObject, more: Record<string, Json | undefined>): JsonObject {
  return inOrder({ ...Object.fromEntries(note.entries), ...more })
}

/** Pictures that belong to a Markdown cell as assets: its text, and the attachments with references for their bytes. */
export function attachmentsOut(
  source: string,
  attachments: JsonObject,
  assets: AssetTable,
): { text: string; noted: JsonObject } {
  let text = source
  const noted = attachments.entries.map(([name, bundle]): [string, Json] => {
    if (!(bundle instanceof JsonObject)) return [name, bundle]
    const entries = bundle.entries.map(([type, value]): [string, Json] => {
      const bytes = typeof value === 'string' ? bytesOfBase64(value) : undefined
      return [type, bytes ? `asset:${assets.put(bytes)}` : (value as Json)]
    })
    const [only] = entries
    if (entries.length === 1 && typeof only![1] === 'string' && only![1].startsWith('asset:'))
      text = text.replaceAll(`](attachment:${name})`, () => `](${only![1]})`)
    return [name, new JsonObject(entries)]
  })
  return { text, noted: new JsonObject(noted) }
}

/** Back: noted attachments get their bytes again, and pictures of the text that are in no note become attachments. */
export function attachmentsIn(
  text: string,
  noted: Json | undefined,
  assets: AssetTable,
): { source: string; attachments?: JsonObject } {
  let source = text
  const entries = (noted instanceof JsonObject ? noted.entries : []).map(([name, bundle]): [string, Json] => {
    if (!(bundle instanceof JsonObject)) return [name, bundle]
    const [only] = bundle.entries
    if (bundle.entries.length === 1 && typeof only![1] === 'string')
      source = source.replaceAll(`](${only![1]})`, () => `](attachment:${name})`)
    return [name, new JsonObject(bundle.entries.map(([type, value]) => [type, withBytes(value, assets)]))]
  })
  if (noted === undefined) {
    for (const [id] of [...source.matchAll(/\]\(asset:(sha256-[0-9a-f]{64})\)/g)].map(match => [match[1] as AssetId])) {
      const bytes = assets.get(id!)
      const name = bytes && `${id}.${extensionOf(bytes)}`
      if (!bytes || entries.some(([known]) => known === name)) continue
      entries.push([name!, jsonObject({ [typeOf(name!)]: base64Of(bytes) })])
      source = source.replaceAll(`](asset:${id})`, `](attachment:${name})`)
    }
  }
  return { source, ...((entries.length > 0 || noted !== undefined) && { attachments: new JsonObject(entries) }) }
}

const types: Record<string, string> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  svg: 'image/svg+xml',
}
const typeOf = (name: string): string => types[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream'

function withBytes(value: Json, assets: AssetTable): Json {
  const id = typeof value === 'string' && /^asset:sha256-[0-9a-f]{64}$/.test(value) ? assetsIn(value)[0] : undefined
  const bytes = id && assets.get(id)
  return bytes ? base64Of(bytes) : value
}

export function isCount(value: Json | undefined): boolean {
  return value === null || value instanceof JsonNumber
}
