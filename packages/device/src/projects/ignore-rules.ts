/** Which paths of a project folder are none of Meshbook's business: `.gitignore` files and what no project shares. */
import { join } from 'node:path'
import { limits } from '@meshbook/core/limits.ts'
import ignore, { type Ignore } from 'ignore'
import type { Disk } from './disk.ts'

const always = [
  '.git',
  '.venv',
  'venv',
  'node_modules',
  '__pycache__',
  '.ipynb_checkpoints',
  '_assets',
  '.meshbook*',
  '.hg',
  '.svn',
  '.tox',
  '.nox',
  '.mypy_cache',
  '.pytest_cache',
  '.ruff_cache',
  '.cache',
  '.direnv',
  '.Trash*',
  '*~',
  '.#*',
]

/** As git has it where file names differ by case. */
const options = { ignorecase: process.platform === 'darwin' || process.platform === 'win32' }
const builtIn = ignore({ ignorecase: true }).add(always)

/** Whether a path is none of those that no project shares, whatever the rules of a folder say. */
export function isShared(path: string): boolean {
  return !builtIn.ignores(path)
}

/** The rules of one folder and of those above it. A folder's own `.gitignore` speaks of paths relative to it. */
export class IgnoreRules {
  readonly #disk: Disk
  readonly #levels: readonly { prefix: string; rules: Ignore }[]

  private constructor(disk: Disk, levels: readonly { prefix: string; rules: Ignore }[]) {
    this.#disk = disk
    this.#levels = levels
  }

  static async atRoot(disk: Disk, root: string): Promise<IgnoreRules> {
    return new IgnoreRules(disk, []).within(root, '')
  }

  /** The rules inside a folder; `path` is relative to the root, without a slash at the end. */
  async within(root: string, path: string): Promise<IgnoreRules> {
    const text = await readRules(this.#disk, join(root, path, '.gitignore'))
    if (text === undefined) return this
    return new IgnoreRules(this.#disk, [
      ...this.#levels,
      { prefix: path === '' ? '' : `${path}/`, rules: ignore(options).add(text) },
    ])
  }

  /**
   * `path` is relative to the root; a folder is asked for with a slash at its end. The deepest rule that speaks wins,
   * but nothing takes back what no project shares.
   */
  ignores(path: string): boolean {
    if (builtIn.ignores(path)) return true
    let ignored = false
    for (const { prefix, rules } of this.#levels) {
      const answer = rules.test(path.slice(prefix.length))
      if (answer.ignored) ignored = true
      else if (answer.unignored) ignored = false
    }
    return ignored
  }
}

/** A file of rules that cannot be read rules nothing. */
async function readRules(disk: Disk, file: string): Promise<string | undefined> {
  const content = await disk.read(file, limits.requestBodyBytes).catch(() => undefined)
  return content && Buffer.from(content.bytes).toString('utf8')
}
