import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TreeEntry } from './executions.ts'
import type { DocumentId } from './ids.ts'
import { limits } from './limits.ts'
import { normalPath, resolveTree } from './tree.ts'

const id = (n: number) => `doc_${String(n).padStart(26, '0')}` as unknown as DocumentId
const entry = (path: string, more: Partial<TreeEntry> = {}): TreeEntry => ({ path, kind: 'document', ...more })

test('S11 a path stays inside the project: no root, no parent, no empty segment, no drive, no device', () => {
  for (const path of [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    './a',
    'a\\b',
    'C:a',
    'con',
    'a/NUL.txt',
    'com1',
    'a.',
    'a ',
    'a\u0000',
    'a\nb',
    'a?',
    '\u202ea',
    '\ufeffa',
    '\ud800',
    7,
    null,
    undefined,
  ]) {
    assert.equal(normalPath(path), undefined, JSON.stringify(path))
  }
})

test('ordinary names pass, in one normal form', () => {
  for (const path of ['a.md', 'Notes/2026/plan.md', '.meshbook/tree', 'Ünïcode 😀.md', '...a', 'console.md', 'com10'])
    assert.equal(normalPath(path), path.normalize('NFC'))
  assert.equal(normalPath('e\u0301.md'), '\u00e9.md')
})

test('over-long paths and segments are refused, counted in bytes', () => {
  assert.equal(normalPath('é'.repeat(limits.pathSegmentBytes / 2 + 1)), undefined)
  assert.equal(
    normalPath('a/'.repeat(limits.pathBytes / 2).slice(0, -1)),
    'a/'.repeat(limits.pathBytes / 2).slice(0, -1),
  )
  assert.equal(normalPath(`${'a/'.repeat(limits.pathBytes / 2)}a`), undefined)
})

const nasty = fc
  .array(
    fc.constantFrom(
      '..',
      '.',
      '/',
      '\\',
      '\u0000',
      'a',
      'B',
      ' ',
      ':',
      'con',
      '~',
      '\u202e',
      '\ud800',
      '%2e',
      '\u0301',
      '．',
      '\u2215',
      '',
      'é',
    ),
    { maxLength: 12 },
  )
  .map(parts => parts.join(''))

test('S11 whatever passes has no segment that leads elsewhere, and passes again unchanged', () => {
  fc.assert(
    fc.property(nasty, text => {
      const path = normalPath(text)
      if (path === undefined) return
      assert.equal(normalPath(path), path)
      assert.ok(path.split('/').every(segment => segment !== '' && segment !== '.' && segment !== '..'))
      assert.ok(!/[\\:\u0000-\u001f]/.test(path) && path.isWellFormed())
    }),
    { numRuns: 5000 },
  )
})

test('two documents that want one path both stay, also when only case differs; the older keeps the name', () => {
  const paths = resolveTree([
    [id(2), entry('A.md')],
    [id(1), entry('a.md')],
    [id(3), entry('a.md')],
    [id(4), entry('a (2).md')],
    [id(5), entry('.env')],
    [id(6), entry('.env')],
  ])
  assert.deepEqual(Object.fromEntries(paths), {
    [id(1)]: 'a.md',
    [id(2)]: 'A (2).md',
    [id(3)]: 'a (3).md',
    [id(4)]: 'a (2) (2).md',
    [id(5)]: '.env',
    [id(6)]: '.env (2)',
  })
})

test('deleted entries, bad paths and bad ids have no path', () => {
  const paths = resolveTree([
    [id(1), entry('a.md', { deletedAt: 0 })],
    [id(2), entry('../b')],
    ['__proto__', entry('c.md')],
    [id(3), entry('d.md')],
  ])
  assert.deepEqual([...paths], [[id(3), 'd.md']])
})

const anyTree = fc.uniqueArray(
  fc.tuple(
    fc.nat(30).map(id),
    fc.constantFrom('a.md', 'A.md', 'a (2).md', 'b/c', 'B/c', '../x', '').map(path => entry(path)),
  ),
  { maxLength: 20, selector: ([key]) => key },
)

test('every peer gives every document the same path, each path once, whatever the order of the entries', () => {
  fc.assert(
    fc.property(
      anyTree.chain(tree => fc.tuple(fc.constant(tree), fc.shuffledSubarray(tree, { minLength: tree.length }))),
      ([tree, shuffled]) => {
        const paths = resolveTree(tree)
        assert.deepEqual(new Map([...resolveTree(shuffled)].sort()), new Map([...paths].sort()))
        assert.equal(new Set([...paths.values()].map(path => path.toLowerCase())).size, paths.size)
      },
    ),
  )
})

test('20,000 documents that want one path get theirs quickly', () => {
  const from = performance.now()
  assert.equal(
    resolveTree(Array.from({ length: 20_000 }, (_, n) => [id(n), entry('same.md')] as [string, TreeEntry])).size,
    20_000,
  )
  assert.ok(performance.now() - from < 2_000)
})
