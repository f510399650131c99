import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changedWords, costWords, dollars, linesIn, queueWords, repoName, taskTitle, toolTitle } from './task-words.ts'

test('money is never nothing where something was spent', () => {
  assert.deepEqual([0, 1_200, 10_000, 2_345_678].map(dollars), ['$0.00', '$0.0012', '$0.01', '$2.35'])
  assert.equal(costWords({ microUsd: 120_000, budget: { microUsd: 5_000_000 } }), '$0.12 of $5.00')
  assert.equal(costWords({ microUsd: 0, budget: {} }), '$0.00')
})

test('a repository is called by its path, whatever its address is', () => {
  const all = [
    'https://git.example/me/code.git',
    'git@git.example:me/code.git',
    'ssh://git@h/me/code',
    'file:///srv/code',
  ]
  assert.deepEqual(all.map(repoName), ['me/code', 'me/code', 'me/code', 'srv/code'])
})

test('lists and folded calls say one line', () => {
  assert.equal(taskTitle('\n Mend it \nwith care'), 'Mend it')
  assert.equal(taskTitle('a'.repeat(300)).length, 120)
  assert.equal(toolTitle({ tool: 'shell', shown: 'npm test\necho', input: '' }), 'shell  npm test …')
  assert.equal(toolTitle({ tool: 'git_diff', shown: '', input: '' }), 'git_diff')
  assert.deepEqual([linesIn(''), linesIn('a'), linesIn('a\nb\n')], [0, 1, 2])
  assert.deepEqual(
    [0, 3, null].map(queuePosition => queueWords({ queuePosition })),
    ['next', '3 before it', ''],
  )
  assert.equal(changedWords({ files: 1, added: 2, removed: 3 }), '1 file, +2 −3')
})
