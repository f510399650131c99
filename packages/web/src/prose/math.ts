/**
 * TeX to HTML and MathML, by KaTeX. `trust` is off: no address, no style and no image of the formula reaches the page;
 * what macros expand to is capped. Copied formulas are their TeX again.
 */
import katex from 'katex'
import 'katex/contrib/copy-tex'
import styleUrl from 'katex/dist/katex.min.css?url'

const mostChars = 20_000
const mostExpansions = 500
const mostEms = 30

/** Undefined where it is no formula that KaTeX reads. */
export function typeset(tex: string, display: boolean): string | undefined {
  if (tex.length > mostChars) return undefined
  try {
    return katex.renderToString(tex, {
      displayMode: display,
      throwOnError: true,
      trust: false,
      strict: 'ignore',
      maxExpand: mostExpansions,
      maxSize: mostEms,
      output: 'htmlAndMathml',
    })
  } catch {
    return undefined
  }
}

/** The look of formulas, which is of no use without them. */
export function addStyle(): Promise<void> {
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = styleUrl
  return new Promise((resolve, reject) => {
    link.addEventListener('load', () => resolve())
    link.addEventListener('error', () => {
      link.remove()
      reject(new Error('the look of formulas could not be loaded'))
    })
    document.head.append(link)
  })
}
