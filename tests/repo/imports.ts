/** Which module imports which: read from the text, since types are stripped and nothing is bundled. */
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { root, type SourceFile } from './source-files.ts'

/** Every module specifier in a file: static, dynamic and side-effect imports, re-exports, and worker URLs. */
export function importsOf({ text }: SourceFile): string[] {
  const withoutComments = text.replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '')
  const patterns = [
    /(?:\bfrom|^\s*import) '([^'\s]+)'/gm,
    /\bimport\('([^'\s]+)'\)/g,
    /new URL\('(\.[^'\s]+\.(?:ts|mjs|js))', import\.meta\.url\)/g,
  ]
  return patterns.flatMap(pattern => [...withoutComments.matchAll(pattern)].map(match => match[1]!))
}

/** `packages/core/src/run.ts` → `core`. */
export function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1]
}

/** The file of this repository that a specifier means, if it means one. */
export function resolveImport(from: string, specifier: string): string | undefined {
  const own = /^@meshbook\/([^/]+)\/(.+)$/.exec(specifier)
  if (own) return own[1] === 'kernels' ? `kernels/${own[2]}` : `packages/${own[1]}/src/${own[2]}`
  return specifier.startsWith('.') ? normalize(join(dirname(from), specifier)).replaceAll('\\', '/') : undefined
}

/** The npm package of a bare specifier: `@preact/signals/x` → `@preact/signals`. */
export function npmPackageOf(specifier: string): string | undefined {
  if (
    specifier.startsWith('.') ||
    specifier.startsWith('node:') ||
    specifier.startsWith('@meshbook/') ||
    specifier.startsWith('virtual:')
  )
    return undefined
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

export function exists(path: string): boolean {
  return existsSync(join(root, path))
}
