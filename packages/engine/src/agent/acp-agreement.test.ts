import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Agreed, covers, type Deed } from './acp-agreement.ts'

const write: Deed = { tool: 'write', path: '/repo/a.txt', content: 'good\n' }
const shell: Deed = { tool: 'shell', argv: ['bash', '-lc', 'npm test && rm -r out'], env: {} }
const asked = (tool: string, question: unknown): Agreed => ({ tool, question })

test('AL51 agreed is what stood in the question, letter for letter', () => {
  const diff = { content: [{ type: 'diff', path: '/repo/a.txt', oldText: 'bad\n', newText: 'good\n' }] }
  assert.ok(covers(asked('write', diff), write))
  assert.ok(covers(asked('shell', { rawInput: { command: 'npm test && rm -r out' } }), shell))
  assert.ok(covers(asked('shell', { rawInput: { command: 'ls -l' } }), { tool: 'shell', argv: ['ls', '-l'], env: {} }))
  assert.ok(covers(asked('read', { locations: [{ path: '/repo/a.txt' }] }), { tool: 'read', path: '/repo/a.txt' }))
})

for (const [what, question, deed] of [
  ['another tool', asked('shell', { path: '/repo/a.txt', content: 'good\n' }), write],
  ['other content', asked('write', { path: '/repo/a.txt', content: 'good' }), write],
  ['another file', asked('write', { path: '/work/b.txt', content: 'good\n' }), write],
  ['a path alone', asked('write', { path: '/repo/a.txt' }), write],
  ['the beginning of a command', asked('shell', { command: 'npm test' }), shell],
  ['a command with variables', asked('shell', { command: 'npm test && rm -r out' }), { ...shell, env: { PATH: '/x' } }],
  ['a command elsewhere', asked('shell', { command: 'npm test && rm -r out' }), { ...shell, cwd: '/work/other' }],
] as const)
  test(`AL51 ${what} is not what was agreed to`, () => assert.ok(!covers(question, deed)))
