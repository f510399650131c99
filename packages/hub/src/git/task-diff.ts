/** What a task changed, and the files of a commit, read from its bare repository (GT4, GT50, GT51). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { TaskDiff } from '@meshbook/core/tasks-api.ts'
import type { GitProgram } from './git-program.ts'

export interface TaskTreePorts {
  git: GitProgram
  limits: Pick<Limits, 'taskDiffBytes' | 'diffFilesPerTask' | 'entriesPerFolder' | 'taskFileBytes'>
}

/** One of a folder. `link`: its text is where it leads; `module`: another repository. */
export interface TreeEntry {
  name: string
  kind: 'file' | 'program' | 'folder' | 'link' | 'module'
  /** Null of folders and modules. */
  bytes: number | null
}

export interface TaskFile {
  bytes: number
  content: Buffer
  isCut: boolean
}

/** Of a repository of git, not of a folder: nothing of it is executed. */
const plain = ['--no-ext-diff', '--no-textconv', '--no-color', '--find-renames', '--submodule=short']
const factsBytes = 16 * 1024 * 1024

export async function taskDiff(
  { git, limits }: TaskTreePorts,
  { gitDir, base, commit }: { gitDir: string; base: string; commit: string },
): Promise<TaskDiff> {
  const run = { gitDir, config: [['diff.renameLimit', '1000']] as const }
  const facts = await git.run({
    ...run,
    args: ['diff', ...plain, '--raw', '--numstat', '--abbrev=40', '-z', base, commit, '--'],
    outputBytes: factsBytes,
  })
  if (facts.code !== 0 && !facts.isCut) throw unreadable(facts.stderr)
  const all = parseFacts(facts.stdout.toString('utf8'))
  const files = all.slice(0, limits.diffFilesPerTask)
  const shown = await git.run({
    ...run,
    args: ['diff', ...plain, base, commit, '--'],
    outputBytes: limits.taskDiffBytes,
  })
  if (shown.code !== 0 && !shown.isCut) throw unreadable(shown.stderr)
  const text = shown.isCut ? wholeFiles(shown.stdout).toString('utf8') : shown.stdout.toString('utf8')
  return { base, commit, files, text, isCut: shown.isCut || facts.isCut || files.length < all.length }
}

const states = { A: 'added', M: 'changed', T: 'changed', D: 'removed', R: 'renamed', C: 'added' } as const

/**
 * Of `git diff --raw --numstat -z`: first all of one, then all of the other, each in the same order. What is cut at the end
 * is left out.
 */
export function parseFacts(text: string): TaskDiff['files'] {
  const fields = text.split('\0')
  fields.pop()
  const named: Pick<TaskDiff['files'][number], 'path' | 'was' | 'state'>[] = []
  let at = 0
  for (; fields[at]?.startsWith(':'); ) {
    const letter = fields[at]!.split(' ')[4]?.[0] as keyof typeof states
    const isPair = letter === 'R' || letter === 'C'
    const [first, second] = [fields[at + 1], fields[at + 2]]
    if (first === undefined || (isPair && second === undefined)) break
    named.push({
      path: isPair ? second! : first,
      was: letter === 'R' ? first : null,
      state: states[letter] ?? 'changed',
    })
    at += isPair ? 3 : 2
  }
  const counts: { added: number | null; removed: number | null }[] = []
  while (at < fields.length) {
    const found = /^(\d+|-)\t(\d+|-)\t(.*)$/s.exec(fields[at]!)
    if (!found) break
    counts.push({ added: countOf(found[1]!), removed: countOf(found[2]!) })
    at += found[3] === '' ? 3 : 1
  }
  return named.map((file, i) => ({ ...file, ...(counts[i] ?? { added: null, removed: null }) }))
}

/** Git says `-` of what is no text. */
const countOf = (text: string): number | null => (text === '-' ? null : Number(text))

/** Up to the last file that is whole. No line of a file's content begins like this one. */
export function wholeFiles(bytes: Buffer): Buffer {
  const last = bytes.lastIndexOf('\ndiff --git ')
  return last < 0 ? Buffer.alloc(0) : bytes.subarray(0, last + 1)
}

/** In the order of git; folders are not gone into. */
export async function listFolder(
  { git, limits }: TaskTreePorts,
  { gitDir, commit, path }: { gitDir: string; commit: string; path: string },
): Promise<{ entries: TreeEntry[]; isCut: boolean }> {
  const args = ['ls-tree', '--long', '-z', '--end-of-options', `${commit}:${checkedPath(path, true)}`]
  const answer = await git.run({ gitDir, args, outputBytes: factsBytes })
  if (answer.code !== 0 && !answer.isCut)
    throw new MeshError('NOT_FOUND', { detail: `no folder ${path} in this commit` })
  const lines = answer.stdout.toString('utf8').split('\0')
  lines.pop()
  const entries = lines.slice(0, limits.entriesPerFolder).map(entryOf)
  return { entries, isCut: answer.isCut || entries.length < lines.length }
}

const kinds: Readonly<Record<string, TreeEntry['kind']>> = {
  '100644': 'file',
  '100755': 'program',
  '040000': 'folder',
  '120000': 'link',
  '160000': 'module',
}

function entryOf(line: string): TreeEntry {
  const found = /^(\d{6}) \w+ [0-9a-f]+ +(\d+|-)\t(.+)$/s.exec(line)
  if (!found) throw new MeshError('INTERNAL', { detail: 'git listed something else' })
  const [, mode = '', bytes = '', name = ''] = found
  return { name, kind: kinds[mode] ?? 'file', bytes: countOf(bytes) }
}

/** Bytes as they are in the commit, up to `taskFileBytes`. */
export async function readTaskFile(
  { git, limits }: TaskTreePorts,
  { gitDir, commit, path }: { gitDir: string; commit: string; path: string },
): Promise<TaskFile> {
  const name = `${commit}:${checkedPath(path, false)}`
  const size = await git.run({ gitDir, args: ['cat-file', '-s', name] })
  const kind = await git.run({ gitDir, args: ['cat-file', '-t', name] })
  if (size.code !== 0 || kind.stdout.toString('utf8').trim() !== 'blob')
    throw new MeshError('NOT_FOUND', { detail: `no file ${path} in this commit` })
  const { stdout: content, isCut } = await git.run({
    gitDir,
    args: ['cat-file', 'blob', name],
    outputBytes: limits.taskFileBytes,
  })
  return { bytes: Number(size.stdout.toString('utf8')), content, isCut }
}

/** Of a tree of git: no way out of it, no word that git reads as something else. */
function checkedPath(path: string, isFolder: boolean): string {
  const parts = path.split('/')
  const isGood = (isFolder && path === '') || parts.every(part => part !== '' && part !== '.' && part !== '..')
  if (isGood && !path.includes('\0') && path.length <= 4_096) return path
  throw new MeshError('BAD_REQUEST', { detail: 'this is no path within a repository' })
}

function unreadable(stderr: string): MeshError {
  return new MeshError('NOT_FOUND', { detail: `there is no such commit: ${stderr.trim().slice(0, 200)}` })
}
