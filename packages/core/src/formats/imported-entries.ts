/**
 * What imported outputs hold beside their text, in the form in which a run's displays are known, so that whoever shows
 * runs shows them too (FM25). Their HTML is as untrusted as any output's. Pictures are named, not carried.
 */
import type { ExecutionEntry } from '../executions.ts'
import type { AssetId } from '../ids.ts'
import { assetsIn } from '../ids.ts'
import { parseNotebook } from '../notebook/cells.ts'
import type { MimePart } from '../run.ts'
import { AssetTable } from './assets.ts'
import { type Json, JsonObject, writeJson } from './ipynb/json-text.ts'
import { readOutputNote } from './ipynb/output-note.ts'
import { keptParts, type Picture } from './ipynb/outputs.ts'
import { joined } from './ipynb/source-lines.ts'

const named = /^(?:`{3,}|~{3,})output:[^\n]*"outputs": "(asset:sha256-[0-9a-f]{64})"/gm

/** The assets that `importedEntries` reads; quick, and empty for most texts. */
export function keptOutputs(markdown: string): AssetId[] {
  return [...new Set([...markdown.matchAll(named)].flatMap(([, name]) => assetsIn(name!)))]
}

/** By the run that the output's fence names. */
export function importedEntries(
  markdown: string,
  assets: Iterable<readonly [AssetId, Uint8Array]>,
): Map<string, ExecutionEntry> {
  const entries = new Map<string, ExecutionEntry>()
  if (keptOutputs(markdown).length === 0) return entries
  const table = new AssetTable(assets)
  for (const block of parseNotebook(markdown).blocks) {
    if (block.kind !== 'output') continue
    const kept = keptParts(readOutputNote(markdown.slice(block.from, block.textFrom)).get('outputs'), table)
    if (kept) entries.set(block.runId, entryOf(block.runId, kept.outputs, kept.pictures))
  }
  return entries
}

function entryOf(id: string, outputs: readonly Json[], pictures: readonly Picture[]): ExecutionEntry {
  const displays = outputs.flatMap((output, i) => {
    const data = output instanceof JsonObject ? output.get('data') : undefined
    const own = pictures.filter(picture => picture.output === i)
    return data instanceof JsonObject ? [{ parts: data.entries.flatMap(part => partOf(part, own)) }] : []
  })
  const objects = outputs.filter(output => output instanceof JsonObject)
  const failed = objects.find(output => output.get('output_type') === 'error')
  const entry = { id, code: '', language: '', displayData: displays }
  if (!failed) return { ...entry, status: 'completed' }
  const [name, message] = ['ename', 'evalue'].map(key => String(failed.get(key) ?? ''))
  const lines = failed.get('traceback')
  const traceback = Array.isArray(lines) ? lines.filter(line => typeof line === 'string') : []
  return { ...entry, status: 'error', error: { name: name!, message: message!, traceback } }
}

function partOf([mimeType, value]: readonly [string, Json], pictures: readonly Picture[]): MimePart[] {
  const picture = pictures.find(({ type }) => type === mimeType)
  if (picture) return [{ at: 'asset', mimeType, asset: picture.asset, bytes: 0 }]
  const text = joined(value)
  if (text !== undefined && mimeType === 'image/svg+xml') return [drawing(text)]
  if (text !== undefined) return [{ at: 'inline', mimeType, data: text }]
  return [{ at: 'inline', mimeType, data: writeJson(value, { indent: null, end: '', ascii: false, crlf: false }) }]
}

/** Stands in the document as a picture too, under this name. */
function drawing(text: string): MimePart {
  const bytes = new TextEncoder().encode(text)
  return { at: 'asset', mimeType: 'image/svg+xml', asset: new AssetTable().put(bytes), bytes: bytes.byteLength }
}
