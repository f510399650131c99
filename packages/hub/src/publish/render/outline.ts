/** The outline of a page: its headings as links, indented by level. */
import { escapeHtml } from './escape.ts'
import type { Heading } from './prose.ts'

const deepest = 3

/** A single heading needs no outline. The page's own title is not in it. */
export function outlineOf(headings: readonly Heading[]): Heading[] {
  const first = headings[0]
  const alone = first?.level === 1 && headings.filter(({ level }) => level === 1).length === 1
  const rest = (alone ? headings.slice(1) : headings).filter(({ text }) => text !== '')
  const top = Math.min(...rest.map(({ level }) => level))
  const shown = rest.map(one => ({ ...one, level: one.level - top + 1 })).filter(({ level }) => level <= deepest)
  return shown.length > 1 ? shown : []
}

export function outlineHtml(headings: readonly Heading[], place: 'aside' | 'top'): string {
  const items = headings.map(
    ({ level, text, id }) => `<li class="l${level}"><a href="#${id}">${escapeHtml(text)}</a></li>`,
  )
  const list = `<ul>${items.join('')}</ul>`
  if (place === 'aside') return `<nav class="outline aside" aria-label="Outline"><h2>On this page</h2>${list}</nav>\n`
  return `<details class="outline top"><summary>On this page</summary><nav aria-label="Outline, folded">${list}</nav></details>\n`
}
