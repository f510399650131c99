/**
 * What a run displayed, in the best form that needs no script: an image, a table, mathematics, text. The document holds
 * plain text for each display; here that gives way to the better form, in its place.
 */
import type { DisplayDatum, ExecutionEntry } from '@meshbook/core/executions.ts'
import { isAssetId } from '@meshbook/core/ids.ts'
import type { MimePart } from '@meshbook/core/run.ts'
import { codeHtml } from './code.ts'
import { escapeHtml } from './escape.ts'
import { mathHtml } from './math.ts'
import type { ProseWriter } from './prose.ts'

export interface Shown {
  html: string
  /** The display's own plain text, which the output holds too. */
  plain: string | undefined
  /** Assets that it shows. */
  assets: string[]
}

export interface DisplayContext {
  asset(id: string): string | undefined
  prose: ProseWriter
  /** Where an output whose script is what it shows has a page of its own (PB20); absent where there are no such pages. */
  program?: ((display: number, html: string) => string) | undefined
  /** What an image without words is called. */
  name: string
}

/** Displays of an entry that have a better form than text. Peers write entries, so their form is checked. */
export function displaysOf(entry: ExecutionEntry | undefined, context: DisplayContext): Shown[] {
  const own = Array.isArray(entry?.displayData) ? entry.displayData : []
  const all = [...own, ...(entry?.result ? [entry.result] : [])]
  return all.flatMap((display, n) => shownOf(display, n, context) ?? [])
}

function shownOf(display: Pick<DisplayDatum, 'parts'>, n: number, context: DisplayContext): Shown | undefined {
  const parts = Array.isArray(display?.parts) ? display.parts.filter(isPart) : []
  const text = parts.find(part => part.mimeType === 'text/plain')
  const plain = text?.at === 'inline' ? text.data.replace(/\n$/, '') : undefined
  const link = programLink(parts, n, context)
  for (const [type, draw] of forms) {
    for (const part of parts.filter(one => type.test(one.mimeType))) {
      const html = draw(part, context)
      if (html === undefined) continue
      const assets = part.at === 'asset' ? [part.asset] : []
      return { html: html.startsWith('<img') ? html : html + link, assets, plain }
    }
  }
  return link === '' ? undefined : { html: link, assets: [], plain }
}

/** Only of HTML with a script: all other HTML is on the page itself. */
function programLink(parts: readonly MimePart[], n: number, { program }: DisplayContext): string {
  const part = parts.find(({ mimeType }) => mimeType === 'text/html')
  if (!program || part?.at !== 'inline' || !/<script\b/i.test(part.data)) return ''
  return `<p class="full"><a href="${escapeHtml(program(n, part.data))}">Open the interactive figure</a></p>`
}

const isPart = (part: unknown): part is MimePart => {
  const { mimeType, at, data, asset } = (part ?? {}) as Record<string, unknown>
  return (
    typeof mimeType === 'string' && (at === 'inline' ? typeof data === 'string' : at === 'asset' && isAssetId(asset))
  )
}

type Draw = (part: MimePart, context: DisplayContext) => string | undefined

const forms: readonly (readonly [RegExp, Draw])[] = [
  [/^image\/(?:png|jpeg|gif|webp)$/, picture],
  [/^image\/svg\+xml$/, drawing],
  [/^text\/html$/, table],
  [/^text\/latex$/, formula],
  [/^text\/markdown$/, prose],
  [/^application\/json$/, tree],
]

function picture(part: MimePart, context: DisplayContext): string | undefined {
  if (part.at === 'asset') return imageOf(context.asset(part.asset), context)
  const data = part.data.replace(/[^A-Za-z0-9+/=]/g, '')
  return imageOf(`data:${part.mimeType};base64,${data}`, context)
}

/** As an image an SVG can neither run scripts nor load anything (S9). */
function drawing(part: MimePart, context: DisplayContext): string | undefined {
  if (part.at === 'asset') return imageOf(context.asset(part.asset), context)
  return imageOf(`data:image/svg+xml,${encodeURIComponent(part.data.toWellFormed())}`, context)
}

export function imageOf(source: string | undefined, { name }: Pick<DisplayContext, 'name'>): string | undefined {
  if (source === undefined) return undefined
  return `<img src="${escapeHtml(source)}" alt="${escapeHtml(name)}" loading="lazy">`
}

/** HTML that still says something without its scripts: a table, as data frames have it, or words. */
function table(part: MimePart, { prose: writer }: DisplayContext): string | undefined {
  if (part.at === 'asset') return undefined
  const html = writer.safeHtml(part.data)
  const says = /<(?:table|img)\b/.test(html) || html.replace(/<[^>]*>|&nbsp;|\s/g, '') !== ''
  return says ? `<div class="wide rich" tabindex="0" role="region" aria-label="Output">${html}</div>` : undefined
}

function formula(part: MimePart): string | undefined {
  if (part.at === 'asset') return undefined
  const tex = part.data
    .trim()
    .replace(/^\$\$?([\s\S]*?)\$\$?$/, '$1')
    .replace(/^\\\[([\s\S]*)\\\]$/, '$1')
  return `<div class="math" tabindex="0">${mathHtml(tex.trim(), true)}</div>`
}

function prose(part: MimePart, { prose: writer }: DisplayContext): string | undefined {
  return part.at === 'asset' ? undefined : `<div class="prose">${writer.outputHtml(part.data)}</div>`
}

function tree(part: MimePart): string | undefined {
  return part.at === 'asset'
    ? undefined
    : `<pre class="text" tabindex="0">${codeHtml(indented(part.data), 'json')}</pre>`
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return text
    throw thrown
  }
}
