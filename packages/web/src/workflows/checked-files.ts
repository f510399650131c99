/** Files that were pasted or chosen: what is wrong with each, which one is still needed, and which is the first. Pure. */
import { parseWorkflow } from '@meshbook/core/workflow/parse-workflow.ts'
import type { Problem } from '@meshbook/core/workflow/problem.ts'
import type { Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { childrenOf } from '@meshbook/engine/workflow/pinned-files.ts'

export type Files = Readonly<Record<string, string>>
export interface FileFault extends Problem {
  file: string
}
export interface CheckedFiles {
  /** Of the first file, once it is right. */
  workflow: Workflow | undefined
  faults: readonly FileFault[]
  /** Files that others name and that are not here. */
  missing: readonly string[]
}

export function checkFiles(file: string, files: Files): CheckedFiles {
  const faults: FileFault[] = []
  const missing = new Set<string>()
  const seen = new Set<string>()
  const look = (name: string): Workflow | undefined => {
    seen.add(name)
    const text = files[name]
    if (text === undefined) return void missing.add(name)
    const { workflow, problems } = parseWorkflow(text)
    if (!workflow) return void faults.push(...(problems ?? []).map(problem => ({ ...problem, file: name })))
    for (const child of childrenOf(workflow.steps).map(wanted => pathFrom(name, wanted)))
      if (!seen.has(child)) look(child)
    return workflow
  }
  const workflow = look(file)
  return { workflow, faults, missing: [...missing] }
}

/** `wanted` as it is named by the file at `from`. */
export function pathFrom(from: string, wanted: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const part of wanted.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return parts.join('/')
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** Chosen files have no folders: one that is missing somewhere takes its place there. */
export function withChosen(file: string, files: Files, chosen: Files): { file: string; files: Files } {
  const isEmpty = (files[file] ?? '').trim() === ''
  const first = isEmpty ? firstOf(chosen) : file
  const next: Record<string, string> = isEmpty ? { [first]: chosen[first]! } : { ...files }
  const rest = new Map(Object.entries(chosen).filter(([name]) => !isEmpty || name !== first))
  // A file may lead to others that were chosen with it.
  for (let found = true; found; ) {
    found = false
    for (const wanted of checkFiles(first, next).missing) {
      const text = rest.get(baseName(wanted))
      if (text === undefined) continue
      next[wanted] = text
      found = true
    }
  }
  for (const [name, text] of rest) if (!Object.keys(next).some(known => baseName(known) === name)) next[name] = text
  return { file: first, files: next }
}

/** The one that no other names. */
function firstOf(chosen: Files): string {
  const names = Object.keys(chosen)
  const named = new Set(
    names.flatMap(name => {
      const { workflow } = parseWorkflow(chosen[name]!)
      return workflow ? childrenOf(workflow.steps).map(baseName) : []
    }),
  )
  return names.find(name => !named.has(name)) ?? names[0]!
}

/** Where a line and column stand in a text; both from 1. */
export function offsetOf(text: string, line: number, column: number): number {
  let at = 0
  for (let n = 1; n < line; n++) {
    const end = text.indexOf('\n', at)
    if (end < 0) return text.length
    at = end + 1
  }
  return Math.min(text.length, at + column - 1)
}
