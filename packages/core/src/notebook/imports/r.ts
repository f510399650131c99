/**
 * Imports of R code: `library(x)` and its like, and `pkg::name`. A tokenizer that knows comments, strings (raw ones too)
 * and names in backticks; what follows the opening bracket of such a call is read no further than its first argument.
 */
export type Token = { kind: 'name' | 'string' | 'mark'; text: string }

const token =
  /#[^\n\r]*|[rR](["'])(-*)([[({])|(["'])|`((?:\\.|[^`\\])*)`?|((?:[\p{L}_]|\.(?![\d]))[\p{L}\p{N}._]*)|\d[\w.]*|::?:?|[^\s]/guy
const spaces = /\s+/guy
const closers: Readonly<Record<string, string>> = { '[': ']', '(': ')', '{': '}' }

function* tokens(code: string): Generator<Token> {
  for (let at = 0; at < code.length; ) {
    spaces.lastIndex = at
    if (spaces.test(code)) at = spaces.lastIndex
    token.lastIndex = at
    const match = at < code.length ? token.exec(code) : null
    if (!match) return
    at = token.lastIndex
    const [text, rawQuote, dashes, rawOpen, quote, quoted, name] = match
    if (rawQuote !== undefined) {
      const end = `${closers[rawOpen!]}${dashes}${rawQuote}`
      const found = code.indexOf(end, at)
      const to = found < 0 ? code.length : found
      yield { kind: 'string', text: code.slice(at, to) }
      at = to + end.length
    } else if (quote !== undefined) {
      const to = endOfString(code, at, quote)
      yield { kind: 'string', text: code.slice(at, to) }
      at = to + 1
    } else if (quoted !== undefined || name !== undefined) yield { kind: 'name', text: quoted ?? name! }
    else if (!text.startsWith('#')) yield { kind: 'mark', text }
  }
}

/** Where the closing quote is; a backslash takes the next character's meaning. */
export function endOfString(code: string, from: number, quote: string): number {
  let at = from
  while (at < code.length && !code.startsWith(quote, at)) at += code[at] === '\\' ? 2 : 1
  return Math.min(at, code.length)
}

const attachers = new Set(['library', 'require', 'requireNamespace', 'loadNamespace'])
const packageName = /^[A-Za-z][A-Za-z0-9.]*$/

export function* rImports(code: string): Generator<string> {
  const all = [...tokens(code)]
  const isMark = (at: number, text: string): boolean => all[at]?.kind === 'mark' && all[at].text === text
  for (const [at, { kind, text }] of all.entries()) {
    if (kind === 'mark') continue
    if (isMark(at + 1, '::') || isMark(at + 1, ':::')) yield* named(text)
    const isCall = kind === 'name' && attachers.has(text) && isMark(at + 1, '(')
    if (!isCall || isMark(at - 1, '$') || isMark(at - 1, '@')) continue
    const argument = firstArgument(all.slice(at + 2, at + 2 + mostArguments))
    if (argument) yield* named(argument)
  }
}

/** Tokens of a call that are looked at. */
const mostArguments = 32

/** The package that a call names, by position or as `package =`; undefined if it is the value of a variable. */
function firstArgument(words: readonly Token[]): string | undefined {
  const end = words.findIndex(({ kind, text }) => kind === 'mark' && text === ')')
  const inside = words.slice(0, end < 0 ? words.length : end)
  const at = inside.findIndex(({ text }, index) => text === 'package' && inside[index + 1]?.text === '=')
  const argument = inside[at < 0 ? 0 : at + 2]
  const isNamedOther = at < 0 && inside[1]?.text === '='
  if (!argument || argument.kind === 'mark' || isNamedOther) return undefined
  const isVariable = argument.kind === 'name' && inside.some(({ text }) => text === 'character.only')
  const isExpression = !isEnd(inside[(at < 0 ? 0 : at + 2) + 1])
  return isVariable || isExpression ? undefined : argument.text
}

const isEnd = (word: Token | undefined): boolean => word === undefined || (word.kind === 'mark' && word.text === ',')

function named(text: string): string[] {
  return packageName.test(text) ? [text] : []
}
