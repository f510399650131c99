/** What a JavaScript cell prints past the pipes of its children stands in the order in which it was printed (KN18). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import type { KernelSession } from '@meshbook/device/kernels/port.ts'
import { bed, fence, newRun } from './kernel.ts'

async function said(session: KernelSession, code: string): Promise<string[]> {
  const run = newRun()
  await session.execute({ run, fence: fence(1), code, cellName: 'cell' })
  const words: string[] = []
  for await (const { event } of session.events(run, 0, AbortSignal.timeout(20_000))) {
    const word = wordOf(event)
    const last = words.at(-1)
    if (word !== undefined && last !== undefined && !last.startsWith('<') && !word.startsWith('<'))
      words[words.length - 1] = last + word
    else if (word !== undefined) words.push(word)
    if (isTerminal(event)) break
  }
  return words
}

function wordOf(event: RunEvent): string | undefined {
  if (event.type === 'stdout' || event.type === 'stderr') return event.text
  return event.type === 'display' || event.type === 'failed' ? `<${event.type}>` : undefined
}

test('KN18 children that a JavaScript cell waits for print between its own lines, each time', async t => {
  const { sessions, spec } = await bed(t, 'javascript')
  const session = await sessions.start(spec)
  const code = `const { spawnSync, execSync } = require('node:child_process')
for (let i = 0; i < 20; i++) {
  process.stdout.write('a' + i)
  spawnSync('printf', ['b'], { stdio: 'inherit' })
  process.stderr.write('c')
  execSync('printf d >&2', { stdio: 'inherit' })
  process.stdout.write('e\\n')
}
undefined`
  const wanted = Array.from({ length: 20 }, (_, i) => `a${i}bcde\n`).join('')
  assert.deepEqual(await said(session, code), [wanted])
})

test('KN18 a value stands where it was displayed, also one that makes its own display later', async t => {
  const { sessions, spec } = await bed(t, 'javascript')
  const session = await sessions.start(spec)
  assert.deepEqual(await said(session, "console.log('a'); display('b'); console.log('c')"), ['a\n', '<display>', 'c\n'])
  const slow = `display({ async [Symbol.for('Jupyter.display')]() { return { 'text/html': 'b' } } }); console.log('c')`
  assert.deepEqual((await said(session, slow)).sort(), ['<display>', 'c\n'])
  const broken = `display({ async [Symbol.for('Jupyter.display')]() { throw new Error('b') } }); undefined`
  assert.deepEqual(await said(session, broken), ['<failed>'])
})

test('KN18 bytes that end within a character are shown where the text goes on, and are not the next run\u2019s', async t => {
  const { sessions, spec } = await bed(t, 'javascript')
  const session = await sessions.start(spec)
  const half = 'process.stdout.write(Uint8Array.from([0x61, 0xe2, 0x82]))'
  assert.deepEqual(await said(session, `${half}; process.stdout.write('b\\n'); undefined`), ['a\ufffdb\n'])
  assert.deepEqual(await said(session, `${half}; undefined`), ['a\ufffd'])
  assert.deepEqual(await said(session, "console.log('next')"), ['next\n'])
  assert.deepEqual(await said(session, `${half}; process.stdout.write(Uint8Array.from([0xac])); undefined`), ['a€'])
})
