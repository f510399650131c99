/** What the builds of the browser's apps share. */
import { fileURLToPath } from 'node:url'
import { limits } from '@meshbook/core/limits.ts'
import type { AliasOptions, Plugin } from 'vite'

const inSource = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const fullYaml = fileURLToPath(new URL('../browser/index.js', import.meta.resolve('yaml')))

/** The limits as the numbers that they are: of the whole catalogue, a page needs a few. */
export const plainLimits: Plugin = {
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

export const alias: AliasOptions = [
  { find: /^yaml$/, replacement: inSource('src/notebook/yaml-when-needed.ts') },
  { find: /^virtual:full-yaml$/, replacement: fullYaml },
  { find: /^lib0\/logging$/, replacement: inSource('src/sync/library-warnings.ts') },
]

/** The hub replaces this word in a page by a fresh nonce and names it in the page's policy. */
export const nonceWord = 'MESHBOOK_NONCE'
