/** Where queued runs are kept. */
import { QueueStore } from './queue-store.ts'
import type { QueuedRun } from './queued-run.ts'

export class OutboxStore extends QueueStore<QueuedRun> {
  constructor(factory: IDBFactory) {
    super(factory, { database: 'meshbook-outbox', objects: 'runs', is: isQueued })
  }
}

function isQueued(value: unknown): value is QueuedRun {
  if (typeof value !== 'object' || value === null) return false
  const { id, code, codeHash, order, state } = value as Partial<QueuedRun>
  const texts = [id, code, codeHash].every(text => typeof text === 'string')
  return texts && typeof order === 'number' && typeof state?.is === 'string'
}
