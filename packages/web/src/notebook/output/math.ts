/**
 * TeX to HTML and MathML, by KaTeX. `trust` is off: no address, no style and no image of the formula reaches the page;
 * what macros expand to is capped. Copied formulas are their TeX again.
 */
import katex from 'katex'
import 'katex/contrib/copy-tex'

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
