/**
 * A notebook as one page of HTML that needs no script to be read (PB1–PB6). Pure: what a document names besides itself,
 * images and what its runs displayed, is given by the caller. Used for published pages and for export.
 */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import type { AssetId, RunId } from '@meshbook/core/ids.ts'
import { isAssetId } from '@meshbook/core/ids.ts'
import type { CellBlock, Notebook, OutputBlock } from '@meshbook/core/notebook/blocks.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { cellHtml, shownOf } from './cell.ts'
import { ColourRules } from './colour-rules.ts'
import { escapeHtml } from './escape.ts'
import { outlineOf } from './outline.ts'
import { outputHtml } from './output.ts'
import { pageOf, type RenderedPage } from './page.ts'
import { ProseWriter } from './prose.ts'

export interface RenderSource {
  text: string
  /** Of a document that has none: its front matter and its first heading go before. */
  title: string
  /** Where an asset is to be had: an address, or a `data:` URL; undefined where it is not. */
  asset(id: AssetId): string | undefined
  /** What is known of a run beside its text: what it displayed, and its error. */
  entry?(run: RunId): ExecutionEntry | undefined
  /** Where an output that is a program has a page of its own. */
  program?(run: RunId, display: number, html: string): string
  outline: boolean
  /** A line at the end of the page. */
  note?: string
  /** Whether search engines may list it. */
  indexed?: boolean
}

export const renderNotebook = (source: RenderSource): string => renderPage(source).html

export function renderPage(source: RenderSource): RenderedPage {
  const notebook = parseNotebook(source.text)
  const prose = new ProseWriter(source.asset)
  const rules = new ColourRules()
  const body = bodyOf(source, notebook, prose, rules)
  const { frontMatter } = notebook
  const own = prose.headings[0]?.level === 1 ? /^\s*(<h1 id="[^"]*">[\s\S]*?<\/h1>)\n?/.exec(body) : null
  const heading = own ? prose.headings[0]!.text : undefined
  const title = frontMatter?.title ?? heading ?? source.title
  const moved = heading === title
  return pageOf({
    title,
    heading: moved ? own![1] : undefined,
    language: frontMatter?.lang ?? 'en',
    lead: frontMatter?.description,
    by: [frontMatter?.authors?.join(', '), frontMatter?.date].filter(Boolean).join(' · ') || undefined,
    note: source.note,
    indexed: source.indexed ?? false,
    outline: source.outline ? outlineOf(prose.headings) : [],
    colours: rules.css(),
    body: moved ? body.slice(own![0].length) : body,
  })
}

/** The text as it is, for a document that could not be rendered in time. */
export function renderPlain({ text, title, note, indexed }: Omit<RenderSource, 'asset' | 'outline'>): RenderedPage {
  return pageOf({
    title,
    heading: undefined,
    language: 'en',
    lead: undefined,
    by: undefined,
    note,
    indexed: indexed ?? false,
    outline: [],
    colours: '',
    body: `<pre class="code" tabindex="0"><code>${escapeHtml(text)}\n</code></pre>\n`,
  })
}

function bodyOf(source: RenderSource, { blocks }: Notebook, prose: ProseWriter, rules: ColourRules): string {
  const html: string[] = []
  let shownTo = 0
  for (const block of blocks) {
    if (block.to <= shownTo || block.kind === 'front-matter') continue
    if (block.kind === 'prose') html.push(prose.html(source.text.slice(block.from, block.to)))
    else if (block.kind === 'output') html.push(cellElement(outputIn(source, block, 'Output', prose, rules)))
    else {
      shownTo = block.outputsTo
      const own = blocks.filter(one => one.kind === 'output' && one.from >= block.to && one.from < block.outputsTo)
      html.push(cellIn(source, block, own as OutputBlock[], prose, rules))
    }
  }
  return html.join('')
}

function cellIn(
  source: RenderSource,
  cell: CellBlock,
  outputs: readonly OutputBlock[],
  prose: ProseWriter,
  rules: ColourRules,
): string {
  const shown = shownOf(cell)
  const name = `Output of cell ${cell.index + 1}`
  const output = shown.output ? outputs.map(one => outputIn(source, one, name, prose, rules)).join('') : ''
  return cellElement(cellHtml(cell, shown.code) + output)
}

const cellElement = (html: string): string => (html === '' ? '' : `<div class="cell">\n${html}</div>\n`)

function outputIn(source: RenderSource, block: OutputBlock, name: string, prose: ProseWriter, rules: ColourRules) {
  const asset = (id: string): string | undefined => (isAssetId(id) ? source.asset(id) : undefined)
  const program = source.program && ((n: number, html: string) => source.program!(block.runId, n, html))
  return outputHtml(block, source.entry?.(block.runId), { asset, prose, rules, name, program })
}
