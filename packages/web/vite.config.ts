/** Builds the web app. The hub serves `dist/` as it is. */
import { fileURLToPath } from 'node:url'
import { limits } from '@meshbook/core/limits.ts'
import preact from '@preact/preset-vite'
import { defineConfig, type Plugin } from 'vite'

const inSource = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const fullYaml = fileURLToPath(new URL('../browser/index.js', import.meta.resolve('yaml')))

/** The limits as the numbers that they are: of the whole catalogue, a page needs a few. */
const plainLimits: Plugin = {
  name: 'plain-limits',
  enforce: 'pre',
  transform(code, id) {
    if (!/import \{ limits \} from '[^']*\/limits\.ts'/.test(code) || !/\.tsx?$/.test(id)) return undefined
    const known = limits as Readonly<Record<string, unknown>>
    return code.replace(/(?<![\w$.])limits\.(\w+)/g, (found, name: string) =>
      typeof known[name] === 'number' ? `(${known[name]})` : found,
    )
  },
}

/**
 * Of `marked` the lexer alone: its renderer, and the singleton that holds on to it, are a third of it and not used here.
 * Another release of it may be written otherwise, which ends the build.
 */
const lexerAlone: Plugin = {
  name: 'lexer-alone',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('/marked/lib/marked.esm.js')) return undefined
    const singleton = /;var (\w+)=new \w+;function \w+\(\w+,\w+\)\{return \1\.parse\(/.exec(code)
    const lexer = /export\{.*?(\w+) as Lexer\b/.exec(code)?.[1]
    if (!singleton || !lexer) throw new Error('marked is not built as it was: look at lexerAlone again')
    return `${code.slice(0, singleton.index)};export{${lexer} as Lexer};`
  },
}

interface ModuleFacts {
  importedIds: readonly string[]
  dynamicallyImportedIds: readonly string[]
}
type Look = (id: string) => ModuleFacts | null

/** All that a module imports at once, with itself. */
function closureOf(id: string, look: Look, found = new Set<string>()): Set<string> {
  if (found.has(id)) return found
  found.add(id)
  for (const next of look(id)?.importedIds ?? []) closureOf(next, look, found)
  return found
}

/**
 * What every page loads is one chunk, and what a notebook alone loads beyond that is another: many small ones are longer
 * together, and a request each. What other pages share with a notebook stays apart from both.
 */
function chunkGroups(look: Look): { frame: Set<string>; notebook: Set<string> } {
  const page = inSource('src/notebook/notebook-page.tsx')
  const frame = closureOf(inSource('src/main.tsx'), look)
  const others = new Set<string>()
  const pages = [...frame].flatMap(id => look(id)?.dynamicallyImportedIds ?? [])
  for (const other of pages) if (other !== page) closureOf(other, look, others)
  const notebook = [...closureOf(page, look)].filter(id => id !== page && !frame.has(id) && !others.has(id))
  return { frame, notebook: new Set(notebook) }
}

let groups: ReturnType<typeof chunkGroups> | undefined
function chunkOf(id: string, build: { getModuleInfo: Look }): string | null {
  groups ??= chunkGroups(other => build.getModuleInfo(other))
  if (groups.frame.has(id) && !id.endsWith('/main.tsx')) return 'frame'
  return groups.notebook.has(id) ? 'notebook' : null
}

export default defineConfig({
  root: import.meta.dirname,
  plugins: [plainLimits, lexerAlone, preact()],
  resolve: {
    alias: [
      { find: /^yaml$/, replacement: inSource('src/notebook/yaml-when-needed.ts') },
      { find: /^virtual:full-yaml$/, replacement: fullYaml },
      { find: /^lib0\/logging$/, replacement: inSource('src/sync/library-warnings.ts') },
    ],
  },
  // The hub replaces this word in index.html by a fresh nonce and names it in the page's policy.
  html: { cspNonce: 'MESHBOOK_NONCE' },
  build: {
    target: 'es2022',
    sourcemap: false,
    manifest: true,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: chunkOf, debugName: 'frame and notebook', test: /\.[jt]sx?$/ }] } } },
  },
})
