/** LaTeX of an output: a formula where it is one, else its source (OU6). */
import { useEffect, useState } from 'preact/hooks'
import { formulaOf } from '../../prose/math-text.ts'
import { loadMath, typesetter } from '../../prose/math-when-needed.ts'
import { OutputText } from '../output-text.tsx'

export function LatexView({ source }: { source: string }) {
  const formula = formulaOf(source)
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    if (formula) loadMath().catch(() => setFailed(true))
  }, [formula === undefined])
  const typeset = typesetter.value?.typeset
  const html = formula && typeset?.(formula.tex, formula.display)
  if (!formula || failed || (typeset && html === undefined)) return <OutputText text={source} />
  if (html === undefined) return <p class="output-loading">Loading…</p>
  return (
    // biome-ignore lint/a11y/useSemanticElements lint/a11y/noNoninteractiveTabindex: it scrolls; a fieldset is for forms
    <div class="formula" tabIndex={0} role="group" aria-label="Formula">
      {/* KaTeX made this HTML, of text alone. */}
      <span dangerouslySetInnerHTML={{ __html: html }} />
    </div>
  )
}
