/**
 * What imported outputs hold beside their text, in the form in which a run's displays are known, so that whoever shows
 * runs shows them too (FM25). Their HTML is as untrusted as any output's.
 */
import type { ExecutionEntry } from '../executions.ts'
import type { AssetId } from '../ids.ts'
import { parseNotebook } from '../notebook/cells.ts'
import type { MimePart } from '../run.ts'
import { AssetTable } from './assets.ts'
import { type Json, JsonObject, writeJson } from './ipynb/json-text.ts'
import { readOutputNote } from './ipynb/output-note.ts'
import { outputsOf } from './ipynb/outputs.ts'
import { joined } from './ipynb/source-lines.ts'

/** By the run that the output's fence names. */
export function importedEntries(
  markdown: string,
  assets: Iterable<readonly [AssetId, Uint8Array]>,
): Map<string, ExecutionEntry> {
  const table = new AssetTable(assets)
  const entries = new Map<string, ExecutionEntry>()
  for (const block of parseNotebook(markdown).blocks) {
    if (block.kind !== 'output') continue
    const note = readOutputNote(markdown.slice(block.from, block.textFrom))
    if (note.get('outputs') === undefined) continue
    const { outputs } = outputsOf({ text: block.text, images: block.images, note }, table)
    entries.set(block.runId, entryOf(block.runId, outputs))
  }
  return entries
}

function entryOf(id: string, outputs: readonly Json[]): ExecutionEntry {
  const objects = outputs.filter(output => output instanceof JsonObject)
  const failed = objects.find(output => output.get('output_type') === 'error')
  const displays = objects.flatMap(output => {
    const data = output.get('data')
    return data instanceof JsonObject ? [{ parts: data.entries.flatMap(partOf) }] : []
  })
  const entry = { id, code: '', language: '', displayData: displays }
  if (!failed) return { ...entry, status: 'completed' }
  const [name, message] = ['ename', 'evalue'].map(key => String(failed.get(key) ?? ''))
  const lines = failed.get('traceback')
  const traceback = Array.isArray(lines) ? lines.filter(line => typeof line === 'string') : []
  return { ...entry, status: 'error', error: { name: name!, message: message!, traceback } }
}

function partOf([mimeType, value]: readonly [string, Json]): MimePart[] {
  const text = joined(value)
  if (text !== undefined) return [{ at: 'inline', mimeType, data: text }]
  return [{ at: 'inline', mimeType, data: writeJson(value, { indent: null, end: '', ascii: false, crlf: false }) }]
}
