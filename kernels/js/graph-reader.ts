/** Makes the values of a graph (graph.ts) in another session: first every object, then what is in it. */
import type { Node, Property, Ref } from './graph.ts'
import type { Source } from './known-values.ts'

export interface Makers {
  /** The value of an expression, in the global scope. */
  evaluate(expression: string): Promise<unknown>
  find(source: Source): Promise<unknown>
  /** A function or class is there: those that are made next may refer to it by its name. */
  defined(number: number, made: unknown): Promise<void>
}

export class GraphReader {
  readonly #nodes: readonly Node[]
  readonly #makers: Makers
  readonly #made: unknown[] = []
  readonly #isMade: boolean[] = []

  constructor(nodes: readonly Node[], makers: Makers) {
    this.#nodes = nodes
    this.#makers = makers
  }

  async make(roots: readonly Ref[]): Promise<unknown[]> {
    for (let number = 0; number < this.#nodes.length; number++) await this.#begin(number)
    for (const [number, node] of this.#nodes.entries()) this.#fill(node, this.#made[number])
    for (const [number, node] of this.#nodes.entries()) if (node.isFrozen) Object.freeze(this.#made[number])
    return roots.map(ref => this.#value(ref))
  }

  #value(ref: Ref): unknown {
    return typeof ref === 'number' ? this.#made[ref] : ref[0]
  }

  async #begin(number: number): Promise<void> {
    if (this.#isMade[number]) return
    this.#isMade[number] = true
    const node = this.#nodes[number]!
    if (typeof node.parent === 'number') await this.#begin(node.parent)
    const made = await this.#empty(node)
    this.#made[number] = made
    if (node.kind === 'class' || node.kind === 'function') await this.#makers.defined(number, made)
  }

  async #empty(node: Node): Promise<unknown> {
    switch (node.kind) {
      case 'raw':
        return node.raw
      case 'known':
        return this.#makers.find(node.source!)
      case 'symbol':
        return symbolOf(node.raw as { own?: string; shared?: string })
      case 'function':
      case 'class':
        return this.#definition(node)
      case 'array':
        return new Array(node.length ?? 0)
      case 'map':
        return new Map()
      case 'set':
        return new Set()
      case 'object':
        return node.isError ? emptyError() : {}
    }
  }

  /** A method stands in an object: its source alone is no expression. */
  async #definition({ raw, name, kind }: Node): Promise<unknown> {
    const source = String(raw)
    if (kind === 'class') return this.#makers.evaluate(`(${source})`)
    const made = await this.#makers.evaluate(`(${source})`).catch(error => this.#method(source, error))
    if (typeof made === 'function' && made.name !== name)
      Object.defineProperty(made, 'name', { value: name, configurable: true })
    return made
  }

  async #method(source: string, error: unknown): Promise<unknown> {
    const holder = (await this.#makers.evaluate(`({${source}})`).catch(() => undefined)) as object | undefined
    const [key] = Reflect.ownKeys(holder ?? {})
    if (holder === undefined || key === undefined) throw error
    const found = Object.getOwnPropertyDescriptor(holder, key)!
    return found.value ?? found.get ?? found.set
  }

  #fill(node: Node, made: unknown): void {
    if (node.prototype !== undefined) Object.setPrototypeOf(made, this.#prototype(node.prototype))
    const items = node.items?.map(ref => this.#value(ref)) ?? []
    if (made instanceof Map && node.kind === 'map')
      for (let at = 0; at < items.length; at += 2) Map.prototype.set.call(made, items[at], items[at + 1])
    if (node.kind === 'set') for (const item of items) Set.prototype.add.call(made as Set<unknown>, item)
    if (node.kind === 'array') for (const [at, item] of items.entries()) (made as unknown[])[at] = item
    this.#define(made as object, node.properties)
    if (node.methods?.length) this.#define((made as { prototype: object }).prototype, node.methods)
  }

  #prototype(ref: Ref): object | null {
    const made = this.#value(ref) as { prototype: object } | null
    return made === null ? null : made.prototype
  }

  #define(made: object, properties: readonly Property[] = []): void {
    for (const { key, value, get, set } of properties) {
      const name = this.#value(key) as string | symbol
      const of = (ref: Ref | undefined) => (ref === undefined ? undefined : this.#value(ref))
      const common = { enumerable: true, configurable: true }
      const described =
        value === undefined
          ? { ...common, get: of(get) as () => unknown, set: of(set) as (value: unknown) => void }
          : { ...common, writable: true, value: of(value) }
      Object.defineProperty(made, name, described)
    }
  }
}

function emptyError(): Error {
  const made = new Error()
  for (const key of Reflect.ownKeys(made)) Reflect.deleteProperty(made, key)
  return made
}

function symbolOf({ own, shared }: { own?: string; shared?: string }): symbol {
  return own === undefined ? Symbol.for(String(shared)) : (Symbol as unknown as Record<string, symbol>)[own]!
}
