/**
 * The outputs of a cell as a document shows them, and back (FM20–FM25). What text, pictures and a word in the fence can
 * say stands there alone; everything else is kept whole in an asset beside what can be shown of it.
 */
import type { AssetId } from '../../ids.ts'
import { assetsIn, isAssetId } from '../../ids.ts'
import { limits } from '../../limits.ts'
import { type ImageRef, plainAlt } from '../../notebook/output.ts'
import { TerminalText } from '../../terminal.ts'
import { type AssetTable, base64Of, bytesOfBase64, imageType } from '../assets.ts'
import { type Json, JsonObject, jsonNumber, jsonObject, parseJson, sameJson, writeJson } from './json-text.ts'
import { joined, splitLines } from './source-lines.ts'

export interface OutputForm {
  text: string
  images: readonly ImageRef[]
  /** What the fence's info says beside the run: `as`, `base64`, `outputs`, `execution_count`. */
  note: JsonObject
}

/** The forms in which these outputs can stand, the plainest first; `count` is the cell's execution count. */
export function* outputForms(outputs: readonly Json[], count: Json, assets: AssetTable): Generator<OutputForm> {
  const plain = plainForm(outputs, count, assets)
  if (plain && isShowable(plain.text) && sameJson(outputsOf(plain, assets).outputs, [...outputs])) yield plain
  yield keptForm(outputs, count, assets)
}

/** What a form means. `count` is null where the form does not say it. */
export function outputsOf({ text, images, note }: OutputForm, assets: AssetTable): { outputs: Json[]; count: Json } {
  const count = note.get('execution_count') ?? null
  const kept = keptIn(note.get('outputs'), assets)
  if (kept) return { outputs: kept, count }
  const as = note.get('as')
  if (as === 'result') return { outputs: [resultOf(text, count)], count }
  const stream = text === '' ? [] : [streamOf(as === 'stderr' ? 'stderr' : 'stdout', `${text}\n`)]
  const ending = note.get('base64') === 'line' ? '\n' : ''
  const pictures = images.map(image => pictureOf(image, ending, assets)).filter(picture => picture !== undefined)
  return { outputs: [...stream, ...pictures], count }
}

function streamOf(name: string, text: string): Json {
  return jsonObject({ name, output_type: 'stream', text: splitLines(text) })
}

function resultOf(text: string, count: Json): Json {
  const data = jsonObject({ 'text/plain': splitLines(text) })
  return jsonObject({ data, execution_count: count, metadata: new JsonObject(), output_type: 'execute_result' })
}

function pictureOf({ alt, asset }: ImageRef, ending: string, assets: AssetTable): Json | undefined {
  const bytes = isAssetId(asset) ? assets.get(asset) : undefined
  const type = bytes && imageType(bytes)?.mimeType
  if (!bytes || type === undefined) return undefined
  const value = type === 'image/svg+xml' ? splitLines(new TextDecoder().decode(bytes)) : base64Of(bytes) + ending
  const data = jsonObject({ [type]: value, 'text/plain': alt === '' ? undefined : splitLines(alt) })
  return jsonObject({ data, metadata: new JsonObject(), output_type: 'display_data' })
}

/** A form without an asset, if there may be one; whether it says the same is for the caller to see. */
function plainForm(outputs: readonly Json[], count: Json, assets: AssetTable): OutputForm | undefined {
  const [first, ...rest] = outputs.map(output => (output instanceof JsonObject ? output : new JsonObject()))
  if (!first) return undefined
  const counted = count === null ? {} : { execution_count: count }
  if (rest.length === 0 && first.get('output_type') === 'execute_result') {
    const text = dataOf(first, 'text/plain')
    return text === undefined ? undefined : { text, images: [], note: jsonObject({ ...counted, as: 'result' }) }
  }
  const stream = first.get('output_type') === 'stream'
  const text = stream ? joined(first.get('text')) : undefined
  const pictures = stream ? rest : [first, ...rest]
  if (pictures.length > limits.displaysPerRun || text?.endsWith('\n') === false) return undefined
  const images = pictures.map(picture => imageIn(picture, assets))
  if (images.some(image => image === undefined)) return undefined
  const as = first.get('name') === 'stderr' ? 'stderr' : undefined
  const base64 = images.some(image => image?.ending === '\n') ? 'line' : undefined
  const shown = images.map(image => ({ asset: image!.asset, alt: image!.alt }))
  return { text: text?.slice(0, -1) ?? '', images: shown, note: jsonObject({ ...counted, as, base64 }) }
}

function dataOf(output: JsonObject, mimeType: string): string | undefined {
  const data = output.get('data')
  return data instanceof JsonObject ? joined(data.get(mimeType)) : undefined
}

const imageTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/svg+xml'] as const

function imageIn(output: JsonObject, assets: AssetTable): { asset: AssetId; alt: string; ending: string } | undefined {
  const type = imageTypes.find(name => dataOf(output, name) !== undefined)
  const bytes = type && imageBytes(type, dataOf(output, type)!)
  if (!bytes) return undefined
  return { asset: assets.put(bytes.bytes), alt: plainAlt(dataOf(output, 'text/plain') ?? ''), ending: bytes.ending }
}

function imageBytes(type: string, text: string): { bytes: Uint8Array; ending: string } | undefined {
  if (type === 'image/svg+xml') return { bytes: new TextEncoder().encode(text), ending: '' }
  const ending = text.endsWith('\n') ? '\n' : ''
  const bytes = bytesOfBase64(text.slice(0, text.length - ending.length))
  return bytes && { bytes, ending }
}

/** No control character, nothing that a terminal would show in another way, and not too much of it. */
function isShowable(text: string): boolean {
  return text.length <= limits.formatOutputChars && text.isWellFormed() && !/[^\P{Cc}\n\t]/u.test(text)
}

function keptForm(outputs: readonly Json[], count: Json, assets: AssetTable): OutputForm {
  const images = outputs
    .flatMap(output => (output instanceof JsonObject ? (imageIn(output, assets) ?? []) : []))
    .slice(0, limits.displaysPerRun)
    .map(({ asset, alt }) => ({ asset, alt }))
  const asset = assets.put(new TextEncoder().encode(writeJson(withoutPictures(outputs, assets), compact)))
  const counted = count === null ? {} : { execution_count: count }
  return { text: shownText(outputs), images, note: jsonObject({ ...counted, outputs: `asset:${asset}` }) }
}

const compact = { indent: null, end: '', ascii: false, crlf: false }

/** What a person reads of outputs: streams, tracebacks, and the plain text of what is no picture. */
function shownText(outputs: readonly Json[]): string {
  const terminal = new TerminalText({ maxBytes: limits.formatOutputChars, maxLines: limits.documentOutputLines })
  for (const output of outputs) {
    if (!(output instanceof JsonObject)) continue
    const text = textIn(output)
    if (text !== '') terminal.feed(output.get('output_type') === 'stream' || text.endsWith('\n') ? text : `${text}\n`)
  }
  return terminal.text().replace(/\n$/, '')
}

function textIn(output: JsonObject): string {
  const type = output.get('output_type')
  if (type === 'stream') return joined(output.get('text')) ?? ''
  const traceback = output.get('traceback')
  if (type === 'error') {
    const lines = Array.isArray(traceback) ? traceback.filter(line => typeof line === 'string') : []
    return lines.length > 0 ? lines.join('\n') : `${output.get('ename')}: ${output.get('evalue')}`
  }
  if (imageTypes.some(name => dataOf(output, name) !== undefined)) return ''
  return dataOf(output, 'text/plain') ?? dataOf(output, 'text/markdown') ?? ''
}

/** Pictures are assets of their own, so that none is kept twice: `at` says where each belongs. */
function withoutPictures(outputs: readonly Json[], assets: AssetTable): JsonObject {
  const pictures: Json[] = []
  const kept = outputs.map((output, i) => {
    const data = output instanceof JsonObject ? output.get('data') : undefined
    if (!(output instanceof JsonObject) || !(data instanceof JsonObject)) return output
    if (new Set(data.keys).size < data.keys.length || output.keys.filter(key => key === 'data').length > 1)
      return output
    const entries = data.entries.map(([type, value]): [string, Json] => {
      const found = /^image\/(?!svg)/.test(type) && typeof value === 'string' ? imageBytes(type, value) : undefined
      if (!found) return [type, value]
      const asset = assets.put(found.bytes)
      pictures.push(jsonObject({ output: jsonNumber(i), type, asset, ending: found.ending }))
      return [type, null]
    })
    return replaced(output, 'data', new JsonObject(entries))
  })
  return jsonObject({ outputs: kept, pictures })
}

function replaced(object: JsonObject, key: string, value: Json): JsonObject {
  return new JsonObject(object.entries.map(([name, old]) => [name, name === key ? value : old]))
}

/** Outputs as an asset keeps them: without the pictures, and where those belong. */
export interface Kept {
  outputs: Json[]
  pictures: Picture[]
}
export interface Picture {
  /** Which of the outputs. */
  output: number
  type: string
  asset: AssetId
  /** Of its base64 text: nothing or a line end. */
  ending: string
}

/** What the asset with this name holds; undefined where it is not to be had. */
export function keptParts(name: Json | undefined, assets: AssetTable): Kept | undefined {
  const [id] = typeof name === 'string' ? assetsIn(name) : []
  const bytes = id && assets.get(id)
  if (!bytes) return undefined
  const kept = parseJson(new TextDecoder().decode(bytes))
  const outputs = kept instanceof JsonObject ? kept.get('outputs') : undefined
  const pictures = kept instanceof JsonObject ? kept.get('pictures') : undefined
  if (!Array.isArray(outputs) || !Array.isArray(pictures)) return undefined
  return { outputs, pictures: pictures.flatMap(picture => pictureAt(picture) ?? []) }
}

function pictureAt(picture: Json): Picture | undefined {
  if (!(picture instanceof JsonObject)) return undefined
  const output = Number((picture.get('output') as { text?: string } | undefined)?.text)
  const [type, asset, ending] = ['type', 'asset', 'ending'].map(key => picture.get(key))
  if (!Number.isInteger(output) || typeof type !== 'string' || !isAssetId(asset)) return undefined
  return { output, type, asset, ending: String(ending) }
}

function keptIn(name: Json | undefined, assets: AssetTable): Json[] | undefined {
  const kept = keptParts(name, assets)
  return kept?.pictures.reduce<Json[]>((list, picture) => withPicture(list, picture, assets), kept.outputs)
}

function withPicture(outputs: Json[], { output: at, type, asset, ending }: Picture, assets: AssetTable): Json[] {
  const output = outputs[at]
  const data = output instanceof JsonObject ? output.get('data') : undefined
  const bytes = assets.get(asset)
  if (!(output instanceof JsonObject) || !(data instanceof JsonObject) || !bytes) return outputs
  return outputs.with(at, replaced(output, 'data', replaced(data, type, base64Of(bytes) + ending)))
}

/** Assets that an asset with outputs names, for whoever fetches them. */
export function picturesNamedBy(bytes: Uint8Array): AssetId[] {
  return bytes[0] === 0x7b ? assetsIn(new TextDecoder().decode(bytes)) : []
}
