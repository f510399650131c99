/** A workflow and the files that it names, pinned by the hashes of their texts. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Problem } from '@meshbook/core/workflow/problem.ts'
import type { Steps, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { parsedWorkflow } from './parsed-workflows.ts'
import type { Definitions } from './ports.ts'

export interface Child {
  in: string
  file: string
  definition: string
}

export interface PinnedFiles {
  hash: string
  texts: ReadonlyMap<string, string>
  children: Child[]
}

/** What is wrong, with the file that it is in. */
export interface FileProblem extends Problem {
  file: string
}

/** Files that the steps name. */
export function childrenOf(steps: Steps): string[] {
  return Object.values(steps).flatMap(step => {
    if (step.workflow) return [step.workflow.file]
    const inside = step.map ?? step.repeat
    return inside ? childrenOf(inside.steps) : []
  })
}

/** Of texts that were valid when they were pinned. */
export function definitionsOf({ hash, texts, children }: PinnedFiles): Definitions & { all: Workflow[] } {
  const workflows = new Map([...texts].map(([of, text]) => [of, workflowOf(text)]))
  return {
    hash,
    all: [...workflows.values()],
    of: one => workflows.get(one) ?? missing(one),
    child: (one, file) => children.find(child => child.in === one && child.file === file)?.definition ?? missing(file),
  }
}

function workflowOf(text: string): Workflow {
  const { workflow, problems } = parsedWorkflow(text)
  if (workflow) return workflow
  throw new MeshError('BAD_WORKFLOW', {
    detail: `the pinned file is not understood by this version: ${problems[0]?.what ?? ''}`,
  })
}

function missing(name: string): never {
  throw new MeshError('BAD_WORKFLOW', { detail: `${name} was not pinned` })
}
