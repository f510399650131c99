/**
 * What a cell imports, found by parsing (SPEC.md, IM1–IM6): text in strings and comments is no import. The grammar of
 * Python is large, so what runs in a browser does not import this file.
 */
import { canonicalLanguage } from '../languages.ts'
import { limits } from '../limits.ts'
import { gpuLibrariesOf } from '../route/hardware.ts'
import { juliaImports } from './imports/julia.ts'
import { pythonImports } from './imports/python.ts'
import { rImports } from './imports/r.ts'

const readers = new Map<string, (code: string) => Iterable<string>>([
  ['python', pythonImports],
  ['r', rImports],
  ['julia', juliaImports],
])

const moduleName = /^[\p{L}_][\p{L}\p{N}\p{M}_!]*(?:\.[\p{L}\p{N}\p{M}_!]+)*$/u

/** Dotted names of modules, each once, in order. A language that is not known has none. */
export function importsOf(language: string, code: string): string[] {
  const read = readers.get(canonicalLanguage(language))
  if (!read) return []
  const names = new Set(read(code.slice(0, limits.importScanChars)))
  return [...names].filter(name => moduleName.test(name)).sort()
}

/** The imports that matter to the router. Code that does not even hold the name of such a library is not parsed. */
export function routedImports(language: string, code: string): string[] {
  const named = gpuLibrariesOf(language).some(library => code.includes(library.split('.')[0]!))
  return named ? importsOf(language, code) : []
}
