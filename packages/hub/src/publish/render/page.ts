/** The HTML page around a rendered document: head, policy, title, outline, footer. */
import { createHash } from 'node:crypto'
import { escapeHtml } from './escape.ts'
import { outlineHtml } from './outline.ts'
import type { Heading } from './prose.ts'
import { style } from './style.ts'

export interface PageParts {
  title: string
  /** The document's own heading that says the title, finished. */
  heading: string | undefined
  language: string
  lead: string | undefined
  /** Who and when, as the author put it. */
  by: string | undefined
  /** A line at the end: where the page comes from. */
  note: string | undefined
  indexed: boolean
  outline: readonly Heading[]
  colours: string
  body: string
}

export interface RenderedPage {
  html: string
  /** Base64 of the SHA-256 of its style sheet, for a policy that lets only this one in. */
  styleHash: string
}

export function pageOf(parts: PageParts): RenderedPage {
  const css = parts.colours === '' ? style : `${style}\n${parts.colours}`
  const styleHash = createHash('sha256').update(css).digest('base64')
  return { html: htmlOf(parts, css, pagePolicy(styleHash)), styleHash }
}

/** Nothing runs and nothing is asked of another server, wherever the page is kept (PB3). */
export function pagePolicy(styleHash: string): string {
  return `default-src 'none'; img-src 'self' data:; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'`
}

function htmlOf(parts: PageParts, css: string, policy: string): string {
  const { title, language, lead, note, indexed, outline, body } = parts
  const robots = indexed ? '' : '<meta name="robots" content="noindex, nofollow">\n'
  const description = lead ? `<meta name="description" content="${escapeHtml(lead.slice(0, 300))}">\n` : ''
  const top = outline.length > 0 ? outlineHtml(outline, 'top') : ''
  const aside = outline.length > 0 ? outlineHtml(outline, 'aside') : ''
  const footer = note ? `<footer>${escapeHtml(note)}</footer>\n` : ''
  return `<!doctype html>
<html lang="${escapeHtml(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
${robots}${description}<title>${escapeHtml(title)}</title>
<style>${css}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
<div class="page${outline.length > 0 ? ' with-outline' : ''}">
<div>
${headerHtml(parts)}${top}<main id="content">
${body}</main>
${footer}</div>
${aside}</div>
</body>
</html>
`
}

function headerHtml({ title, heading, lead, by }: PageParts): string {
  const lines = [
    heading ?? `<h1>${escapeHtml(title)}</h1>`,
    lead ? `<p class="lead">${escapeHtml(lead)}</p>` : '',
    by ? `<p class="by">${escapeHtml(by)}</p>` : '',
  ]
  return `<header>\n${lines.filter(line => line !== '').join('\n')}\n</header>\n`
}
