import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { NodeDisk } from './node-disk.ts'
import { scanFolder } from './scan-folder.ts'

const caps = { documents: 10_000, folders: 1_000, files: 0 }
const environment = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }
const git = (folder: string, ...args: string[]) =>
  execFileSync('git', args, { cwd: folder, encoding: 'utf8', env: environment })

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

/** What git would add. */
const gitSees = (root: string) =>
  git(root, 'ls-files', '-z', '--others', '--exclude-standard', '*.md').split('\0').filter(Boolean).sort()
const weSee = async (root: string) => [...(await scanFolder(new NodeDisk(), root, caps)).notebooks.keys()].sort()

const names = ['a', 'b', 'Ab', 'build', 'out', 'a b', '#x', 'ää']
const folders = ['', 'a/', 'b/', 'a/b/', 'build/', 'build/a/', 'out/Ab/']
const paths = folders.flatMap(folder => names.map(name => `${folder}${name}.md`))
const pattern = fc.oneof(
  fc.constantFrom(
    '*.md',
    '!*.md',
    'a',
    '/a',
    'a/',
    '!a/',
    'b/**',
    '**/b',
    'a/**/Ab.md',
    '!a.md',
    '!/a/a.md',
    'build/*',
    '!build/a',
  ),
  fc.constantFrom(
    '?.md',
    '[ab].md',
    '[!a].md',
    '\\#x.md',
    '# a comment',
    '',
    'a b.md',
    'ab.md',
    'AB.md',
    'out',
    '!out/',
    '*',
    '!*/',
    'a*.md',
    '/*/b.md',
    'ä.md',
    'b.md ',
  ),
)
/** A folder that a file above leaves out and a deeper file takes back in stays out here. */
const takesFolderBack = (line: string) => line.startsWith('!') && !line.endsWith('.md')
const rulesOf = (line: fc.Arbitrary<string>) => fc.array(line, { maxLength: 5 }).map(lines => lines.join('\n'))
const rules = rulesOf(pattern)
const deeper = rulesOf(pattern.filter(line => !takesFolderBack(line)))

test('DV21 .gitignore files at every level mean what they mean to git', async () => {
  await fc.assert(
    fc.asyncProperty(rules, deeper, deeper, async (top, inA, inBuild) => {
      const root = await temporaryFolder()
      git(root, 'init', '-q')
      for (const path of paths) write(root, path, 'x\n')
      write(root, '.gitignore', top)
      write(root, 'a/.gitignore', inA)
      write(root, 'build/.gitignore', inBuild)
      assert.deepEqual(await weSee(root), gitSees(root), JSON.stringify({ top, inA, inBuild }))
    }),
    { numRuns: 60 },
  )
})

test('DV21 what no project shares is ignored, whatever the files of rules say', async () => {
  const root = await temporaryFolder()
  const hidden = [
    '.git/x.md',
    '.venv/lib/x.md',
    'venv/x.md',
    'node_modules/p/readme.md',
    'deep/node_modules/x.md',
    '_assets/x.md',
  ]
  const own = [
    '.meshbook/x.md',
    '.meshbook-doc.md',
    '__pycache__/x.md',
    '.ipynb_checkpoints/x.md',
    '.pytest_cache/README.md',
    '.cache/x.md',
  ]
  for (const path of [...hidden, ...own, 'seen.md']) write(root, path, 'x\n')
  write(root, '.gitignore', '!node_modules\n!.git\n')
  write(root, 'deep/.gitignore', '!node_modules/\n')
  assert.deepEqual(await weSee(root), ['seen.md'])
})
