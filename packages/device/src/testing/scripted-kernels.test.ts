import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Fence, newId, systemRandom } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { KernelSession, SessionSpec } from '../kernels/port.ts'
import { ScriptedKernels } from './scripted-kernels.ts'

const id = <K extends 'session' | 'head' | 'project' | 'run'>(kind: K) => newId(kind, Date.now(), systemRandom)
const specOf = (): SessionSpec => ({
  session: id('session'),
  head: id('head'),
  fence: 1 as Fence,
  project: id('project'),
  projectFolder: '/',
  language: 'python',
  name: 'default',
  device: 'Test bench',
})

async function run(session: KernelSession, code: string, name = id('run'), after = 0): Promise<RunEvent[]> {
  if (after === 0) await session.execute({ run: name, fence: session.spec.fence, code, cellName: 'demo' })
  const events = []
  for await (const { event } of session.events(name, after, AbortSignal.timeout(5000))) events.push(event)
  return events
}

const textOf = (events: RunEvent[]) => events.map(event => (event.type === 'stdout' ? event.text : '')).join('')

test('scripted kernels are saved, copied and made again as real ones are (KH42, KH43, KH45)', async t => {
  const kernels = new ScriptedKernels()
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-scripted-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const session = await kernels.start(specOf())
  await run(session, 'set x 1')
  const { variables } = await session.save(folder)
  assert.deepEqual(variables, [{ name: 'x', type: 'str' }])
  const copy = await session.fork()
  await run(session, 'set x 2')
  for (const from of [
    { kind: 'portable', folder } as const,
    { kind: 'image', ...copy, address: '', port: 1, token: '', kernel: '', adopted: '' } as const,
  ]) {
    const other = await kernels.start(specOf(), { from, notice: 'As of noon.' })
    const [started, ...rest] = await run(other, 'show x')
    assert.ok(started?.type === 'started' && started.notice === 'As of noon.')
    assert.equal(textOf(rest), '1\n')
  }
  const nothing = { from: { kind: 'portable', folder: join(folder, 'none') } as const, notice: '' }
  await assert.rejects(kernels.start(session.spec, nothing), { code: 'RESTORE_FAILED' })
  assert.equal(textOf(await run(session, 'show x')), '2\n')
})

test('a scripted run goes on in its middle, and a held session begins none (KH46, KH47)', async () => {
  const kernels = new ScriptedKernels()
  const session = await kernels.start(specOf())
  const copy = await session.fork()
  const from = { kind: 'image', ...copy, address: '', port: 1, token: '', kernel: '', adopted: '' } as const
  const name = id('run')
  const order = { run: name, fence: 1 as Fence, code: 'print a\nprint b\nprint c', cellName: 'demo' }
  const resume = { order, seq: 9, fromSeq: 2, kernelEvents: 1 }
  const other = await kernels.start(specOf(), { from, notice: '', resume })
  const [first, ...rest] = await run(other, '', name, 9)
  assert.ok(first?.type === 'resumed' && first.lostAfter === 9)
  assert.equal(textOf(rest), 'b\nc\n')
  assert.equal(kernels.machine.executions.get(name), undefined)

  const held = await session.hold(5000)
  const ran = run(session, 'print now')
  await new Promise(resolve => setTimeout(resolve, 30))
  assert.equal((await session.shape()).running, null)
  await held.release()
  assert.equal(textOf(await ran), 'now\n')
})
