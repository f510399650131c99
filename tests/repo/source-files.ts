/** The files of the repository as the repository rules read them: those that git tracks or would track. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface SourceFile {
  /** Relative to the repository, with `/`. */
  path: string
  text: string
}

const binary = /\.(?:png|jpe?g|gif|ico|webp|woff2?|pdf|sqlite|db)$/

export const files: readonly SourceFile[] = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
  { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
)
  .split('\0')
  .filter(path => path !== '' && !binary.test(path) && existsSync(join(root, path)))
  .map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))

export function isTest(path: string): boolean {
  return /\.test\.(?:ts|tsx|mjs)$/.test(path) || path.startsWith('tests/') || path.startsWith('bench/')
}

/** TypeScript and JavaScript files. */
export const code = files.filter(({ path }) => /\.(?:ts|tsx|mjs|js)$/.test(path))
/** Code that ships. */
export const product = code.filter(({ path }) => path.startsWith('packages/') && !isTest(path))

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** `path:line` of each match, for messages. */
export function places(pattern: RegExp, among: readonly SourceFile[]): string[] {
  const all = new RegExp(pattern.source, `${pattern.flags.replace('g', '')}g`)
  return among.flatMap(({ path, text }) =>
    [...text.matchAll(all)].map(
      match => `${path}:${text.slice(0, match.index).split('\n').length} ${match[0].trim().slice(0, 60)}`,
    ),
  )
}
