import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signal } from '@preact/signals'
import type { RunInfo } from '../../state/known.ts'
import type { QueuedRun } from './queued-run.ts'
import { settleSent } from './settle-sent.ts'

const sent = (id: string) => ({ id, state: { is: 'sent', at: 0 } }) as QueuedRun
const begun = (id: string) => [id, { id, device: 'd', endedAt: null } as unknown as RunInfo] as const

test('PH22 what was sent before the app was started is forgotten as soon as the hub says that it has begun', () => {
  const runs = signal<ReadonlyMap<string, RunInfo>>(new Map([begun('one')]))
  const forgotten: string[] = []
  const outbox = {
    runs: signal<readonly QueuedRun[]>([sent('one'), sent('two')]),
    forgetSent: async (ids: readonly string[]) => void forgotten.push(...ids),
  }
  settleSent(outbox, runs, signal('open'))
  assert.deepEqual(forgotten, ['one'])
  runs.value = new Map([begun('two')])
  assert.deepEqual(forgotten, ['one', 'two'])
})
