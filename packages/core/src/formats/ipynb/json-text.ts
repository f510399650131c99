/**
 * JSON that keeps what JavaScript's own loses: the text of numbers (`1.0`, `1e400`, forty digits, Python's `NaN`), the
 * order of keys, keys that stand twice and the key `__proto__`. Writes it as Python's and JavaScript's writers do.
 */
import { MeshError } from '../../errors.ts'
import { limits } from '../../limits.ts'

export type Json = string | boolean | null | JsonNumber | Json[] | JsonObject

/** A number as it was written. */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export class JsonObject {
  readonly entries: readonly (readonly [string, Json])[]

  constructor(entries: readonly (readonly [string, Json])[] = []) {
    this.entries = entries
  }

  /** As JSON readers do, the last one counts where a key stands twice. */
  get(key: string): Json | undefined {
    return this.entries.findLast(([name]) => name === key)?.[1]
  }

  get keys(): string[] {
    return this.entries.map(([key]) => key)
  }

  without(...keys: string[]): JsonObject {
    return new JsonObject(this.entries.filter(([key]) => !keys.includes(key)))
  }

  /** In its place among sorted keys where all are sorted, else at the end. */
  withSorted(key: string, value: Json): JsonObject {
    const at = isSorted(this.keys) ? this.entries.findIndex(([name]) => name > key) : -1
    const entry = [key, value] as const
    return new JsonObject(at < 0 ? [...this.entries, entry] : this.entries.toSpliced(at, 0, entry))
  }
}

export function isSorted(keys: readonly string[]): boolean {
  return keys.every((key, i) => i === 0 || keys[i - 1]! <= key)
}

/** Entries whose value is undefined are left out. */
export function jsonObject(fields: Record<string, Json | undefined>): JsonObject {
  return new JsonObject(Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined))
}

export function jsonNumber(value: number): JsonNumber {
  return new JsonNumber(String(value))
}

export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a instanceof JsonNumber) return b instanceof JsonNumber && a.text === b.text
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]))
  if (!(a instanceof JsonObject)) return a === b
  if (!(b instanceof JsonObject) || a.entries.length !== b.entries.length) return false
  return a.entries.every(([key, value], i) => key === b.entries[i]![0] && sameJson(value, b.entries[i]![1]))
}

/** Throws BAD_FORMAT with line, column and the path of the value that cannot be read. */
export function parseJson(text: string): Json {
  return new JsonReader(text).whole()
}

const space = /[ \t\n\r]*/y
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|-?Infinity/y
const word = /true|false|null/y
const words = { true: true, false: false, null: null } as const

class JsonReader {
  readonly #text: string
  readonly #path: (string | number)[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): Json {
    const value = this.#value()
    if (this.#at < this.#text.length) throw this.#error('the text goes on after the value')
    return value
  }

  #value(): Json {
    if (this.#path.length > limits.formatDepth) throw this.#error(`nested deeper than ${limits.formatDepth} levels`)
    this.#take(space)
    const next = this.#text[this.#at]
    const value = next === '{' ? this.#object() : next === '[' ? this.#array() : this.#plain(next)
    this.#take(space)
    return value
  }

  #plain(next: string | undefined): Json {
    if (next === '"') return this.#string()
    const found = this.#take(word)
    if (found) return words[found as keyof typeof words]
    const digits = this.#take(number)
    if (digits) return new JsonNumber(digits)
    throw this.#error(next === undefined ? 'the text ends too early' : `${JSON.stringify(next)} is not expected here`)
  }

  #object(): JsonObject {
    const entries: [string, Json][] = []
    this.#at++
    this.#take(space)
    if (this.#text[this.#at] === '}') return this.#closed(new JsonObject())
    for (;;) {
      this.#take(space)
      if (this.#text[this.#at] !== '"') throw this.#error('a key in double quotes is expected')
      const key = this.#string()
      this.#take(space)
      this.#expect(':')
      this.#path.push(key)
      entries.push([key, this.#value()])
      this.#path.pop()
      if (this.#text[this.#at] === '}') return this.#closed(new JsonObject(entries))
      this.#expect(',')
    }
  }

  #array(): Json[] {
    const items: Json[] = []
    this.#at++
    this.#take(space)
    if (this.#text[this.#at] === ']') return this.#closed(items)
    for (;;) {
      this.#path.push(items.length)
      items.push(this.#value())
      this.#path.pop()
      if (this.#text[this.#at] === ']') return this.#closed(items)
      this.#expect(',')
    }
  }

  #closed<T>(value: T): T {
    this.#at++
    return value
  }

  #string(): string {
    let end = this.#at + 1
    for (; this.#text[end] !== '"'; end++) {
      if (end >= this.#text.length) throw this.#error('a string is not closed')
      if (this.#text[end] === '\\') end++
    }
    try {
      const value = JSON.parse(this.#text.slice(this.#at, end + 1)) as string
      this.#at = end + 1
      return value
    } catch (cause) {
      throw this.#error('a string holds an escape or a control character that is not allowed', cause)
    }
  }

  #expect(mark: string): void {
    if (this.#text[this.#at] !== mark) throw this.#error(`${JSON.stringify(mark)} is expected`)
    this.#at++
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += found.length
    return found
  }

  #error(what: string, cause?: unknown): MeshError {
    const before = this.#text.slice(0, this.#at).split('\n')
    const where = `line ${before.length}, column ${before.at(-1)!.length + 1}`
    const path = this.#path.length > 0 ? ` (in ${pathText(this.#path)})` : ''
    return new MeshError('BAD_FORMAT', { detail: `${where}${path}: ${what}`, cause })
  }
}

/** `cells[3].outputs[0].data` */
export function pathText(path: readonly (string | number)[]): string {
  const shown = path.length > 8 ? [...path.slice(0, 8), '…'] : path
  return shown
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${part.slice(0, 40)}`))
    .join('')
}

/** How a file of JSON is laid out; as Jupyter does it unless something else is said. */
export interface JsonLayout {
  /** What one level is indented by; null: all on one line without spaces. */
  indent: string | null
  /** What follows the value. */
  end: string
  /** Everything but ASCII is escaped. */
  ascii: boolean
  crlf: boolean
}

export const jupyterLayout: JsonLayout = { indent: ' ', end: '\n', ascii: false, crlf: false }

/** The layout that a text seems to have; whether it has it is told by writing it. */
export function layoutOf(text: string): JsonLayout {
  const crlf = /^\{\r\n/.test(text)
  return {
    indent: /^\{\r?\n([ \t]{1,8})/.exec(text)?.[1] ?? null,
    end: (/[}\]]([ \t\r\n]{0,8})$/.exec(text)?.[1] ?? '').replaceAll('\r\n', '\n'),
    ascii: !/[^\x00-\x7f]/.test(text) && /\\u00[89a-f]|\\u0[1-9a-f]|\\u[1-9a-f]/i.test(text),
    crlf,
  }
}

export function writeJson(value: Json, layout: JsonLayout): string {
  const { indent } = layout
  const written = layOut(value, { string: quoted, indent, colon: indent === null ? ':' : ': ', comma: ',' }, '\n')
  const text = layout.ascii ? written.replace(/[\u007f-\uffff]/g, escaped) : written
  return `${layout.crlf ? text.replaceAll('\n', '\r\n') : text}${layout.crlf ? layout.end.replaceAll('\n', '\r\n') : layout.end}`
}

/** On one line, with no character that could end a fence's line, a comment or a line of YAML. */
export function inlineJson(value: Json): string {
  const string = (text: string) => quoted(text).replace(/[`>\u007f-\u009f\u2028\u2029\ufeff]/g, escaped)
  return layOut(value, { string, indent: null, colon: ': ', comma: ', ' }, '')
}

interface Marks {
  string(text: string): string
  indent: string | null
  colon: string
  comma: string
}

/** In pieces that are joined once: a text that is joined at each level is copied as often as it is deep. */
function layOut(value: Json, marks: Marks, line: string): string {
  const pieces: string[] = []
  lay(value, marks, line, pieces)
  return pieces.join('')
}

function lay(value: Json, marks: Marks, line: string, pieces: string[]): void {
  if (typeof value === 'string') pieces.push(marks.string(value))
  else if (value instanceof JsonNumber) pieces.push(value.text)
  else if (value === null || typeof value === 'boolean') pieces.push(String(value))
  else layItems(value, marks, line, pieces)
}

function layItems(value: readonly Json[] | JsonObject, marks: Marks, line: string, pieces: string[]): void {
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  const inner = marks.indent === null ? '' : `${line}${marks.indent}`
  const before = pieces.push(open)
  const next = (): void => void pieces.push(pieces.length === before ? inner : `${marks.comma}${inner}`)
  if (value instanceof JsonObject)
    for (const [key, item] of value.entries) {
      next()
      pieces.push(`${marks.string(key)}${marks.colon}`)
      lay(item, marks, inner, pieces)
    }
  else
    for (const item of value) {
      next()
      lay(item, marks, inner, pieces)
    }
  pieces.push(pieces.length === before || marks.indent === null ? close : `${line}${close}`)
}

const quoted = (text: string): string => JSON.stringify(text)
const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
