/**
 * Texts with `${{ … }}`. One that is a whole expression keeps the type of its value; in others values become text. Secrets
 * are never values: where they are allowed, a text becomes parts, some of which are names of secrets.
 */
import { type Expression, ExpressionError, type Names, parseExpression } from './expression.ts'
import type { Json } from './workflow-schema.ts'

export type Part = { text: string } | { expression: Expression; at: number } | { secret: Secret }
/** By its name, or by that of an input of type secret, whose value is the name. */
export type Secret = { name: string } | { input: string }
/** A text of which parts are secrets: only whoever sends it looks them up. */
export type SecretText = ({ text: string } | { secret: string })[]

export interface TemplateOptions {
  /** Names of inputs of type secret. */
  secretInputs: ReadonlySet<string>
  /** Whether secrets may stand here. */
  takesSecrets: boolean
}

const plain: TemplateOptions = { secretInputs: new Set(), takesSecrets: false }

/** Throws an `ExpressionError` whose `at` counts from the beginning of the text. */
export function parseTemplate(text: string, options: TemplateOptions = plain): Part[] {
  const parts: Part[] = []
  let from = 0
  while (from < text.length) {
    const open = text.indexOf('${{', from)
    if (open < 0) break
    if (open > from) parts.push({ text: text.slice(from, open) })
    const close = endOfExpression(text, open + 3)
    if (close < 0) throw new ExpressionError('"${{" has no "}}"', open)
    parts.push(partOf(text.slice(open + 3, close), open + 3, options))
    from = close + 2
  }
  if (from < text.length || parts.length === 0) parts.push({ text: text.slice(from) })
  return parts
}

/** Of the `}}` that closes it: one inside of a quoted text, or that ends a map, does not. */
function endOfExpression(text: string, from: number): number {
  let quote = ''
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const char = text[at]!
    if (quote) {
      if (char === '\\') at++
      else if (char === quote) quote = ''
    } else if (char === '"' || char === "'") quote = char
    else if (char === '{') depth++
    else if (char === '}' && depth > 0) depth--
    else if (char === '}' && text[at + 1] === '}') return at
  }
  return -1
}

function partOf(text: string, at: number, options: TemplateOptions): Part {
  const secret = secretOf(text.trim(), options)
  if (secret) {
    if (options.takesSecrets) return { secret }
    throw new ExpressionError('a secret may stand only in headers of http, where nothing stores it', at)
  }
  const expression = shifted(at, () => parseExpression(text))
  for (const { root, name } of expression.references)
    if (root === 'secrets' || (root === 'inputs' && name !== undefined && options.secretInputs.has(name)))
      throw new ExpressionError('a secret must stand by itself, as in ${{ secrets.NAME }}', at)
  return { expression, at }
}

function secretOf(text: string, { secretInputs }: TemplateOptions): Secret | undefined {
  const [, root, name] = /^(secrets|inputs)\.([A-Za-z_]\w*)$/.exec(text) ?? []
  if (root === 'secrets') return { name: name! }
  return root === 'inputs' && secretInputs.has(name!) ? { input: name! } : undefined
}

function shifted<T>(by: number, act: () => T): T {
  try {
    return act()
  } catch (thrown) {
    if (thrown instanceof ExpressionError) throw new ExpressionError(thrown.message, thrown.at + by)
    throw thrown
  }
}

/** CEL alone, with or without `${{ }}` around all of it. */
export function bareExpression(text: string): string {
  const [, inside] = /^\s*\$\{\{([\s\S]*)\}\}\s*$/.exec(text) ?? []
  return inside ?? text
}

const known = new Map<string, Part[]>()
const knownTexts = 2_000

function partsOf(text: string): Part[] {
  const parts = known.get(text) ?? parseTemplate(text, { ...plain, takesSecrets: true })
  if (known.size >= knownTexts) known.clear()
  known.set(text, parts)
  return parts
}

export function evaluate(text: string, names: Names): Json {
  const key = `= ${text}`
  const parts = known.get(key) ?? [{ expression: parseExpression(bareExpression(text)), at: 0 }]
  if (known.size >= knownTexts) known.clear()
  known.set(key, parts)
  const [part] = parts
  return part && 'expression' in part ? part.expression.evaluate(names) : null
}

export function render(text: string, names: Names): Json {
  const parts = partsOf(text)
  const [only] = parts
  if (parts.length === 1 && only && 'expression' in only) return only.expression.evaluate(names)
  return parts.map(part => textOf(part, names)).join('')
}

function textOf(part: Part, names: Names): string {
  if ('text' in part) return part.text
  if ('secret' in part) throw new ExpressionError('a secret cannot stand here')
  return asText(part.expression.evaluate(names))
}

export function asText(value: Json): string {
  return typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value)
}

/** All texts of a value rendered, however deep. */
export function renderAll(value: Json, names: Names): Json {
  if (typeof value === 'string') return render(value, names)
  if (Array.isArray(value)) return value.map(one => renderAll(one, names))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, renderAll(one, names)]))
}

/** A text in which secrets stay names. */
export function renderSecretText(text: string, names: Names, secretInputs: ReadonlySet<string>): SecretText {
  return parseTemplate(text, { secretInputs, takesSecrets: true }).map(part => {
    if (!('secret' in part)) return { text: textOf(part, names) }
    const { secret } = part
    return { secret: 'name' in secret ? secret.name : String(names.inputs[secret.input] ?? '') }
  })
}
