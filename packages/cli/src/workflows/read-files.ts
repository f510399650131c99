/** A workflow and the files that it names, read once and pinned by their hashes. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { parseWorkflow } from '@meshbook/core/workflow/parse-workflow.ts'
import { type Child, childrenOf, type FileProblem, type PinnedFiles } from '@meshbook/engine/workflow/pinned-files.ts'

export type ReadFiles = { files: PinnedFiles; problems?: never } | { files?: never; problems: FileProblem[] }

const mostFiles = 50

export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex')
}

export async function readFiles(path: string): Promise<ReadFiles> {
  const texts = new Map<string, string>()
  const children: Child[] = []
  const problems: FileProblem[] = []
  const read = async (file: string, within: readonly string[]): Promise<string> => {
    const text = await textOf(file)
    const hash = sha256(text)
    if (texts.size > mostFiles) throw new MeshError('BAD_WORKFLOW', { detail: `it names more than ${mostFiles} files` })
    const parsed = parseWorkflow(text)
    if (parsed.problems) problems.push(...parsed.problems.map(problem => ({ ...problem, file: relative('', file) })))
    if (texts.has(hash) || !parsed.workflow) return hash
    texts.set(hash, text)
    for (const name of childrenOf(parsed.workflow.steps)) {
      const child = resolve(dirname(file), name)
      if ([...within, file].includes(child))
        throw new MeshError('BAD_WORKFLOW', {
          detail: `workflows run each other: ${[...within, file, child].map(one => relative('', one)).join(' → ')}`,
        })
      if (within.length + 1 >= limits.scopeDepth)
        throw new MeshError('BAD_WORKFLOW', { detail: `${name}: workflows are nested too deeply` })
      const definition = await read(child, [...within, file])
      if (!children.some(one => one.in === hash && one.file === name))
        children.push({ in: hash, file: name, definition })
    }
    return hash
  }
  const hash = await read(resolve(path), [])
  return problems.length > 0 ? { problems } : { files: { hash, texts, children } }
}

async function textOf(file: string): Promise<string> {
  try {
    if ((await stat(file)).size > limits.workflowFileBytes)
      throw new MeshError('BAD_WORKFLOW', { detail: `${relative('', file)} is too large` })
    return await readFile(file, 'utf8')
  } catch (thrown) {
    if (thrown instanceof MeshError) throw thrown
    throw new MeshError('BAD_WORKFLOW', { detail: `${relative('', file) || file} cannot be read`, cause: thrown })
  }
}
