/** TeX to MathML, which browsers draw without a script or a font; and where Markdown has TeX. */
import { limits } from '@meshbook/core/limits.ts'
import katex from 'katex'
import type { TokenizerAndRendererExtension, Tokens } from 'marked'
import { escapeHtml } from './escape.ts'

/** What cannot be drawn is shown as it was written. */
export function mathHtml(tex: string, displayMode: boolean): string {
  const source = `<code class="tex">${escapeHtml(displayMode ? `$$${tex}$$` : `$${tex}$`)}</code>`
  if (tex.length > limits.mathBytes) return source
  try {
    const html = katex.renderToString(tex, {
      displayMode,
      output: 'mathml',
      strict: 'ignore',
      trust: false,
      throwOnError: true,
      maxExpand: limits.mathExpansions,
      maxSize: 40,
    })
    return html.replace(/ style="[^"]*"/g, '')
  } catch (thrown) {
    if (thrown instanceof katex.ParseError || thrown instanceof RangeError) return source
    throw thrown
  }
}

interface MathToken extends Tokens.Generic {
  tex: string
}

/** `$…$` within a line, by Pandoc's rule: no space inside the dollars, no digit after them, so that prices stay text. */
const inline = /^\$(?![\s$])((?:\\[\s\S]|[^\\$\n]){1,2000}?)(?<![\s\\])\$(?!\d)/
const display = /^\$\$((?:\\[\s\S]|[^\\$]){1,10000}?)\$\$/
const block = /^ {0,3}\$\$((?:\\[\s\S]|[^\\$]){1,10000}?)\$\$[ \t]*(?:\n|$)/

/** `put` is given the finished HTML and returns what stands for it until the rest has been sanitised. */
export function mathExtensions(put: (html: string) => string): TokenizerAndRendererExtension[] {
  const renderer = (token: Tokens.Generic): string => {
    const { tex, type } = token as MathToken
    if (type === 'math') return put(mathHtml(tex, false))
    return put(`<div class="math" tabindex="0">${mathHtml(tex, true)}</div>`)
  }
  return [
    {
      name: 'mathBlock',
      level: 'block',
      start: source => indexOf(source, '$$'),
      tokenizer: source => tokenOf('mathBlock', block.exec(source)),
      renderer,
    },
    {
      name: 'math',
      level: 'inline',
      start: source => indexOf(source, '$'),
      tokenizer: source => tokenOf('math', display.exec(source) ?? inline.exec(source)),
      renderer,
    },
  ]
}

const tokenOf = (type: string, match: RegExpExecArray | null): MathToken | undefined =>
  match ? { type, raw: match[0], tex: match[1]!.trim() } : undefined

function indexOf(source: string, mark: string): number | undefined {
  const at = source.indexOf(mark)
  return at < 0 ? undefined : at
}
