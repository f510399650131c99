/** Files of a workflow that came with a request: checked, and pinned by the hash of their text (WQ1, WQ2). Pure. */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { problemText } from '@meshbook/core/workflow/parse-workflow.ts'
import { parsedWorkflow } from '@meshbook/engine/workflow/parsed-workflows.ts'
import { type Child, childrenOf, type PinnedFiles } from '@meshbook/engine/workflow/pinned-files.ts'

export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Only those that `file` leads to are pinned. Throws BAD_WORKFLOW with all that is wrong. */
export function pinFiles(file: string, given: Readonly<Record<string, string>>): PinnedFiles {
  const files = new Map(Object.entries(given).map(([name, text]) => [posix.normalize(name), text]))
  const texts = new Map<string, string>()
  const children: Child[] = []
  const problems: string[] = []
  const pin = (name: string, within: readonly string[]): string => {
    const text = files.get(name)
    if (text === undefined) throw new MeshError('BAD_WORKFLOW', { detail: `${name} is not among the files` })
    const hash = sha256(text)
    const parsed = parsedWorkflow(text)
    if (parsed.problems) problems.push(...parsed.problems.map(problem => `${name}:${problemText(problem)}`))
    if (texts.has(hash) || !parsed.workflow) return hash
    texts.set(hash, text)
    for (const wanted of childrenOf(parsed.workflow.steps)) {
      const child = posix.join(posix.dirname(name), wanted)
      if ([...within, name].includes(child))
        throw new MeshError('BAD_WORKFLOW', {
          detail: `workflows run each other: ${[...within, name, child].join(' → ')}`,
        })
      if (within.length + 1 >= limits.scopeDepth)
        throw new MeshError('BAD_WORKFLOW', { detail: `${wanted}: workflows are nested too deeply` })
      const definition = pin(child, [...within, name])
      if (!children.some(one => one.in === hash && one.file === wanted))
        children.push({ in: hash, file: wanted, definition })
    }
    return hash
  }
  const hash = pin(posix.normalize(file), [])
  if (problems.length > 0) throw new MeshError('BAD_WORKFLOW', { detail: problems.slice(0, 50).join('\n') })
  return { hash, texts, children }
}
