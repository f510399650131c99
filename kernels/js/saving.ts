/**
 * Saves the variables of the user's program and makes them (KN51, KN52), on its thread, which stands still meanwhile.
 * Hashes and the manifest are made by the thread of the wire.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { LoadedAnswer, Lost, SavedAnswer } from '../wire/server.ts'
import type { Evaluator } from './evaluator.ts'
import { GraphWriter, isPlain, type Node, NotSaved, partsIn, type Ref } from './graph.ts'
import { GraphReader, type Makers } from './graph-reader.ts'
import type { KnownValues, Source } from './known-values.ts'
import { importName } from './source.ts'

const shown = 200
const mostVariables = 10_000
const holdName = '__meshbook_made'

interface Group {
  file: string
  names: string[]
  /** Names that are declared by `let`, `const` or `class`, and not properties of the global object. */
  lexical: string[]
}

interface Index {
  groups: Group[]
  cwd: string
  environment: Record<string, string | null>
}

/** A group that is plain is the list of its values; another one a graph. */
type Content = { values: unknown[] } | { nodes: Node[]; roots: Ref[] }

export class Saving {
  readonly #evaluator: Evaluator
  readonly #known: KnownValues
  readonly #initial = new Set(Object.getOwnPropertyNames(globalThis))
  readonly #environment = { ...process.env }
  readonly #cwd = process.cwd()

  constructor(evaluator: Evaluator, known: KnownValues) {
    this.#evaluator = evaluator
    this.#known = known
  }

  save(folder: string): Omit<SavedAnswer, 'pauseMs'> {
    const known = this.#known.collect(this.#initial)
    const lexical = new Set(this.#evaluator.lexicalNames())
    const values = this.#values(lexical)
    const lost: Lost[] = []
    const groups: Group[] = []
    const variables: SavedAnswer['variables'] = []
    for (const names of groupsOf(values, known)) {
      const file = `v${groups.length + 1}.v8`
      const saved = this.#write(join(folder, file), names, values, known, lost)
      if (saved.names.length === 0) continue
      groups.push({ file, names: saved.names, lexical: saved.names.filter(name => lexical.has(name)) })
      const bytes = saved.names.length === 1 ? saved.bytes : undefined
      for (const name of saved.names)
        variables.push({ name: name.slice(0, 200), type: typeOf(values.get(name)), bytes })
    }
    const index: Index = { groups, cwd: this.#near(process.cwd()), environment: this.#changedEnvironment() }
    writeFileSync(join(folder, 'index.v8'), serialize(index), { mode: 0o600, flag: 'wx' })
    const timers = process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    if (timers > 0) lost.push({ name: 'timers', reason: `${timers} that still run are not carried over` })
    return { variables: variables.slice(0, shown), more: Math.max(0, variables.length - shown), lost }
  }

  #values(lexical: ReadonlySet<string>): Map<string, unknown> {
    const global = Object.getOwnPropertyNames(globalThis).filter(
      name => !this.#initial.has(name) && !name.startsWith('__meshbook') && !lexical.has(name),
    )
    const names = [...lexical, ...global].slice(0, mostVariables)
    return new Map(names.map(name => [name, this.#evaluator.valueOf(name)]))
  }

  /** What cannot be saved is left out by name, and the rest of the group stays. */
  #write(
    path: string,
    names: string[],
    values: ReadonlyMap<string, unknown>,
    known: ReadonlyMap<unknown, Source>,
    lost: Lost[],
  ): { names: string[]; bytes: number } {
    const whole = this.#content(names, values, known)
    if (!(whole instanceof Error)) return { names, bytes: writeContent(path, whole) }
    const kept = names.filter(name => {
      const content = names.length === 1 ? whole : this.#content([name], values, known)
      if (content instanceof Error) lost.push({ name: name.slice(0, 200), reason: reasonOf(content) })
      return !(content instanceof Error)
    })
    const rest = kept.length === 0 ? whole : this.#content(kept, values, known)
    if (rest instanceof Error) return { names: [], bytes: 0 }
    return { names: kept, bytes: writeContent(path, rest) }
  }

  #content(names: string[], values: ReadonlyMap<string, unknown>, known: ReadonlyMap<unknown, Source>): Buffer | Error {
    const all = names.map(name => values.get(name))
    try {
      if (isPlain(partsIn(all, new Map())) && !all.some(each => known.has(each) || typeof each === 'symbol'))
        return serialize({ values: all } satisfies Content)
      const writer = new GraphWriter({ known, remembers: value => this.#evaluator.remembered(value) })
      const roots = all.map(value => writer.add(value))
      return serialize({ nodes: writer.nodes, roots } satisfies Content)
    } catch (error) {
      return error as Error
    }
  }

  #near(path: string): string {
    const inside = relative(this.#cwd, path)
    return inside.startsWith('..') || isAbsolute(inside) ? path : inside || '.'
  }

  #changedEnvironment(): Record<string, string | null> {
    const names = new Set([...Object.keys(this.#environment), ...Object.keys(process.env)])
    const changed = [...names].filter(name => this.#environment[name] !== process.env[name] && !/^MESHBOOK_/.test(name))
    return Object.fromEntries(changed.sort().map(name => [name, process.env[name] ?? null]))
  }

  /** Who calls it has seen that the files are as they were written. */
  async load(folder: string): Promise<LoadedAnswer> {
    const index = deserialize(readFileSync(join(folder, 'index.v8'))) as Index
    const lost = this.#makeWorld(index)
    const names: string[] = []
    let waiting = index.groups
    // A class may extend one of another group: what fails is tried again while anything else succeeds.
    for (let before = -1; waiting.length !== before && waiting.length > 0; ) {
      before = waiting.length
      const failed: Group[] = []
      lost.length = lost.filter(({ name }) => name === 'working folder').length
      for (const group of waiting) {
        const error = await this.#make(folder, group).then(
          () => undefined,
          thrown => thrown as Error,
        )
        if (error === undefined) names.push(...group.names)
        else failed.push(group)
        if (error !== undefined)
          lost.push(...group.names.map(name => ({ name: name.slice(0, 200), reason: whyNotMade(error) })))
      }
      waiting = failed
    }
    return { names, lost }
  }

  #makeWorld({ cwd, environment }: Index): Lost[] {
    for (const [name, value] of Object.entries(environment)) {
      if (value === null) Reflect.deleteProperty(process.env, name)
      else process.env[name] = value
    }
    try {
      process.chdir(join(isAbsolute(cwd) ? '/' : this.#cwd, cwd))
      return []
    } catch {
      return [{ name: 'working folder', reason: `${cwd} is not there` }]
    }
  }

  async #make(folder: string, { file, names, lexical }: Group): Promise<void> {
    const content = deserialize(readFileSync(join(folder, file))) as Content
    const declared = new Set(lexical)
    const assign = (name: string, value: unknown) =>
      declared.has(name) ? this.#evaluate(`${name} = ${holdName}`, value) : Reflect.set(globalThis, name, value)
    // A name at a time, so that a class finds the one that it extends.
    if (lexical.length > 0) await this.#evaluate(`let ${lexical.join(', ')}`, undefined)
    const values = 'values' in content ? content.values : await this.#fromGraph(content, names, assign)
    for (const [index, name] of names.entries()) await assign(name, values[index])
  }

  #fromGraph(
    { nodes, roots }: { nodes: Node[]; roots: Ref[] },
    names: readonly string[],
    assign: (name: string, value: unknown) => unknown,
  ): Promise<unknown[]> {
    const makers: Makers = {
      evaluate: text => this.#evaluate(text, undefined),
      find: source => this.#find(source),
      defined: async (number, made) => {
        for (const [index, name] of names.entries()) if (roots[index] === number) await assign(name, made)
      },
    }
    return new GraphReader(nodes, makers).make(roots)
  }

  /** The value of an expression or a declaration; `held` is what it may call by `holdName`. */
  async #evaluate(code: string, held: unknown): Promise<unknown> {
    const isDeclaration = code.startsWith('let ')
    Object.defineProperty(globalThis, holdName, { value: held, configurable: true })
    try {
      // A promise in the place of a value would be awaited.
      const script = { code: isDeclaration ? code : `[${code}]`, broken: false }
      const packed = await this.#evaluator.evaluate(script, 'cell:restored')
      return isDeclaration ? undefined : (packed as unknown[])[0]
    } finally {
      Reflect.deleteProperty(globalThis, holdName)
    }
  }

  async #find({ by, name, key }: Source): Promise<unknown> {
    const text = JSON.stringify(name)
    const from = {
      node: `process.getBuiltinModule(${text})`,
      require: `require(${text})`,
      global: `globalThis[${text}]`,
      import: `await ${importName}(${text})`,
    }
    const holder = await this.#evaluate(from[by], undefined)
    if (key === undefined) return holder
    const found = (holder as Record<string, unknown>)[key]
    if (found === undefined) throw new Error(`${name} has no ${key} here`)
    return found
  }
}

function writeContent(path: string, content: Buffer): number {
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' })
  return content.length
}

/** Lists of names whose values share an object. */
function groupsOf(values: ReadonlyMap<string, unknown>, known: ReadonlyMap<unknown, Source>): string[][] {
  const owner = new Map<object, number>()
  const names = [...values.keys()]
  const heads = names.map((_, index) => index)
  const headOf = (index: number): number => (heads[index] === index ? index : headOf(heads[index]!))
  names.forEach((name, index) => {
    for (const part of partsIn(values.get(name), known)) {
      const other = owner.get(part)
      if (other === undefined) owner.set(part, index)
      else if (headOf(other) !== headOf(index))
        heads[Math.max(headOf(other), headOf(index))] = Math.min(headOf(other), headOf(index))
    }
  })
  return [...Map.groupBy(names, (_, index) => headOf(index)).values()]
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  return String(Object.getPrototypeOf(value)?.constructor?.name ?? 'object').slice(0, 200)
}

function reasonOf(error: Error): string {
  if (!(error instanceof NotSaved)) return `it cannot be saved: ${error.message}`.slice(0, 1000)
  return `it is or holds ${error.message}, which is not carried over`
}

function whyNotMade(error: Error): string {
  const missing = /Cannot find (?:module|package) '([^']+)'/.exec(String(error?.message))?.[1]
  if (missing !== undefined) return `the package ${missing} is not installed here`
  return `it could not be made here: ${String(error?.message ?? error)}`.slice(0, 1000)
}
