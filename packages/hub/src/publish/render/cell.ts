/** One cell: its code, and what its own options say about showing it (Quarto's `echo`, `code-fold`; MyST's tags). */

import { commentOf } from '@meshbook/core/languages.ts'
import type { CellBlock } from '@meshbook/core/notebook/blocks.ts'
import { codeHtml } from './code.ts'
import { escapeHtml } from './escape.ts'
import { focusable } from './prose.ts'

export interface CellShown {
  code: 'shown' | 'folded' | 'hidden'
  output: boolean
}

export function shownOf({ options }: CellBlock): CellShown {
  const tags = (options.tags ?? '').split(/[\s,[\]"']+/)
  const off = (name: string): boolean => options[name] === 'false'
  if (off('include') || tags.includes('remove-cell')) return { code: 'hidden', output: false }
  return { code: codeShown(options, tags, off), output: !off('output') && !tags.includes('remove-output') }
}

function codeShown(options: Record<string, string>, tags: string[], off: (name: string) => boolean): CellShown['code'] {
  if (off('echo') || tags.includes('remove-input')) return 'hidden'
  return ['true', 'show'].includes(options['code-fold'] ?? '') || tags.includes('hide-input') ? 'folded' : 'shown'
}

export function cellHtml(cell: CellBlock, how: CellShown['code']): string {
  const code = withoutOptions(cell).replace(/\s+$/, '')
  if (how === 'hidden' || code === '') return ''
  const name = escapeHtml(cell.language)
  const pre = `<pre class="code"${focusable(code)} data-language="${name}"><code>${codeHtml(code, cell.language)}\n</code></pre>`
  if (how === 'shown') return `${pre}\n`
  const open = cell.options['code-fold'] === 'show' ? ' open' : ''
  return `<details class="folded"${open}><summary>${escapeHtml(cell.options['code-summary'] ?? 'Code')}</summary>${pre}</details>\n`
}

/** Quarto's `#|` lines are about the page, not part of it. */
function withoutOptions({ code, style, language }: CellBlock): string {
  if (style !== 'quarto') return code
  const mark = `${commentOf(language)}|`
  const lines = code.split('\n')
  const first = lines.findIndex(line => !line.startsWith(mark))
  return first < 0 ? '' : lines.slice(first).join('\n')
}
