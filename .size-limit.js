/**
 * What the phone's app loads, as built (packages/web/src/phone/SPEC.md, PH1): the first list; with it all that shows a
 * notebook; and what besides keeps it in sync, is edited and run with. A chunk counts with all that it imports at once.
 */
import { readFileSync } from 'node:fs'

const folder = 'packages/web/dist/m'
const manifest = JSON.parse(readFileSync(`${folder}/.vite/manifest.json`, 'utf8'))

function closure(source, files = new Set()) {
  const chunk = manifest[source]
  if (!chunk) throw new Error(`${source} is no chunk of the phone's build`)
  if (files.has(chunk.file)) return files
  for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file)
  for (const next of chunk.imports ?? []) closure(next, files)
  return files
}

const loads = (...sources) => {
  const files = new Set(['index.html'])
  for (const source of ['index.html', ...sources]) closure(source, files)
  return [...files].map(file => `${folder}/${file}`)
}

const page = '../src/phone/notebook/notebook-page.tsx'
const live = ['live-notebook.ts', 'live-sync-words.tsx', 'doing-parts.tsx']

export default [
  { name: 'shell and first list', path: loads(), limit: '25 kB', gzip: true },
  { name: 'reader', path: loads(page), limit: '75 kB', gzip: true },
  {
    name: 'reader, in sync, editing and running',
    path: loads(page, ...live.map(name => page.replace('notebook-page.tsx', name))),
    limit: '118 kB',
    gzip: true,
  },
]
