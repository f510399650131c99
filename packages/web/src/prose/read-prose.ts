/** Markdown as tokens, with formulas; what is to be seen of it is made elsewhere. Pure. */
import { isIntricate } from '@meshbook/core/notebook/intricate.ts'
import { Lexer, type MarkedOptions, type Token, type TokenizerExtension } from 'marked'
import { formulaAt } from './math-text.ts'

const formula: TokenizerExtension = {
  name: 'formula',
  level: 'inline',
  start: source => source.indexOf('$'),
  tokenizer(source) {
    const found = formulaAt(source)
    return found && { type: 'formula', raw: source.slice(0, found.length), tex: found.tex, display: found.display }
  },
}

const options: MarkedOptions = {
  async: false,
  breaks: false,
  gfm: true,
  pedantic: false,
  silent: false,
  extensions: {
    childTokens: {},
    renderers: {},
    inline: [formula.tokenizer],
    startInline: [formula.start!],
  },
}

/** Undefined for what would keep the page from doing anything else, or has no end for the reader (OU15). */
export function readProse(source: string): Token[] | undefined {
  if (isIntricate(source)) return undefined
  try {
    return new Lexer({ ...options }).lex(source)
  } catch (thrown) {
    // It nests deeper than the stack goes.
    if (thrown instanceof RangeError) return undefined
    throw thrown
  }
}

/** Headings of prose, for the outline. */
export function headingsOf(source: string): { level: number; text: string }[] {
  return (readProse(source) ?? []).flatMap(token =>
    token.type === 'heading' ? [{ level: token.depth as number, text: plain(token.text as string) }] : [],
  )
}

const plain = (text: string): string => text.replace(/[*_`~]|!?\[([^\]]*)\]\([^)]*\)/g, '$1').trim()

/** Whether it looks as if there were HTML in it; a comment draws nothing, and an address in brackets is Markdown. */
export const mayHoldHtml = (source: string): boolean => /<\/?[a-z][a-z\d-]*[\s/>]/i.test(source)
