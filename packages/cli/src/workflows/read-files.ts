/** A workflow and the files that it names, read once and pinned by their hashes. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { dirname, posix, relative, resolve } from 'node:path'
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

/** The file and those that it leads to, by their names from `as` on, for a hub that pins them itself. */
export async function readNamedFiles(path: string, as: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  const read = async (file: string, name: string): Promise<void> => {
    if (Object.hasOwn(files, name)) return
    if (Object.keys(files).length >= limits.filesPerWorkflow)
      throw new MeshError('BAD_WORKFLOW', { detail: `it names more than ${limits.filesPerWorkflow} files` })
    const text = await textOf(file)
    files[name] = text
    // What is wrong with it, the hub says with the place.
    for (const child of childrenOf(parseWorkflow(text).workflow?.steps ?? {}))
      await read(resolve(dirname(file), child), posix.join(posix.dirname(name), child))
  }
  await read(resolve(path), posix.normalize(as))
  return files
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
