/**
 * Which modules of the phone's app are one chunk: many small ones are longer together, and a request each. What follows
 * the hub is loaded at every start, so what an open notebook shares with it may lie there; other pages need no notebook.
 */
import { fileURLToPath } from 'node:url'
import { closureOf, type Look } from './chunks.ts'

const inPhone = (path: string): string => fileURLToPath(new URL(`../src/phone/${path}`, import.meta.url))
const main = inPhone('main.tsx')
const reader = inPhone('notebook/notebook-page.tsx')
const live = inPhone('live.ts')
const doing = ['live-notebook.ts', 'live-sync-words.tsx', 'doing-parts.tsx'].map(name => inPhone(`notebook/${name}`))

let chunks: Map<string, string> | undefined

/** A module is of the first that it is found for. */
function findChunks(look: Look): Map<string, string> {
  const found = new Map<string, string>()
  const add = (chunk: string, ids: Iterable<string>) => {
    for (const id of ids) if (![main, reader, live, ...doing].includes(id) && !found.has(id)) found.set(id, chunk)
  }
  const inDoing = new Set(doing.flatMap(entry => [...closureOf(entry, look)]))
  add('shell', closureOf(main, look))
  add('reader', closureOf(reader, look))
  add(
    'live',
    [...closureOf(live, look)].filter(id => inDoing.has(id)),
  )
  // Pages that come later share some of it: a module by itself would be a request of every notebook.
  const [opening, , parts] = doing.map(entry => closureOf(entry, look))
  add(
    'doing',
    [...parts!].filter(id => !opening!.has(id)),
  )
  return found
}

export function phoneChunkOf(id: string, build: { getModuleInfo: Look }): string | null {
  chunks ??= findChunks(other => build.getModuleInfo(other))
  return chunks.get(id) ?? null
}
