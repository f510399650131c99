/** Completion, documentation and variables of the user's program. Nothing here calls the user's code. */
import { inspect } from 'node:util'
import type { Evaluator } from './evaluator.ts'
import type { Order } from './program.ts'

const itemsShown = 200
const previewUnits = 200
const keywords = [
  'async',
  'await',
  'break',
  'case',
  'catch',
  'class',
  'const',
  'continue',
  'default',
  'delete',
  'do',
  'else',
  'export',
  'extends',
  'finally',
  'for',
  'function',
  'if',
  'import',
  'in',
  'instanceof',
  'let',
  'new',
  'return',
  'static',
  'super',
  'switch',
  'this',
  'throw',
  'try',
  'typeof',
  'var',
  'while',
  'yield',
]

interface Item {
  label: string
  kind?: string
}

export class Questions {
  #evaluator: Evaluator
  #initial = new Set(Object.getOwnPropertyNames(globalThis))

  constructor(evaluator: Evaluator) {
    this.#evaluator = evaluator
  }

  answer(question: Order & { type: 'question' }): unknown {
    if (question.ask === 'complete') return this.#complete(question.code, question.cursor)
    if (question.ask === 'inspect') return this.#inspect(question.code, question.cursor)
    return this.#variables()
  }

  #complete(code: string, cursor: number) {
    const [, owner, prefix] = /((?:[\w$]+\s*\??\.\s*)*)([\w$]*)$/.exec(code.slice(0, cursor))!
    const found = owner ? this.#members(owner) : this.#names()
    const items = found.filter(item => item.label.startsWith(prefix!)).slice(0, itemsShown)
    return { from: cursor - prefix!.length, to: cursor, items }
  }

  #names(): Item[] {
    const global = Object.getOwnPropertyNames(globalThis).filter(name => !name.startsWith('__'))
    const all = [...this.#evaluator.lexicalNames(), ...global].sort().map(label => ({ label, kind: 'variable' }))
    return [...all, ...keywords.map(label => ({ label, kind: 'keyword' }))]
  }

  #members(owner: string): Item[] {
    const value = this.#evaluator.peek(owner.replace(/\s*\??\.\s*$/, ''))
    const names = new Set<string>()
    if (value === undefined || value === null) return []
    for (
      let object: unknown = Object(value);
      object && object !== Object.prototype;
      object = Object.getPrototypeOf(object)
    ) {
      for (const name of Object.getOwnPropertyNames(object)) if (/^[A-Za-z_$][\w$]*$/.test(name)) names.add(name)
    }
    return [...names].sort().map(label => ({ label, kind: kindOf(value, label) }))
  }

  #inspect(code: string, cursor: number) {
    const before = code.slice(0, cursor)
    const path = /([\w$.]+)\s*\([^()]*$/.exec(before)?.[1]
    const here = `${/[\w$.]*$/.exec(before)![0]}${/^[\w$]*/.exec(code.slice(cursor))![0]}` || path
    const value = here ? this.#evaluator.peek(here) : undefined
    if (value === undefined) return { found: false, text: '' }
    const text =
      typeof value === 'function' ? String(value).slice(0, 5000) : inspect(value, { depth: 1 }).slice(0, 5000)
    return { found: true, text: `${here}: ${typeOf(value)}\n\n${text}` }
  }

  #variables() {
    const global = Object.getOwnPropertyNames(globalThis).filter(
      name => !this.#initial.has(name) && !name.startsWith('__meshbook'),
    )
    const names = [...new Set([...this.#evaluator.lexicalNames(), ...global])].sort()
    return { items: names.slice(0, itemsShown).map(name => this.#variable(name)), truncated: names.length > itemsShown }
  }

  #variable(name: string) {
    const value = this.#evaluator.peek(name)
    const preview = inspect(value, {
      depth: 1,
      maxArrayLength: 10,
      maxStringLength: previewUnits,
      getters: false,
      customInspect: false,
      breakLength: Infinity,
    })
    const size = sizeOf(value)
    return {
      name: name.slice(0, 200),
      type: typeOf(value),
      ...(size === undefined ? {} : { size }),
      preview: preview.slice(0, previewUnits),
    }
  }
}

function kindOf(owner: unknown, name: string): string {
  const object = Object(owner)
  for (let place: unknown = object; place; place = Object.getPrototypeOf(place)) {
    const found = Object.getOwnPropertyDescriptor(place, name)
    if (found) return typeof found.value === 'function' ? 'function' : 'property'
  }
  return 'property'
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  return Object.getPrototypeOf(value)?.constructor?.name ?? 'object'
}

function sizeOf(value: unknown): string | undefined {
  if (typeof value === 'string' || Array.isArray(value)) return String(value.length)
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  if (value instanceof Map || value instanceof Set) return String(value.size)
  return undefined
}
