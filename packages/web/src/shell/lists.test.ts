import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DocumentInfo } from '@meshbook/core/api.ts'
import { ago, duration } from '../notebook/duration.ts'
import { frameOf } from '../notebook/frame-page.ts'
import { firstRows, titleOf, treeOf } from './file-tree.ts'
import { kindOf } from './file-words.ts'
import { score } from './fuzzy.ts'

const documents = (paths: string[]) => paths.map(path => ({ id: path, path }) as unknown as DocumentInfo)

test('paths are a tree with folders first and numbers in their natural order', () => {
  const tree = treeOf(documents(['run-10.md', 'run-2.md', 'notes/b.md', 'notes/deep/a.md', '.meshbook/tree']))
  assert.deepEqual(
    tree.map(node => node.name),
    ['notes', 'run-2.md', 'run-10.md'],
  )
  assert.deepEqual(tree[0]?.kind === 'folder' && tree[0].nodes.map(node => node.name), ['deep', 'b.md'])
  const files = treeOf(documents(['b.md']), documents(['a.csv', 'notes/c.csv']) as never)
  assert.deepEqual(
    files.map(({ kind, name }) => [kind, name]),
    [
      ['folder', 'notes'],
      ['file', 'a.csv'],
      ['document', 'b.md'],
    ],
  )
  assert.equal(titleOf('notes/today.md'), 'today')
})

test('of thousands of files in a folder the first are rows, and every document is', () => {
  const paths = Array.from({ length: 20_000 }, (_, n) => `part-${n}.csv`)
  const nodes = treeOf(documents(['zoo.md', 'a.md']), documents(paths) as never)
  const { shown, more } = firstRows(nodes, 100)
  assert.deepEqual([shown.length, more], [102, 19_900])
  assert.deepEqual([shown[0]?.name, shown.at(-1)?.name], ['a.md', 'zoo.md'])
})

test('a file is called by its ending, whatever that is', () => {
  assert.deepEqual(['a/b.CSV', 'x.constructor', 'noending', 'y.weird'].map(kindOf), [
    'CSV table',
    'CONSTRUCTOR file',
    'file',
    'WEIRD file',
  ])
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
  const page = frameOf('<p>the output</p>', { dark: false, nonce: 'abc' })
  assert.ok(page.indexOf("default-src 'none'") < page.indexOf('<script'))
  assert.ok(page.indexOf('RTCPeerConnection') < page.indexOf('the output'))
  assert.ok(page.includes('<script nonce="abc">'))
  assert.ok(!frameOf('x', { dark: true, nonce: '"><script>' }).includes('"><script>'))
})
