/** Restarting and interrupting a session with a real kernel, from the command line. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { command, eventually, startMesh, temporaryFolder } from '../mesh-process.ts'

const cells = ['x = 1', 'print(x)', 'import time\ntime.sleep(60)', 'print("after")']
const notebook = cells.map(code => `\`\`\`python\n${code}\n\`\`\`\n`).join('\n')

test('RU10 RU11 an interrupt keeps the variables, a restart drops them; what waits goes on in the new namespace', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const file = join(data, 'projects/demo/restart.md')
  await writeFile(file, notebook)
  const cli = (...args: string[]) => command([...args, '--data', data])
  const cell = (n: number) => cli('run', file, '--cell', String(n))
  await eventually('the first cell', async () => (await cell(1)).code === 0)
  const sessions = async () =>
    (await cli('sessions', 'list', '--json')).stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { id: string; fence: number })
  const running = async () => {
    const { stdout } = await cli('runs', 'list', '--json', '--status', 'running')
    return stdout === '' ? undefined : (JSON.parse(stdout.split('\n')[0]!) as Run)
  }
  const [{ id, fence }] = (await sessions()) as [{ id: string; fence: number }]

  const interrupted = cell(3)
  const run = await eventually('the long cell', running)
  assert.equal((await cli('sessions', 'interrupt', id, '--run', 'another')).code, 5)
  assert.equal((await cli('sessions', 'interrupt', id, '--run', run.id)).code, 0)
  assert.notEqual((await interrupted).code, 0)
  assert.match((await cell(2)).stdout, /^1$/m)

  const ended = cell(3)
  await eventually('the long cell again', running)
  const waits = cell(4)
  await eventually('the one that waits', async () => (await cli('runs', 'list', '--status', 'queued')).stdout !== '')
  assert.equal((await cli('sessions', 'restart', id)).code, 0)
  assert.equal((await ended).code, 130)
  const { code, stdout } = await waits
  assert.deepEqual([code, /^after$/m.test(stdout)], [0, true])
  assert.equal((await cell(2)).code, 10, 'x is gone')
  assert.equal((await sessions())[0]?.fence, fence + 1)
})
