import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noWish, wishedTask } from './wished-task.ts'

test('TP10 what was left alone is left to the hub', () => {
  const repo = 'https://git.example/me/code'
  assert.deepEqual(wishedTask({ ...noWish, prompt: ' Mend it ', repo }), { prompt: 'Mend it', repo })
})

test('TP10 each power stands for its tools', () => {
  const rules = { files: 'auto', shell: 'ask', cells: 'never' } as const
  const task = wishedTask({ ...noWish, prompt: 'x', repo: 'r', budget: '2.5', base: 'main', rules, pullRequest: false })
  assert.deepEqual(task.tools, { write: 'auto', edit: 'auto', shell: 'ask', notebook_cell: 'never' })
  assert.deepEqual([task.budget, task.base, task.pullRequest], [{ microUsd: 2_500_000 }, 'main', false])
})

test('TP22 an agent is named where another one than the hub’s own is chosen', () => {
  assert.equal(wishedTask({ ...noWish, prompt: 'x', repo: 'r', agent: 'acp:mine' }).agent, 'acp:mine')
  assert.ok(!('agent' in wishedTask({ ...noWish, prompt: 'x', repo: 'r' })))
})
