/** What the builds of the browser's apps share. */
import { fileURLToPath } from 'node:url'
import type { AliasOptions, PluginOption } from 'vite'
import {
  fewErrorTexts,
  lexerAlone,
  oneEnvironment,
  oneFontFormat,
  plainLimits,
  schemasWhenUsed,
} from './bundle/smaller-code.ts'
import { yjsParts } from './bundle/yjs-parts.ts'

const inSource = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const fullYaml = fileURLToPath(new URL('../browser/index.js', import.meta.resolve('yaml')))

export const smaller: PluginOption[] = [
  plainLimits,
  schemasWhenUsed,
  fewErrorTexts,
  lexerAlone,
  oneEnvironment,
  oneFontFormat,
  yjsParts,
]

export const alias: AliasOptions = [
  { find: /^yaml$/, replacement: inSource('src/notebook/yaml-when-needed.ts') },
  { find: /^virtual:full-yaml$/, replacement: fullYaml },
  { find: /^lib0\/logging$/, replacement: inSource('src/sync/library-warnings.ts') },
]

/** The hub replaces this word in a page by a fresh nonce and names it in the page's policy. */
export const nonceWord = 'MESHBOOK_NONCE'
