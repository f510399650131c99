/** YAML to a workflow, or to everything that is wrong with it, each with its place in the text and what to do. */
import * as v from 'valibot'
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
} from 'yaml'
import { limits } from '../limits.ts'
import { checkWorkflow } from './check-workflow.ts'
import { nearestWord } from './nearest-word.ts'
import type { Fault, Path, Problem } from './problem.ts'
import { keysAt } from './schema-keys.ts'
import { stepKinds, type Workflow, workflowSchema } from './workflow-schema.ts'

export type ParsedWorkflow = { workflow: Workflow; problems?: never } | { workflow?: never; problems: Problem[] }

const mostProblems = 50

export function parseWorkflow(text: string): ParsedWorkflow {
  if (new TextEncoder().encode(text).length > limits.workflowFileBytes)
    return wrong([
      {
        line: 1,
        column: 1,
        path: '',
        what: `the file is larger than ${limits.workflowFileBytes / 1024} KiB`,
        todo: 'move steps to a workflow of their own',
      },
    ])
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'silent',
    stringKeys: true,
  })
  const problems = document.errors.map(({ message, pos }) => {
    const { line, col } = lines.linePos(pos[0])
    return { line, column: col, path: '', what: message, todo: 'mend the YAML here' }
  })
  if (problems.length > 0) return wrong(problems)
  const value = plainValue(document)
  const placed = (faults: readonly Fault[]): ParsedWorkflow =>
    wrong(faults.map(fault => placeOf(fault, document, lines)))
  if ('fault' in value) return placed([value.fault])
  const result = v.safeParse(workflowSchema, value.value, { abortPipeEarly: true })
  if (!result.success) return placed(result.issues.flatMap(issue => faultsOf(issue)))
  const faults = checkWorkflow(result.output)
  return faults.length > 0 ? placed(faults) : { workflow: result.output }
}

function wrong(problems: Problem[]): ParsedWorkflow {
  const sorted = problems.sort((a, b) => a.line - b.line || a.column - b.column)
  return { problems: sorted.slice(0, mostProblems) }
}

function plainValue(document: Document): { value: unknown } | { fault: Fault } {
  try {
    const value: unknown = document.toJS({ maxAliasCount: limits.workflowAliases })
    const path = notJson(value, [])
    return path
      ? {
          fault: {
            path,
            what: 'this is no value of JSON, or is nested too deeply',
            todo: 'write a text, a number, a list or an object',
          },
        }
      : { value }
  } catch (thrown) {
    const what = thrown instanceof Error ? thrown.message : String(thrown)
    return { fault: { path: [], what, todo: 'write it out instead of using aliases' } }
  }
}

function notJson(value: unknown, path: Path): Path | undefined {
  if (path.length > limits.workflowDepth) return path
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path
  if (typeof value !== 'object' || !(Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype))
    return path
  for (const [key, one] of Object.entries(value)) {
    const found = notJson(one, [...path, Array.isArray(value) ? Number(key) : key])
    if (found) return found
  }
  return undefined
}

type Issue = v.BaseIssue<unknown>

function faultsOf(issue: Issue, around: Path = []): Fault[] {
  const path = [...around, ...pathOf(issue)]
  if (issue.type === 'union' && issue.issues) {
    const deeper = issue.issues.filter(one => (one.path?.length ?? 0) > 0)
    return deeper.length > 0 ? deeper.flatMap(one => faultsOf(one, path)) : [{ path, ...wordsOf(issue) }]
  }
  const ofKey = issue.path?.at(-1)?.origin === 'key'
  if (issue.type === 'strict_object' && issue.expected === 'never') return [unknownKey(path)]
  if (issue.type === 'strict_object' && ofKey)
    return [{ path: path.slice(0, -1), what: `"${String(path.at(-1))}" is missing`, todo: 'add it' }]
  return [{ path, ofKey, ...wordsOf(issue) }]
}

function pathOf(issue: Issue): Path {
  return (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))
}

function wordsOf(issue: Issue): Pick<Fault, 'what' | 'todo'> {
  if (issue.kind === 'schema')
    return {
      what: `expected ${issue.expected}, and not ${issue.received}`,
      todo: 'see the schema: `meshbook workflow validate --schema`',
    }
  return { what: issue.message, todo: 'change it' }
}

function unknownKey(path: Path): Fault {
  const key = String(path.at(-1))
  const known = keysAt(workflowSchema, path.slice(0, -1))
  const near = nearestWord(key, known)
  const isStep = stepKinds.every(kind => known.includes(kind))
  const todo = near ? `did you mean "${near}"?` : `known are ${known.join(', ')}`
  return { path, ofKey: true, what: `"${key}" is no key ${isStep ? 'of a step' : 'here'}`, todo }
}

function placeOf(fault: Fault, document: Document, lines: LineCounter): Problem {
  const node = nodeAt(document, fault.path, fault.ofKey === true)
  const offset = (node?.range?.[0] ?? 0) + inside(node, fault.at ?? 0)
  const { line, col } = lines.linePos(offset)
  return { line, column: col, path: pathText(fault.path), what: fault.what, todo: fault.todo }
}

/** How far into its text, where that stands in the file as it is. */
function inside(node: Node | undefined, at: number): number {
  if (!isScalar(node) || !node.range || node.source === undefined) return 0
  const isQuoted = node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE'
  if (!isQuoted && node.type !== 'PLAIN') return 0
  return node.source === node.value ? at + (isQuoted ? 1 : 0) : 0
}

/** The nearest node above where there is none. */
function nodeAt(document: Document, path: Path, ofKey: boolean): Node | undefined {
  let node: Node | undefined = document.contents ?? undefined
  for (const [i, key] of path.entries()) {
    const of: Node | undefined = isAlias(node) ? node.resolve(document) : node
    if (isMap(of) && ofKey && i === path.length - 1) {
      const pair = of.items.find(
        (item: Pair) => isScalar(item.key) && String((item.key as Scalar).value) === String(key),
      )
      return (pair?.key as Node | undefined) ?? node
    }
    const next: unknown =
      isMap(of) || (of && 'items' in of)
        ? (of as unknown as { get(key: unknown, keep: boolean): unknown }).get(key, true)
        : undefined
    if (!next) return node
    node = next as Node
  }
  return node
}

export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${key}` : key),
    '',
  )
}

/** `12:5 steps.a.retires: …; did you mean "retry"?` */
export function problemText({ line, column, path, what, todo }: Problem): string {
  return `${line}:${column}${path ? ` ${path}` : ''}: ${what}; ${todo}`
}
