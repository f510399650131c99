/** The output of one cell: text with colours, displays in their places, images, and an error folded below its line. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { isAssetId } from '@meshbook/core/ids.ts'
import type { OutputBlock } from '@meshbook/core/notebook/blocks.ts'
import type { ColourRules } from './colour-rules.ts'
import { type DisplayContext, displaysOf, imageOf, type Shown } from './displays.ts'
import { escapeHtml } from './escape.ts'
import { terminalHtml } from './terminal-text.ts'
import { failureOf } from './traceback.ts'

export interface OutputContext extends DisplayContext {
  rules: ColourRules
}

export function outputHtml(output: OutputBlock, entry: ExecutionEntry | undefined, context: OutputContext): string {
  const failure = failureOf(output.text, entry)
  const displays = displaysOf(entry, context)
  const shown = new Set(displays.flatMap(({ assets }) => assets))
  const images = output.images
    .filter(({ asset }) => !shown.has(asset))
    .map(({ asset, alt }) => pictureOf(context.asset(asset), alt, context))
  const error = failure ? failureHtml(failure.summary, failure.traceback, context) : ''
  const parts = [
    ...piecesOf(failure ? failure.before : output.text, displays, context),
    ...images,
    error,
    fullOutput(entry, context),
  ]
  const html = parts.filter(part => part !== '').join('\n')
  return html === '' ? '' : `<div class="output">\n${html}\n</div>\n`
}

function pictureOf(source: string | undefined, alt: string, { name }: OutputContext): string {
  const image = imageOf(source, { name: alt.trim() || name })
  return image
    ? `<p class="picture">${image}</p>`
    : `<p class="missing">An image that is not there: ${escapeHtml(alt || name)}</p>`
}

function piecesOf(text: string, displays: readonly Shown[], context: OutputContext): string[] {
  const pieces: string[] = []
  let at = 0
  for (const { html, plain } of displays) {
    const found = plain ? linesAt(text, plain, at) : undefined
    if (found) {
      pieces.push(textHtml(text.slice(at, found.from), context))
      at = found.to
    }
    pieces.push(html.startsWith('<img') ? `<p class="picture">${html}</p>` : html)
  }
  return [...pieces, textHtml(text.slice(at), context)]
}

/** Where `wanted` stands as whole lines at or after `at`. */
function linesAt(text: string, wanted: string, at: number): { from: number; to: number } | undefined {
  for (let from = text.indexOf(wanted, at); from >= 0; from = text.indexOf(wanted, from + 1)) {
    const to = from + wanted.length
    if ((from === 0 || text[from - 1] === '\n') && (to === text.length || text[to] === '\n'))
      return { from, to: Math.min(text.length, to + 1) }
  }
  return undefined
}

function textHtml(text: string, { rules }: OutputContext): string {
  const trimmed = text.replace(/^\n+|\s+$/g, '')
  if (trimmed === '') return ''
  return `<pre class="text"${scrolls(trimmed) ? ' tabindex="0"' : ''}>${terminalHtml(trimmed, rules)}</pre>`
}

/** Wider or higher than its box, so that it must be reached by keyboard. */
const scrolls = (text: string): boolean => /[^\n]{78}/.test(text) || text.split('\n', 31).length > 30

function failureHtml(summary: string, traceback: string, { rules }: OutputContext): string {
  const [name, ...rest] = summary.split(':')
  const line = `<strong>${escapeHtml(name!)}</strong>${rest.length > 0 ? `:${escapeHtml(rest.join(':'))}` : ''}`
  if (traceback.trim() === '' || traceback.trim() === summary) return `<p class="error">${line}</p>`
  return `<details class="error"><summary>${line}</summary><pre class="text" tabindex="0">${terminalHtml(traceback, rules)}</pre></details>`
}

function fullOutput(entry: ExecutionEntry | undefined, { asset }: OutputContext): string {
  const full = entry?.fullOutput
  const url = full && isAssetId(full.asset) ? asset(full.asset) : undefined
  return url === undefined || url.startsWith('data:')
    ? ''
    : `<p class="full"><a href="${escapeHtml(url)}">Full output</a></p>`
}
