/**
 * Values that are not saved but found again: modules, and what they export. Modules of Node and of `require` are known by
 * themselves, those of `import` are noted when they are imported.
 */
import { builtinModules } from 'node:module'
import { isAbsolute, relative } from 'node:path'
import { types } from 'node:util'

/** How to come by a value: `key` of what the module exports, or all of it. */
export interface Source {
  by: 'node' | 'require' | 'import' | 'global'
  name: string
  key?: string
}

type Cache = Record<string, { exports: unknown } | undefined>
const isHolder = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'
/** Looking at them warns. */
const quietModules = builtinModules.filter(name => !/^(?:_|punycode$|sys$|sqlite$|test|wasi$|node:)/.test(name))

export class KnownValues {
  readonly #imported = new Map<string, object>()
  readonly #cwd: string
  readonly #cache: Cache

  constructor(cwd: string, cache: Cache) {
    this.#cwd = cwd
    this.#cache = cache
  }

  imported(name: string, namespace: object): void {
    this.#imported.set(name, namespace)
  }

  /** Taken anew for each saving, as modules come and change. */
  collect(globalNames: Iterable<string>): Map<unknown, Source> {
    const known = new Map<unknown, Source>()
    const note = (value: unknown, source: Source) => {
      if (isHolder(value) && !known.has(value)) known.set(value, source)
    }
    const withParts = (value: unknown, source: Source) => {
      note(value, source)
      if (isHolder(value) && value !== globalThis)
        for (const [key, part] of partsOf(value)) note(part, { ...source, key })
    }
    note(globalThis, { by: 'global', name: 'globalThis' })
    for (const name of globalNames) withParts(readNow(globalThis, name), { by: 'global', name })
    for (const name of quietModules) withParts(process.getBuiltinModule(name), { by: 'node', name })
    for (const [path, module] of Object.entries(this.#cache))
      withParts(module?.exports, { by: 'require', name: this.#near(path) })
    for (const [name, namespace] of this.#imported) withParts(namespace, { by: 'import', name })
    return known
  }

  /** Within the project a file is told from there, as the project lies elsewhere on other devices. */
  #near(path: string): string {
    const inside = relative(this.#cwd, path)
    return inside.startsWith('..') || isAbsolute(inside) ? path : `./${inside}`
  }
}

function partsOf(value: object): [string, unknown][] {
  if (types.isProxy(value)) return []
  return Object.getOwnPropertyNames(value).flatMap(key => {
    const found = types.isModuleNamespaceObject(value) ? readNow(value, key) : dataOf(value, key)
    return isHolder(found) ? [[key, found] as [string, unknown]] : []
  })
}

function dataOf(value: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(value, key)?.value
}

/** What an import has not initialised yet throws. */
function readNow(holder: object, key: string): unknown {
  try {
    return types.isModuleNamespaceObject(holder) ? (holder as Record<string, unknown>)[key] : dataOf(holder, key)
  } catch {
    return undefined
  }
}
