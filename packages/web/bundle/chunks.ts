/** Which modules are one chunk of the bundle. */
import { fileURLToPath } from 'node:url'

const inSource = (path: string): string => fileURLToPath(new URL(`../src/${path}`, import.meta.url))

interface ModuleFacts {
  importedIds: readonly string[]
  dynamicallyImportedIds: readonly string[]
}
export type Look = (id: string) => ModuleFacts | null

/** All that a module imports at once, with itself. */
export function closureOf(id: string, look: Look, found = new Set<string>()): Set<string> {
  if (found.has(id)) return found
  found.add(id)
  for (const next of look(id)?.importedIds ?? []) closureOf(next, look, found)
  return found
}

/**
 * What every page loads is one chunk, and what a notebook alone loads beyond that is another: many small ones are longer
 * together, and a request each. The little that other pages share with a notebook goes with the first.
 */
function chunkGroups(look: Look): { frame: Set<string>; notebook: Set<string> } {
  const page = inSource('notebook/notebook-page.tsx')
  const frame = closureOf(inSource('main.tsx'), look)
  const others = new Set<string>()
  const pages = [...frame].flatMap(id => look(id)?.dynamicallyImportedIds ?? [])
  for (const other of pages) if (other !== page) closureOf(other, look, others)
  const notebook = [...closureOf(page, look)].filter(id => id !== page && !frame.has(id))
  const shared = notebook.filter(id => others.has(id))
  return { frame: new Set([...frame, ...shared]), notebook: new Set(notebook.filter(id => !others.has(id))) }
}

let groups: ReturnType<typeof chunkGroups> | undefined
export function chunkOf(id: string, build: { getModuleInfo: Look }): string | null {
  groups ??= chunkGroups(other => build.getModuleInfo(other))
  if (groups.frame.has(id) && !id.endsWith('/main.tsx')) return 'frame'
  return groups.notebook.has(id) ? 'notebook' : null
}
