/** The workflow files below a folder, and what is known of each without running it. Looks at a bounded number of names. */
import type { Dirent } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { parseWorkflow } from '@meshbook/core/workflow/parse-workflow.ts'
import { triggerKinds, type Workflow } from '@meshbook/core/workflow/workflow-schema.ts'

export interface FoundWorkflow {
  path: string
  /** Null where the file is wrong. */
  name: string | null
  steps: number
  starts: string[]
  problems: number
}

export async function findWorkflows(folder: string): Promise<{ found: FoundWorkflow[]; more: boolean }> {
  const found: FoundWorkflow[] = []
  const folders = [folder]
  let looked = 0
  for (let next = folders.shift(); next !== undefined; next = folders.shift()) {
    const entries = await entriesOf(next, next === folder)
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (++looked > limits.entriesPerFolder) return { found, more: true }
      const path = join(next, entry.name)
      if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules') folders.push(path)
      if (entry.isFile() && /\.workflow\.ya?ml$/.test(entry.name)) found.push(await describe(path))
    }
  }
  return { found, more: false }
}

/** A folder below that is gone, or not for this user, has none. */
async function entriesOf(folder: string, isAsked: boolean): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (thrown) {
    const { code = '' } = thrown as NodeJS.ErrnoException
    if (!isAsked && ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(code)) return []
    throw new MeshError('NOT_FOUND', { detail: `${folder} cannot be read (${code})`, cause: thrown })
  }
}

async function describe(path: string): Promise<FoundWorkflow> {
  const isLarge = (await stat(path)).size > limits.workflowFileBytes
  const { workflow, problems } = isLarge ? { problems: [1] } : parseWorkflow(await readFile(path, 'utf8'))
  if (!workflow) return { path, name: null, steps: 0, starts: [], problems: problems.length }
  return {
    path,
    name: workflow.name,
    steps: Object.keys(workflow.steps).length,
    starts: startsOf(workflow),
    problems: 0,
  }
}

function startsOf({ on }: Workflow): string[] {
  return [...(on?.manual === false ? [] : ['by hand']), ...triggerKinds.filter(kind => on?.[kind] !== undefined)]
}
