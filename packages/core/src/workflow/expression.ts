/**
 * Expressions of workflows: CEL over plain data. It is interpreted, never compiled to code. What one costs is counted and
 * bounded: each turn of a loop, and the size of what it makes; so no clock is needed and it ends the same everywhere.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js'
import { limits } from '../limits.ts'
import type { Json } from './workflow-schema.ts'

/** What an expression may name. `steps` holds `output`, `outcome` and `error` of the steps before this one. */
export interface Names {
  inputs: { [name: string]: Json }
  steps: { [id: string]: Json }
  run: { id: string; name: string }
  item?: Json
  index?: number
  round?: number
  /** What a run is started by, before it has begun. */
  event?: Json
}

/** `steps.fetch` is root `steps` with name `fetch`. Without a name it is the root by itself, or with one that is computed. */
export interface Reference {
  root: string
  name: string | undefined
}

export interface Expression {
  text: string
  references: readonly Reference[]
  /** Throws an `ExpressionError`. */
  evaluate(names: Names): Json
}

export class ExpressionError extends Error {
  /** Where in the expression it went wrong, from 0. */
  readonly at: number

  constructor(message: string, at = 0) {
    super(message)
    this.name = 'ExpressionError'
    this.at = at
  }
}

const roots = ['inputs', 'steps', 'secrets', 'run', 'item', 'index', 'round', 'event']
const loops = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])
/** They cost without bound, or depend on the machine. */
const refused: Readonly<Record<string, string>> = {
  matches: 'regular expressions can take forever; use contains, startsWith or endsWith',
  bind: 'cel.bind is not available; use a step of kind transform',
  getDayOfYear: 'getDayOfYear depends on the machine; use getMonth and getDate',
}
const stepName = '__step'
const stepOf: Readonly<Record<string, string>> = { exists: '__any', all: '__all' }
const limitsOfCel = { maxAstNodes: 2_000, maxDepth: 60, maxListElements: 500, maxMapEntries: 500, maxCallArguments: 8 }

let costLeft = 0

function pay(value: unknown): unknown {
  costLeft -= 1 + sizeOf(value)
  stopIfTooDear()
  return value
}

function stopIfTooDear(): void {
  if (costLeft < 0) throw new ExpressionError(`it costs too much: more than ${limits.expressionItems} steps`)
}

/** `exists` and `all` pass over errors, so they are ended by the value that ends them; then it is thrown. */
const payOrEnd =
  (end: boolean) =>
  (value: unknown): unknown =>
    --costLeft < 0 ? end : value

/** In units of a turn. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return Math.floor(value.length / 256)
  return Array.isArray(value) ? Math.floor(value.length / 64) : 0
}

function environment(): Environment {
  const cel = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    limits: { ...limitsOfCel, maxDepth: 250, maxAstNodes: 10_000 },
  })
  for (const root of roots) cel.registerVariable(root, 'dyn')
  cel.registerFunction(`${stepName}(dyn): dyn`, pay)
  cel.registerFunction('__any(dyn): dyn', payOrEnd(true))
  cel.registerFunction('__all(dyn): dyn', payOrEnd(false))
  cel.registerFunction('json(dyn): string', (value: unknown) => JSON.stringify(asJson(value)))
  cel.registerFunction('parseJson(string): dyn', (text: string) => parsed(text))
  cel.registerFunction('urlEncode(string): string', (text: string) => encodeURIComponent(text.toWellFormed()))
  // Numbers of JSON are doubles here, and literals such as 1 are ints: the two may be mixed.
  for (const [sign, of] of Object.entries(arithmetic)) {
    cel.registerOperator(`double ${sign} int`, (a: number, b: bigint) => of(a, Number(b)))
    cel.registerOperator(`int ${sign} double`, (a: bigint, b: number) => of(Number(a), b))
  }
  cel.registerOperator('double % double', (a: number, b: number) => a % b)
  return cel
}

const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
}

function parsed(text: string): unknown {
  pay(text)
  try {
    return JSON.parse(text)
  } catch (thrown) {
    throw new ExpressionError(`parseJson: ${thrown instanceof Error ? thrown.message : 'it is no JSON'}`)
  }
}

const reading = new Environment({ unlistedVariablesAreDyn: true, limits: limitsOfCel })
const evaluating = environment()

/** Throws an `ExpressionError` for what is no expression. */
export function parseExpression(text: string): Expression {
  if (text.length > limits.expressionChars)
    throw new ExpressionError(`it is longer than ${limits.expressionChars} characters`)
  const { ast } = guarded(() => reading.parse(text))
  const references: Reference[] = []
  const counted = withCost(ast, new Set(), references)
  const compiled = guarded(() => evaluating.parse(counted))
  return {
    text,
    references,
    evaluate(names) {
      costLeft = limits.expressionItems
      return guarded(() => {
        const value: unknown = compiled({ ...names })
        stopIfTooDear()
        return asJson(value)
      })
    },
  }
}

function guarded<T>(act: () => T): T {
  try {
    return act()
  } catch (thrown) {
    if (thrown instanceof ExpressionError) throw thrown
    if (thrown instanceof Error && thrown.cause instanceof ExpressionError) throw thrown.cause
    const range =
      thrown instanceof Error && 'range' in thrown ? (thrown.range as { start?: number } | undefined) : undefined
    throw new ExpressionError(wordsOf(thrown), range?.start ?? 0)
  }
}

function wordsOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return text
    .split('\n')[0]!
    .replaceAll('dyn<double>', 'number')
    .replaceAll('double', 'number')
    .replaceAll('dyn<string>', 'string')
}

/** The same expression, written anew with what counts its cost; notes on the way what it names. */
function withCost(node: ASTNode, bound: ReadonlySet<string>, found: Reference[]): string {
  const write = (one: ASTNode): string => withCost(one, bound, found)
  switch (node.op) {
    case 'value':
      return literal(node.args, node)
    case 'id':
      if (!bound.has(node.args)) found.push(reference(node.args, undefined, node))
      return node.args
    case '.':
    case '.?':
    case '[]':
    case '[?]':
      return access(node, bound, found)
    case 'call':
      allowed(node.args[0], node)
      return `${node.args[0]}(${node.args[1].map(write).join(', ')})`
    case 'rcall':
      return method(node, bound, found)
    case 'list':
      return `[${node.args.map(write).join(', ')}]`
    case 'map':
      return `{${node.args.map(([key, value]) => `${write(key)}: ${write(value)}`).join(', ')}}`
    case '?:':
      return `(${write(node.args[0])} ? ${write(node.args[1])} : ${write(node.args[2])})`
    case '!_':
      return `(!${write(node.args)})`
    case '-_':
      return `(-${write(node.args)})`
    default:
      return `(${write(node.args[0])} ${node.op} ${write(node.args[1])})`
  }
}

function access(
  node: Extract<ASTNode, { op: '.' | '.?' | '[]' | '[?]' }>,
  bound: ReadonlySet<string>,
  found: Reference[],
): string {
  if (node.op === '.?' || node.op === '[?]')
    throw new ExpressionError('optional access is not available; use has()', node.start)
  const [of, key] = node.args
  const name = typeof key === 'string' ? key : key.op === 'value' && typeof key.args === 'string' ? key.args : undefined
  const isRoot = of.op === 'id' && !bound.has(of.args)
  if (isRoot) found.push(reference(of.args, name, node))
  const receiver = isRoot ? of.args : withCost(of, bound, found)
  return typeof key === 'string' ? `${receiver}.${key}` : `${receiver}[${withCost(key, bound, found)}]`
}

function method(node: Extract<ASTNode, { op: 'rcall' }>, bound: ReadonlySet<string>, found: Reference[]): string {
  const [name, of, args] = node.args
  allowed(name, node)
  const receiver = withCost(of, bound, found)
  const [first, ...bodies] = args
  if (!loops.has(name) || first?.op !== 'id' || bodies.length === 0)
    return `${receiver}.${name}(${args.map(arg => withCost(arg, bound, found)).join(', ')})`
  const inside = new Set([...bound, first.args])
  const counted = bodies.map(body => `${stepOf[name] ?? stepName}(${withCost(body, inside, found)})`)
  return `${receiver}.${name}(${[first.args, ...counted].join(', ')})`
}

function allowed(name: string, node: ASTNode): void {
  if (name.startsWith('__')) throw new ExpressionError(`${name} is not a function`, node.start)
  if (Object.hasOwn(refused, name)) throw new ExpressionError(refused[name]!, node.start)
}

const typeNames = new Set(['int', 'uint', 'double', 'string', 'bool', 'bytes', 'list', 'map', 'null_type', 'type'])

function reference(root: string, name: string | undefined, node: ASTNode): Reference {
  if (!roots.includes(root) && !typeNames.has(root))
    throw new ExpressionError(`"${root}" is not known here; there are ${roots.join(', ')}`, node.start)
  return { root, name }
}

function literal(value: unknown, node: ASTNode): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint' || typeof value === 'boolean' || value === null) return String(value)
  if (typeof value === 'number' && Number.isFinite(value))
    return Number.isInteger(value) ? value.toFixed(1) : String(value)
  throw new ExpressionError('bytes and unsigned numbers are not available', node.start)
}

/** What CEL came to, as JSON. */
function asJson(value: unknown, depth = 0): Json {
  if (depth > limits.workflowDepth) throw new ExpressionError('its result is nested too deeply')
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') return asJson(Number(value), depth)
  if (typeof value === 'number') {
    if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_VALUE) return value
    throw new ExpressionError(`its result is ${value}, which JSON cannot say`)
  }
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(one => asJson(one, depth + 1))
  const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined
  const entries =
    value instanceof Map
      ? [...value]
      : prototype === Object.prototype || prototype === null
        ? Object.entries(value as object)
        : undefined
  if (!entries) throw new ExpressionError('its result is no text, number, list or object')
  return Object.fromEntries(entries.map(([key, one]) => [String(key), asJson(one, depth + 1)]))
}
