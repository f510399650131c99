/** What the thread that makes pages is asked and answers, and the work itself, which runs on either side of a thread. */
import { type ExecutionEntry, sharedNames } from '@meshbook/core/executions.ts'
import { importedEntries, keptOutputs } from '@meshbook/core/formats/imported-entries.ts'
import { withoutOutputs } from '@meshbook/core/formats/without-outputs.ts'
import { type AssetId, assetsIn, type RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import * as Y from 'yjs'
import { type RenderSource, renderPage, renderPlain } from './render/render-notebook.ts'

/** A document's log, or the text of a version with what its runs displayed (JSON). */
export type PageContent = { pieces: readonly Uint8Array[] } | { text: string; entries: string | null }

export interface PageSettings {
  title: string
  note?: string
  indexed?: boolean
  /** Where they are found, the id between; but for those that are nowhere. */
  assets: { before: string; after: string; absent?: readonly AssetId[] }
  /** What imported outputs hold beside the text, as far as it is known (FM25). */
  kept?: ReadonlyMap<AssetId, Uint8Array>
  /** For somebody's own use: without outputs, or a text of any length. */
  withoutOutputs?: boolean
  whole?: boolean
}

export type RenderJob =
  | { kind: 'page'; content: PageContent; settings: PageSettings }
  | { kind: 'plain'; content: PageContent; settings: PageSettings }
  | { kind: 'entries'; pieces: readonly Uint8Array[]; text: string }

export interface MadePage {
  html: string
  styleHash: string
  /** That the page names. */
  assets: AssetId[]
  /** Outputs that it would show and that `kept` does not have. */
  wanted: AssetId[]
  /** HTML of the outputs that have a page of their own, by what their address says. */
  programs: Map<string, string>
  /** How long it took. */
  tookMs: number
}
export interface KeptEntries {
  entries: string
  assets: AssetId[]
}
export type JobResult = MadePage | KeptEntries

export function doJob(job: RenderJob): JobResult {
  if (job.kind === 'entries') return entriesJob(job.pieces, job.text)
  const started = performance.now()
  const { settings } = job
  const content = read(job.content)
  const text = settings.withoutOutputs ? withoutOutputs(content.text) : content.text
  const asked = new Set<AssetId>()
  const { before, after, absent = [] } = settings.assets
  const asset = (id: AssetId): string | undefined => {
    if (absent.includes(id)) return undefined
    asked.add(id)
    return `${before}${id}${after}`
  }
  const kept = settings.kept ?? new Map<AssetId, Uint8Array>()
  const imported = importedEntries(text, kept)
  const entry: EntryOf = run => imported.get(run) ?? content.entry(run)
  const programs = new Map<string, string>()
  const program = (run: RunId, display: number, html: string): string => {
    const name = `${run}.${display}`
    programs.set(name, html)
    return `?output=${encodeURIComponent(name)}`
  }
  // A file of somebody's own has no pages beside it.
  const beside = settings.whole ? {} : { program }
  const source: RenderSource = { ...settings, ...beside, text, asset, entry, outline: true }
  const isPlain = job.kind === 'plain' || text.length > limits.publishedTextBytes
  const shown = settings.whole ? text : text.slice(0, limits.publishedTextBytes)
  const page = isPlain ? renderPlain({ ...source, text: shown }) : renderPage(source)
  const wanted = isPlain ? [] : keptOutputs(text).filter(id => !kept.has(id))
  return { ...page, assets: [...asked], wanted, programs, tookMs: performance.now() - started }
}

type EntryOf = (run: RunId) => ExecutionEntry | undefined

function read(content: PageContent): { text: string; entry: EntryOf } {
  if ('text' in content) {
    const kept = new Map(Object.entries(JSON.parse(content.entries ?? '{}') as Record<string, ExecutionEntry>))
    return { text: content.text, entry: run => kept.get(run) }
  }
  const doc = docOf(content.pieces)
  return { text: doc.getText(sharedNames.content).toString(), entry: entriesIn(doc) }
}

function docOf(pieces: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  doc.transact(() => {
    for (const piece of pieces) Y.applyUpdate(doc, piece)
  })
  return doc
}

function entriesIn(doc: Y.Doc): EntryOf {
  const map = doc.getMap(sharedNames.executions)
  return run => {
    const value = map.get(run)
    const entry: unknown = value instanceof Y.Map ? value.toJSON() : value
    return typeof entry === 'object' && entry !== null ? (entry as ExecutionEntry) : undefined
  }
}

/** Of what the document knows of the runs in a text, that which a page shows; as much of it as there is room for. */
function entriesJob(pieces: readonly Uint8Array[], text: string): KeptEntries {
  const entry = entriesIn(docOf(pieces))
  const kept: [string, string][] = []
  let left = limits.publishedEntriesBytes
  for (const block of parseNotebook(text).blocks) {
    const json = block.kind === 'output' ? shownOf(entry(block.runId)) : undefined
    if (json === undefined || block.kind !== 'output' || json.length > left) continue
    left -= json.length
    kept.push([block.runId, json])
  }
  const entries = `{${kept.map(([run, json]) => `${JSON.stringify(run)}:${json}`).join(',')}}`
  return { entries, assets: assetsIn(entries) }
}

function shownOf(entry: ExecutionEntry | undefined): string | undefined {
  if (!entry) return undefined
  const { status, error, result, displayData, fullOutput } = entry
  return JSON.stringify({ status, error, result, displayData, fullOutput })
}
