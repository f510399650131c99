import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGlob, isMeant } from './glob.ts'

const isOne = (glob: string, path: string): boolean => isMeant([glob], path)

test('WF18 a star stays in one name, two are any number of folders, a dot must be written', () => {
  const fits: [string, string][] = [
    ['data/*.csv', 'data/a.csv'],
    ['data/**', 'data/a/b/c.csv'],
    ['data/**', 'data/a.csv'],
    ['**/*.md', 'a.md'],
    ['**/*.md', 'a/b/c.md'],
    ['a/**/b', 'a/b'],
    ['a/**/b', 'a/x/y/b'],
    ['a?.md', 'aé.md'],
    ['.github/*', '.github/a.yml'],
    ['**/.env*', 'a/.env.local'],
    ['caf\u00e9.md', 'cafe\u0301.md'],
  ]
  for (const [glob, path] of fits) assert.ok(isGlob(glob) && isOne(glob, path), `${glob} ${path}`)
  const others: [string, string][] = [
    ['data/*.csv', 'data/a/b.csv'],
    ['data/*.csv', 'data/a.csv.tmp'],
    ['data/*.csv', 'Data/a.csv'],
    ['*.md', 'a/b.md'],
    ['**', '.git/index'],
    ['a/**', 'a/.git/index'],
    ['*', '.env'],
    ['?env', '.env'],
    ['a?.md', 'a.md'],
    ['a/**/b', 'a/x/c'],
  ]
  for (const [glob, path] of others) assert.ok(isGlob(glob) && !isOne(glob, path), `${glob} ${path}`)
})

test('WF18 the last glob that fits decides', () => {
  const globs = ['data/**', '!data/old/**', 'data/old/keep.csv']
  const meant = ['data/a.csv', 'data/old/b.csv', 'data/old/keep.csv', 'x.csv'].filter(path => isMeant(globs, path))
  assert.deepEqual(meant, ['data/a.csv', 'data/old/keep.csv'])
  assert.equal(isMeant(['!a'], 'b'), false)
})

test('WF18 what leads out of the project, or only some globs know, is none', () => {
  for (const text of ['', '!', '/a', 'a//b', '../a', 'a/../b', './a', 'a\\b', '[ab].md', '{a,b}.md', 'a**b', 'a/**.md'])
    assert.ok(!isGlob(text), text)
})

/** Without bounds: for short lists only. */
function slowly(glob: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = glob
  if (first === undefined) return path.length === 0
  if (first === '**') return slowly(rest, path) || (path.length > 0 && slowly(glob, path.slice(1)))
  return path.length > 0 && slowlyName([...first], [...path[0]!]) && slowly(rest, path.slice(1))
}

function slowlyName(glob: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = glob
  if (first === undefined) return name.length === 0
  if (first === '*') return slowlyName(rest, name) || (name.length > 0 && slowlyName(glob, name.slice(1)))
  return name.length > 0 && (first === '?' || first === name[0]) && slowlyName(rest, name.slice(1))
}

test('WF18 a glob fits what it fits by its definition, whatever they are', () => {
  const glob = fc.array(fc.constantFrom('**', '*', 'a', 'a*', '*b', '?b', 'a*b*a', 'ab'), {
    minLength: 1,
    maxLength: 5,
  })
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'aab', 'ababa', 'ba'), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(glob, path, (g, p) => assert.equal(isOne(g.join('/'), p.join('/')), slowly(g, p))),
    { numRuns: 2_000 },
  )
})

test('WF18 no glob takes long', () => {
  const began = performance.now()
  assert.equal(isOne(`${'*a'.repeat(250)}b`, 'a'.repeat(1_000)), false)
  assert.equal(isOne(`${'**/a/'.repeat(100)}b`, `${'a/'.repeat(500)}a`), false)
  assert.ok(performance.now() - began < 2_000)
})
