/**
 * A value as a list of nodes that `v8.serialize` takes: objects by their parts, functions and classes by their source,
 * instances by their class. What would come back dead throws, in plain words (KN51).
 */
import { types } from 'node:util'
import type { Source } from './known-values.ts'

/** The number of a node, or a primitive value in a list of its own. */
export type Ref = number | [unknown]

export interface Property {
  key: Ref
  value?: Ref
  get?: Ref
  set?: Ref
}

export interface Node {
  kind: 'object' | 'array' | 'map' | 'set' | 'raw' | 'function' | 'class' | 'known' | 'symbol'
  /** What `v8.serialize` takes as it is; the source text; the key of a symbol. */
  raw?: unknown
  source?: Source
  name?: string
  length?: number
  items?: Ref[]
  properties?: Property[]
  /** Null for an object without one; absent for the usual one of its kind. */
  prototype?: Ref
  isFrozen?: boolean
  isError?: boolean
  /** The class that a class extends. */
  parent?: Ref
  /** What stands on the prototype of a function that is used with `new`. */
  methods?: Property[]
}

/** The variable cannot be saved; the text says what it holds. */
export class NotSaved extends Error {}

export interface GraphView {
  known: ReadonlyMap<unknown, Source>
  /** Names of variables that a function remembers from the function that made it. */
  remembers(value: object): string[]
}

const usual = new Map<object, Node['kind']>([
  [Object.prototype, 'object'],
  [Array.prototype, 'array'],
  [Map.prototype, 'map'],
  [Set.prototype, 'set'],
])

const dead: [string, (value: unknown) => boolean][] = [
  ['a proxy', types.isProxy],
  ['a promise', types.isPromise],
  ['a generator: code that stands in its middle', types.isGeneratorObject],
  ['an iterator that stands in its middle', value => types.isMapIterator(value) || types.isSetIterator(value)],
  ['a weak collection', value => types.isWeakMap(value) || types.isWeakSet(value) || value instanceof WeakRef],
  ['an address in memory', types.isExternal],
  ['memory that threads share', types.isSharedArrayBuffer],
]

const deadClasses: [RegExp, string][] = [
  [/^(?:Timeout|Immediate)$/, 'a timer'],
  [/^(?:Worker|MessagePort|MessageChannel|BroadcastChannel)$/, 'a worker'],
  [
    /^(?:Socket|TLSSocket|Server|ClientRequest|IncomingMessage|WebSocket|Agent|Http2Session)$/,
    'an open network connection',
  ],
  [/^ChildProcess$/, 'a process'],
  [/^(?:FileHandle|ReadStream|WriteStream|FSWatcher|Dir)$/, 'an open file'],
  [/^(?:Readable|Writable|Duplex|Transform|PassThrough|ReadableStream|WritableStream|TransformStream)$/, 'a stream'],
]

const wellKnown = new Map<symbol, string>(
  Object.getOwnPropertyNames(Symbol).flatMap(name => {
    const value: unknown = Object.getOwnPropertyDescriptor(Symbol, name)?.value
    return typeof value === 'symbol' ? [[value, name] as const] : []
  }),
)

function isRaw(value: object): boolean {
  if (ArrayBuffer.isView(value) || types.isArrayBuffer(value) || types.isDate(value) || types.isRegExp(value))
    return true
  return types.isBoxedPrimitive(value) && !types.isSymbolObject(value)
}

function wordsFor(value: unknown): string | undefined {
  const found = dead.find(([, is]) => is(value))?.[0]
  if (found !== undefined || typeof value !== 'object' || value === null) return found
  const name = String(Object.getPrototypeOf(value)?.constructor?.name ?? '')
  return deadClasses.find(([pattern]) => pattern.test(name))?.[1]
}

export class GraphWriter {
  readonly nodes: Node[] = []
  readonly #view: GraphView
  readonly #numbers = new Map<unknown, number>()
  readonly #waiting: (() => void)[] = []

  constructor(view: GraphView) {
    this.#view = view
  }

  /** Throws NotSaved. */
  add(value: unknown): Ref {
    const ref = this.#ref(value)
    for (let next = this.#waiting.pop(); next; next = this.#waiting.pop()) next()
    return ref
  }

  #ref(value: unknown): Ref {
    if (typeof value === 'symbol') return this.#node(value, { kind: 'symbol', raw: keyOf(value) })
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return [value]
    const number = this.#numbers.get(value)
    if (number !== undefined) return number
    const source = this.#view.known.get(value)
    if (source) return this.#node(value, { kind: 'known', source })
    const words = wordsFor(value)
    if (words !== undefined) throw new NotSaved(words)
    return typeof value === 'function' ? this.#function(value) : this.#object(value)
  }

  #node(value: unknown, node: Node): number {
    const known = this.#numbers.get(value)
    if (known !== undefined) return known
    this.#numbers.set(value, this.nodes.length)
    this.nodes.push(node)
    return this.nodes.length - 1
  }

  #function(value: object): number {
    const text = Function.prototype.toString.call(value)
    if (/\{\s*\[native code\]\s*\}$/.test(text)) throw new NotSaved('a function that is built in or bound')
    const isClass = /^class\b/.test(text)
    const remembered = this.#view.remembers(value)
    if (remembered.length > 0)
      throw new NotSaved(`a function that remembers ${remembered.slice(0, 3).join(', ')} of the one that made it`)
    const name = String(Object.getOwnPropertyDescriptor(value, 'name')?.value ?? '')
    const node: Node = { kind: isClass ? 'class' : 'function', raw: text, name }
    const number = this.#node(value, node)
    const made = new Set(
      isClass ? ['length', 'name', 'prototype'] : ['length', 'name', 'prototype', 'arguments', 'caller'],
    )
    const isOwn = (key: string | symbol) =>
      !(typeof key === 'string' && made.has(key)) && (!isClass || isState(value, key))
    const { prototype } = value as { prototype?: unknown }
    const parent: unknown = Object.getPrototypeOf(value)
    this.#waiting.push(() => {
      if (isClass && parent !== Function.prototype) node.parent = this.#ref(parent)
      node.properties = this.#properties(value, isOwn)
      if (!isClass && typeof prototype === 'object' && prototype !== null)
        node.methods = this.#properties(prototype, key => key !== 'constructor')
    })
    return number
  }

  #object(value: object): number {
    const prototype: unknown = Object.getPrototypeOf(value)
    const kind = kindOf(value)
    const node: Node = { kind }
    const number = this.#node(value, node)
    if (kind === 'raw') {
      node.raw = value
      return number
    }
    if (usual.get(prototype as object) !== kind)
      this.#waiting.push(() => (node.prototype = this.#prototype(value, prototype)))
    if (Object.isFrozen(value)) node.isFrozen = true
    if (types.isNativeError(value)) node.isError = true
    if (kind === 'array') node.length = (value as unknown[]).length
    this.#waiting.push(() => {
      if (types.isMap(value)) node.items = [...Map.prototype.entries.call(value)].flat().map(each => this.#ref(each))
      if (types.isSet(value)) node.items = [...Set.prototype.values.call(value)].map(each => this.#ref(each))
      if (kind === 'array' && isDense(value as unknown[])) {
        node.items = (value as unknown[]).map(each => this.#ref(each))
        node.properties = this.#properties(value, key => key !== 'length' && !isIndex(key))
      } else node.properties = this.#properties(value, key => !(kind === 'array' && key === 'length'))
    })
    return number
  }

  /** Of an instance: the class, if it is one of the session; of anything else it is not known how it was made. */
  #prototype(value: object, prototype: unknown): Ref {
    if (prototype === null) return [null]
    const made: unknown = Object.getOwnPropertyDescriptor(prototype as object, 'constructor')?.value
    const name = String((made as { name?: unknown } | undefined)?.name ?? 'unknown')
    if (types.isNativeError(value) && this.#view.known.has(made)) return this.#ref(made)
    if (typeof made !== 'function' || made.prototype !== prototype || this.#view.known.has(made))
      throw new NotSaved(`an object of ${name}, which cannot be taken apart`)
    if (hasPrivateFields(made)) throw new NotSaved(`an object of ${name}, which has private fields`)
    return this.#ref(made)
  }

  #properties(value: object, isWanted: (key: string | symbol) => boolean): Property[] {
    return Reflect.ownKeys(value)
      .filter(isWanted)
      .map(key => {
        const { get, set, value: data } = dataOf(value, key)
        const of = (part: unknown) => (part === undefined ? undefined : this.#ref(part))
        if (!get && !set) return { key: this.#ref(key), value: this.#ref(data) }
        const [getRef, setRef] = [of(get), of(set)]
        return {
          key: this.#ref(key),
          ...(getRef !== undefined && { get: getRef }),
          ...(setRef !== undefined && { set: setRef }),
        }
      })
  }
}

/** The stack of an error is a text that is made when it is read. */
function dataOf(value: object, key: string | symbol): PropertyDescriptor {
  if (key === 'stack' && types.isNativeError(value)) return { value: value.stack }
  return Object.getOwnPropertyDescriptor(value, key)!
}

function keyOf(value: symbol): { own?: string; shared?: string } {
  const own = wellKnown.get(value)
  if (own !== undefined) return { own }
  const shared = Symbol.keyFor(value)
  if (shared === undefined) throw new NotSaved('a symbol')
  return { shared }
}

function kindOf(value: object): Node['kind'] {
  if (isRaw(value)) return 'raw'
  if (Array.isArray(value)) return 'array'
  if (types.isMap(value)) return 'map'
  return types.isSet(value) ? 'set' : 'object'
}

/** What a class holds besides the methods that its source makes. */
function isState(value: object, key: string | symbol): boolean {
  const found = Object.getOwnPropertyDescriptor(value, key)!
  return found.enumerable === true && 'value' in found
}

function hasPrivateFields(made: object): boolean {
  for (let each: unknown = made; typeof each === 'function'; each = Object.getPrototypeOf(each))
    if (/(?:^|[^\w$'"`])#[\w$]+/.test(Function.prototype.toString.call(each))) return true
  return false
}

function isDense(value: unknown[]): boolean {
  for (let index = 0; index < value.length; index++) if (!Object.hasOwn(value, index)) return false
  return true
}

function isIndex(key: string | symbol): boolean {
  return typeof key === 'string' && /^(?:0|[1-9]\d*)$/.test(key)
}

/** The objects that a value consists of, for whoever wants to know which values share some. */
export function* partsIn(value: unknown, known: ReadonlyMap<unknown, Source>): Generator<object> {
  const waiting = [value]
  const seen = new Set<unknown>()
  while (waiting.length > 0) {
    const each = waiting.pop()
    if ((typeof each !== 'object' && typeof each !== 'function') || each === null) continue
    if (seen.has(each) || known.has(each) || usual.has(each)) continue
    seen.add(each)
    yield each
    if (types.isProxy(each) || isRaw(each)) continue
    if (types.isMap(each)) for (const pair of Map.prototype.entries.call(each)) waiting.push(...pair)
    if (types.isSet(each)) waiting.push(...Set.prototype.values.call(each))
    const prototype: unknown = Object.getPrototypeOf(each)
    if (prototype !== null && !usual.has(prototype as object))
      waiting.push(Object.getOwnPropertyDescriptor(prototype as object, 'constructor')?.value)
    for (const key of Reflect.ownKeys(each)) {
      const { value: data, get, set } = Object.getOwnPropertyDescriptor(each, key)!
      for (const part of [data, get, set])
        if (part !== null && (typeof part === 'object' || typeof part === 'function')) waiting.push(part)
    }
  }
}

/** Whether `v8.serialize` gives it back as it is: no function, no instance, no getter anywhere in it. */
export function isPlain(parts: Iterable<object>): boolean {
  for (const each of parts) {
    if (typeof each === 'function' || types.isProxy(each)) return false
    if (isRaw(each)) continue
    const kind = usual.get(Object.getPrototypeOf(each) as object)
    if (kind === undefined || kind !== kindOf(each) || Object.isFrozen(each)) return false
    for (const key of Reflect.ownKeys(each)) {
      const found = Object.getOwnPropertyDescriptor(each, key)!
      if (typeof key === 'symbol' || !('value' in found)) return false
      if (typeof found.value === 'symbol' || typeof found.value === 'function') return false
    }
  }
  return true
}
