/**
 * A notebook file as a document (FM1, FM2). What it makes is exported again at once: only if the same bytes come of it is
 * it called exact. Pure; pictures and what Markdown cannot hold are returned as assets.
 */
import { MeshError } from '../../errors.ts'
import type { AssetId } from '../../ids.ts'
import { assetsIn } from '../../ids.ts'
import { limits } from '../../limits.ts'
import { AssetTable } from '../assets.ts'
import { type FileForm, orderOf } from './cell-note.ts'
import { cellText, type Details, isRunText, type Place } from './cell-text.ts'
import { headText, languageIn, metadataFor, readHead } from './head.ts'
import {
  type Json,
  JsonNumber,
  JsonObject,
  jsonObject,
  jupyterLayout,
  layoutOf,
  parseJson,
  sameJson,
} from './json-text.ts'
import { upgraded } from './nbformat-3.ts'
import { defaultGap, formOf, toIpynb } from './to-ipynb.ts'

export interface ImportedIpynb {
  markdown: string
  assets: ReadonlyMap<AssetId, Uint8Array>
  cells: number
  /** Exporting it again gives the same bytes. */
  exact: boolean
}

interface Source {
  text: string
  metadata: JsonObject
  cells: Json[]
  /** How the file is laid out, where not as usual. */
  file: JsonObject
}

/** Throws BAD_FORMAT or TOO_LARGE, with where in the file. */
export function fromIpynb(text: string): ImportedIpynb {
  if (text.length > limits.importBytes) throw new MeshError('TOO_LARGE', { detail: 'the notebook file' })
  const source = sourceOf(text)
  const isOurs = [source.metadata, ...source.cells.map(metadataIn)].some(
    metadata => metadata?.get('meshbook') instanceof JsonObject,
  )
  const restored = isOurs ? written(source, true) : undefined
  if (restored?.exact) return restored
  const plain = written(source, false)
  return plain.exact || !restored ? plain : restored
}

function sourceOf(text: string): Source {
  const read = parseJson(text)
  if (!(read instanceof JsonObject))
    throw new MeshError('BAD_FORMAT', { detail: 'line 1: a notebook file is a JSON object' })
  const version = numberIn(read, 'nbformat')
  if (version === undefined || version < 3 || version > 4)
    throw new MeshError('BAD_FORMAT', { detail: `nbformat is ${version ?? 'missing'}; 3 and 4 can be read` })
  const notebook = version === 3 ? upgraded(read) : read
  const cells = notebook.get('cells')
  const metadata = notebook.get('metadata') ?? new JsonObject()
  if (!Array.isArray(cells)) throw new MeshError('BAD_FORMAT', { detail: 'cells: a list is expected' })
  if (!(metadata instanceof JsonObject))
    throw new MeshError('BAD_FORMAT', { detail: 'metadata: an object is expected' })
  if (cells.length > limits.formatCells) throw new MeshError('TOO_LARGE', { detail: `${cells.length} cells` })
  return { text, metadata, cells, file: fileDetails(notebook, text, cells) }
}

function numberIn(object: JsonObject, key: string): number | undefined {
  const value = object.get(key)
  return value instanceof JsonNumber ? Number(value.text) : undefined
}

function fileDetails(notebook: JsonObject, text: string, cells: readonly Json[]): JsonObject {
  const minor = notebook.get('nbformat_minor')
  const extra = notebook.without('cells', 'metadata', 'nbformat', 'nbformat_minor')
  const keys = new JsonObject([
    ...orderDetails('notebook', [notebook]),
    ...['code', 'markdown', 'raw'].flatMap(type => orderDetails(type, cells)),
  ])
  const layout = layoutDetails(text)
  return jsonObject({
    extra: extra.keys.length > 0 ? extra : undefined,
    keys: keys.keys.length > 0 ? keys : undefined,
    layout: layout.keys.length > 0 ? layout : undefined,
    nbformat_minor: minor instanceof JsonNumber && minor.text !== '5' ? minor : undefined,
  })
}

/** The order of fields that most cells of a type have, if it is not the alphabet's. */
function orderDetails(type: string, objects: readonly Json[]): [string, Json][] {
  const found = objects.find(
    object => object instanceof JsonObject && (type === 'notebook' || object.get('cell_type') === type),
  )
  if (!(found instanceof JsonObject) || new Set(found.keys).size < found.keys.length) return []
  const { keys } = found
  return orderOf(keys, undefined).every((key, i) => key === keys[i]) ? [] : [[type, keys]]
}

function layoutDetails(text: string): JsonObject {
  const layout = layoutOf(text)
  const differing = Object.entries(layout).filter(([key, value]) => value !== jupyterLayout[key as keyof typeof layout])
  return new JsonObject(differing)
}

function metadataIn(cell: Json): JsonObject | undefined {
  const metadata = cell instanceof JsonObject ? cell.get('metadata') : undefined
  return metadata instanceof JsonObject ? metadata : undefined
}

function written(source: Source, restore: boolean): ImportedIpynb {
  const assets = new AssetTable()
  const ours = restore ? source.metadata.get('meshbook') : undefined
  const fileDetails = ours instanceof JsonObject ? ours : new JsonObject()
  const metadata = restore ? source.metadata.without('meshbook') : source.metadata
  const body = (head: string) =>
    bodyText(source, head, restore, formOf(source.file, languageIn(metadata) ?? 'python', assets, true))
  const head = headOf(metadata, source.file, fileDetails, assets)
  const text = `${head}${body(head)}${blankIn(fileDetails.get('end')) ?? ''}`
  const ended = fileDetails.get('crlf') === true ? text.replaceAll('\n', '\r\n') : text
  const markdown = `${fileDetails.get('bom') === true ? '\ufeff' : ''}${ended}`
  const used = new Map([...assets.all].filter(([id]) => isNamed(id, markdown, assets.all)))
  const exact = markdown.isWellFormed() && toIpynb(markdown, { assets: used }).text === source.text
  return { markdown, assets: used, cells: source.cells.length, exact }
}

/** Assets of forms that were not chosen in the end are left out. */
function isNamed(id: AssetId, markdown: string, all: ReadonlyMap<AssetId, Uint8Array>): boolean {
  if (markdown.includes(id)) return true
  return assetsIn(markdown).some(named => {
    const bytes = all.get(named)
    return bytes?.[0] === 0x7b && new TextDecoder().decode(bytes).includes(id)
  })
}

/** The front matter that the document had, if it still says the same; else with the metadata as it is now. */
function headOf(metadata: JsonObject, file: JsonObject, ours: JsonObject, assets: AssetTable): string {
  const had = ours.get('front_matter')
  if (typeof had !== 'string') return headText(metadata, file, '', assets)
  const read = readHead(had, assets)
  const language = read.language ?? languageIn(metadata) ?? 'python'
  const says = read.metadata ?? metadataFor(language)
  if (sameJson(says, metadata) && sameJson(read.file.without('aside'), file) && read.text === had) return had
  return headText(metadata, file, read.rest.replace(/^jupyter:.*\n(?:[ \t]+.*\n)*/m, ''), assets)
}

function bodyText({ cells, metadata }: Source, head: string, restore: boolean, form: FileForm): string {
  const place: Place = {
    form,
    ids: { next: 1 },
    previous: head === '' ? 'start' : 'other',
    follow: '\n',
    isLast: false,
  }
  const language = languageIn(metadata)
  const parts = cells.map((cell, i) => {
    const details = restore ? detailsIn(cell) : undefined
    const next = restore && i + 1 < cells.length ? detailsIn(cells[i + 1]!) : undefined
    const at = { ...place, follow: next?.gap ?? '\n', isLast: i === cells.length - 1 }
    const restored = details && cellText(withoutOurs(cell), details, at)
    const chosen = restored ?? (details && cellText(withoutOurs(cell), {}, at)) ?? cellText(cell, {}, at)
    if (!chosen) throw new MeshError('INTERNAL', { detail: `cell ${i + 1} has no form` })
    place.previous = chosen.tail
    return `${details?.gap ?? defaultGap(i, head)}${chosen.text}`
  })
  return language === undefined && parts.length === 0 ? '' : parts.join('')
}

function detailsIn(cell: Json): (Details & { gap?: string }) | undefined {
  const ours = metadataIn(cell)?.get('meshbook')
  if (!(ours instanceof JsonObject)) return undefined
  const [gap, open, run, text] = ['gap', 'open', 'run', 'text'].map(key => ours.get(key))
  const blank = blankIn(gap)
  return {
    ...(blank !== undefined && { gap: blank }),
    ...(typeof open === 'string' && { open }),
    ...(isRunText(run) && { run }),
    ...(typeof text === 'string' && { text }),
  }
}

function blankIn(value: Json | undefined): string | undefined {
  return typeof value === 'string' && /^[ \t\r\n]*$/.test(value) ? value : undefined
}

function withoutOurs(cell: Json): Json {
  const metadata = metadataIn(cell)
  if (!(cell instanceof JsonObject) || !metadata) return cell
  return new JsonObject(
    cell.entries.map(([key, value]) => [key, key === 'metadata' ? metadata.without('meshbook') : value]),
  )
}
