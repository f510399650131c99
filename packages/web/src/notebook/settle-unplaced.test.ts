import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { signal } from '@preact/signals'
import * as Y from 'yjs'
import { ExecutionStore } from './execution-store.ts'
import { NotebookStore } from './notebook-store.ts'
import { settleUnplaced } from './settle-unplaced.ts'

type Known = Pick<Run, 'status' | 'endedAt' | 'device' | 'error'>
const queued: Known = { status: 'queued', endedAt: null, device: null, error: null }
const refused: Known = {
  status: 'failed',
  endedAt: 1,
  device: null,
  error: { name: 'NO_DEVICE', message: 'why' } as never,
}

const atOnce = (run: () => void) => {
  run()
  return () => undefined
}

test('RT20 a run that no device got is refused in the document by the page that asked for it, with the reason', () => {
  const doc = new Y.Doc()
  const executions = new ExecutionStore(new NotebookStore(doc, atOnce))
  const ask = (id: string, requestedBy: number) =>
    executions.write({
      id,
      status: 'requested',
      code: '1',
      language: 'python',
      requestedBy,
      outputBy: 'monitor',
    } as never)
  ask('mine', doc.clientID)
  ask('placed', doc.clientID)
  ask('cancelled', doc.clientID)
  ask('of others', doc.clientID + 1)
  const runs = signal<ReadonlyMap<string, Known>>(new Map([['mine', queued]]))
  const stop = settleUnplaced(executions, { runs, devices: signal([]), ask: () => undefined, client: doc.clientID })
  const status = (id: string) => executions.read(id)?.status
  assert.equal(status('mine'), 'requested')
  runs.value = new Map([
    ['mine', refused],
    ['placed', { ...refused, device: 'dev_1' as never }],
    ['cancelled', { ...refused, status: 'cancelled' }],
    ['of others', refused],
  ])
  assert.deepEqual(['mine', 'placed', 'cancelled', 'of others'].map(status), [
    'refused',
    'requested',
    'cancelled',
    'requested',
  ])
  assert.equal(executions.read('mine')?.reason, 'why')
  stop()
})

test('W56 a run whose device is gone is asked about and shown as interrupted, until the device writes how it went on', () => {
  const doc = new Y.Doc()
  const executions = new ExecutionStore(new NotebookStore(doc, atOnce))
  const runs = signal<ReadonlyMap<string, Known>>(new Map())
  const devices = signal([{ id: 'dev_1', status: 'online' }])
  const asked: string[] = []
  const ask = (run: string) => void asked.push(run)
  const entry = { id: 'run', status: 'running', code: '1', language: 'python', outputBy: 'monitor', startedAt: 1_000 }
  executions.write({ ...entry, requestedBy: 7, ranOn: { device: 'dev_1', name: 'studio' } } as never)
  const stop = settleUnplaced(executions, { runs, devices: devices as never, ask, client: doc.clientID })
  assert.deepEqual(asked, [])
  devices.value = [{ id: 'dev_1', status: 'offline' }]
  devices.value = [{ id: 'dev_1', status: 'offline' }]
  assert.deepEqual(asked, ['run'])
  runs.value = new Map([['run', { status: 'running', endedAt: null, device: 'dev_1' as never, error: null }]])
  assert.equal(executions.isLost('run'), false)
  runs.value = new Map([['run', { status: 'interrupted', endedAt: 5_000, device: 'dev_1' as never, error: null }]])
  assert.equal(executions.entry('run').value?.status, 'interrupted')
  assert.equal(executions.entry('run').value?.durationMs, 4_000)
  assert.deepEqual([executions.running.value.size, executions.isLost('run')], [0, true])
  assert.equal((doc.getMap('executions').get('run') as Y.Map<unknown>).get('status'), 'running', 'nothing is written')
  executions.update('run', { status: 'completed' })
  assert.equal(executions.entry('run').value?.status, 'completed')
  assert.equal(executions.isLost('run'), false)
  stop()
})
