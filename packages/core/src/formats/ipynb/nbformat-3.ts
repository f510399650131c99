/** Notebook files of version 3 (IPython 2 and older) as version 4. One way: nothing writes version 3 any more. */
import { type Json, JsonObject, jsonNumber, jsonObject } from './json-text.ts'
import { joined, splitLines } from './source-lines.ts'

export function upgraded(notebook: JsonObject): JsonObject {
  const sheets = listOf(notebook.get('worksheets'))
  const cells = sheets.flatMap(sheet => listOf(sheet instanceof JsonObject ? sheet.get('cells') : undefined))
  const metadata = notebook.get('metadata')
  const name = metadata instanceof JsonObject ? metadata.get('name') : undefined
  const kept = metadata instanceof JsonObject ? metadata.without('name', 'signature') : new JsonObject()
  return jsonObject({
    cells: cells.map(cell => (cell instanceof JsonObject ? cellOf(cell) : cell)),
    metadata: typeof name === 'string' && name !== '' ? kept.withSorted('title', name) : kept,
    nbformat: jsonNumber(4),
    nbformat_minor: jsonNumber(4),
  })
}

function cellOf(cell: JsonObject): Json {
  const type = cell.get('cell_type')
  const given = cell.get('metadata')
  const metadata = given instanceof JsonObject ? given : new JsonObject()
  if (type === 'code') return codeOf(cell, metadata)
  const source = joined(cell.get('source')) ?? ''
  const level = type === 'heading' ? '#'.repeat(Math.min(6, numberOf(cell.get('level')) ?? 1)) : undefined
  const text = level === undefined ? source : `${level} ${source.replaceAll('\n', ' ')}`
  return jsonObject({ cell_type: type === 'raw' ? 'raw' : 'markdown', metadata, source: splitLines(text) })
}

function codeOf(cell: JsonObject, metadata: JsonObject): Json {
  const collapsed = cell.get('collapsed') === true
  return jsonObject({
    cell_type: 'code',
    execution_count: countOf(cell.get('prompt_number')),
    metadata: collapsed ? metadata.withSorted('collapsed', true) : metadata,
    outputs: listOf(cell.get('outputs')).map(output => (output instanceof JsonObject ? outputOf(output) : output)),
    source: splitLines(joined(cell.get('input')) ?? ''),
  })
}

const mimeTypes: Record<string, string> = {
  text: 'text/plain',
  html: 'text/html',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpeg: 'image/jpeg',
  latex: 'text/latex',
  json: 'application/json',
  javascript: 'application/javascript',
}
const fields = ['output_type', 'metadata', 'prompt_number', 'stream', 'ename', 'evalue', 'traceback']

function outputOf(output: JsonObject): Json {
  const type = output.get('output_type')
  if (type === 'stream')
    return jsonObject({ name: output.get('stream') ?? 'stdout', output_type: 'stream', text: output.get('text') ?? '' })
  if (type === 'pyerr') {
    const [ename, evalue, traceback] = ['ename', 'evalue', 'traceback'].map(key => output.get(key))
    return jsonObject({ ename: ename ?? '', evalue: evalue ?? '', output_type: 'error', traceback: traceback ?? [] })
  }
  const data = new JsonObject(
    output.entries
      .filter(([key]) => !fields.includes(key))
      .map(([key, value]) => [Object.hasOwn(mimeTypes, key) ? mimeTypes[key]! : key, value]),
  )
  const metadata = output.get('metadata') ?? new JsonObject()
  if (type !== 'pyout') return jsonObject({ data, metadata, output_type: 'display_data' })
  return jsonObject({
    data,
    execution_count: countOf(output.get('prompt_number')),
    metadata,
    output_type: 'execute_result',
  })
}

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])
const numberOf = (value: Json | undefined): number | undefined =>
  typeof value === 'object' && value !== null && 'text' in value ? Number(value.text) || undefined : undefined
const countOf = (value: Json | undefined): Json => (numberOf(value) === undefined ? null : (value as Json))
