import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answered, begun, type QueuedTask, takenBack, wantedStill } from './queued-task.ts'

const queued = (state: QueuedTask['state'] = { is: 'queued' }): QueuedTask => ({
  order: 1,
  id: 'run_1',
  task: { id: 'run_1', prompt: 'x', repo: 'https://git.example/a' } as QueuedTask['task'],
  askedAt: 0,
  expiresAt: 100,
  state,
})
const refused = { is: 'refused', code: 'FORBIDDEN', message: 'No', hint: 'Ask' } as const

test('PH91 what waited too long asks before it is sent, and is sent when it is wanted again', () => {
  assert.deepEqual(begun(queued(), 50)?.state, { is: 'sending' })
  const asks = begun(queued(), 100)!
  assert.deepEqual(asks.state, { is: 'asks' })
  assert.equal(begun(asks, 100), undefined)
  assert.deepEqual(wantedStill(asks, 100, 50), { ...queued(), askedAt: 100, expiresAt: 150 })
})

test('PH91 an answer that says nothing changes nothing; taken, it is the hub that has it', () => {
  const sending = queued({ is: 'sending' })
  assert.equal(answered(sending, { is: 'unknown' }), undefined)
  assert.equal(answered(sending, { is: 'taken' }), 'drop')
  assert.deepEqual((answered(sending, refused) as QueuedTask).state, { is: 'refused', message: 'No', hint: 'Ask' })
})

test('PH92 what may have arrived is not forgotten but stopped there', () => {
  assert.equal(takenBack(queued()), 'drop')
  const unwanted = takenBack(queued({ is: 'sending' })) as QueuedTask
  assert.equal(unwanted.isUnwanted, true)
  assert.equal(answered(unwanted, refused), 'drop')
})
