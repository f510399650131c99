import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DocumentInfo } from '@meshbook/core/api.ts'
import { ago, duration } from '../notebook/duration.ts'
import { framePage } from '../notebook/frame-page.ts'
import { titleOf, treeOf } from './file-tree.ts'
import { score } from './fuzzy.ts'

const documents = (paths: string[]) => paths.map(path => ({ id: path, path }) as unknown as DocumentInfo)

test('paths are a tree with folders first and numbers in their natural order', () => {
  const tree = treeOf(documents(['run-10.md', 'run-2.md', 'notes/b.md', 'notes/deep/a.md', '.meshbook/tree']))
  assert.deepEqual(
    tree.map(node => node.name),
    ['notes', 'run-2.md', 'run-10.md'],
  )
  assert.deepEqual(tree[0]?.kind === 'folder' && tree[0].nodes.map(node => node.name), ['deep', 'b.md'])
  assert.equal(titleOf('notes/today.md'), 'today')
})

test('a query finds beginnings before middles, and middles before scattered letters', () => {
  const ranks = ['run all cells', 'restart and run', 'round unit'].map(name => score('run', name))
  assert.ok(ranks[0]! > ranks[1]! && ranks[1]! > ranks[2]! && ranks[2]! > 0)
  assert.equal(score('xyz', 'run'), 0)
})

test('times are said as people say them', () => {
  assert.deepEqual(
    [8, 312, 12_400, 200_000, 3_900_000].map(ms => duration(ms)),
    ['8 ms', '0.3 s', '12.4 s', '3 min 20 s', '1 h 5 min'],
  )
  assert.deepEqual(
    [5e3, 3e5, 7.2e6, 9e7].map(ms => ago(0, ms)),
    ['just now', '5 min ago', '2 h ago', 'yesterday'],
  )
})

test('the page of an output forbids everything but inline code before the output begins (S9)', () => {
  const page = framePage('<script>1</script>', { dark: false, nonce: 'abc' })
  assert.ok(page.indexOf("default-src 'none'") < page.indexOf('<script'))
  assert.ok(page.includes('<script nonce="abc">1</script>'))
  assert.ok(!framePage('x', { dark: true, nonce: '"><script>' }).includes('"><script>"'))
})
