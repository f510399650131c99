/** A formula of prose: its TeX until the typesetter is here, or where that cannot be had, or cannot read it (OU6). */
import { h } from 'preact'
import { useEffect } from 'preact/hooks'
import { loadMath, typesetter } from './math-when-needed.ts'

export function FormulaView({ tex, display }: { tex: string; display: boolean }) {
  useEffect(() => void loadMath().catch(() => undefined), [])
  const html = typesetter.value?.typeset(tex, display)
  if (html === undefined) return h('code', { 'data-formula': display ? 'block' : 'inline' }, tex)
  // KaTeX made this HTML, of text alone.
  return h('span', { class: display ? 'formula-block' : 'formula-inline', dangerouslySetInnerHTML: { __html: html } })
}
