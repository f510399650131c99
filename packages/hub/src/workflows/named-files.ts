/** The files that a run is pinned to, under names by which they lead to each other as they did (WQ5). Pure. */
import { posix } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { WorkflowFiles } from '@meshbook/core/workflows-api.ts'
import type { PinnedFiles } from '@meshbook/engine/workflow/pinned-files.ts'

export function namedFiles({ hash, texts, children }: PinnedFiles): WorkflowFiles {
  const files = new Map<string, string>()
  const add = (name: string, of: string) => {
    if (files.has(name)) return
    const text = texts.get(of)
    if (text === undefined) throw new MeshError('NOT_FOUND', { detail: `the file ${name} is not kept any more` })
    files.set(name, text)
    for (const child of children)
      if (child.in === of) add(posix.join(posix.dirname(name), child.file), child.definition)
  }
  const file = freeName(new Set(children.map(child => posix.basename(child.file))))
  add(file, hash)
  return { file, files: Object.fromEntries(files) }
}

/** Nobody knows any more what the first file was called; it must not be called like one that it leads to. */
function freeName(taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? 'main.workflow.yaml' : `main-${n}.workflow.yaml`
    if (!taken.has(name)) return name
  }
}
