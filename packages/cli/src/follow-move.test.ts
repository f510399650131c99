import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import type { ApiClient } from './api-client.ts'
import { followMove } from './follow-move.ts'

const at = (state: Move['state'], change: Partial<Move> = {}) =>
  ({ id: 'mov_1', session: 'ses_1', makes: null, state, code: null, detail: null, ...change }) as unknown as Move
const clientOf = (answers: Move[]) => ({ get: async () => answers.shift() ?? at('saving') }) as unknown as ApiClient
const clock = (stepMs = 0) => {
  let now = 0
  const pause = async () => {
    now += stepMs
  }
  return { now: () => now, pause }
}

test('UP20 a move is followed to its end, and what it failed with is the error of the command', async () => {
  assert.equal((await followMove(clientOf([at('saving'), at('done')]), at('waiting'), false, clock())).state, 'done')
  const failed = at('failed', { code: 'SNAPSHOT_UNFIT', detail: 'anvil has no python' })
  await assert.rejects(
    followMove(clientOf([failed]), at('waiting'), false, clock()),
    (error: MeshError) => error.code === 'SNAPSHOT_UNFIT' && error.detail === 'anvil has no python',
  )
  await assert.rejects(
    followMove(clientOf([at('cancelled')]), at('waiting'), false, clock()),
    (error: MeshError) => error instanceof MeshError && error.code === 'INTERRUPTED',
  )
})

test('UP20 a move that never ends is given up after the time that a move may take', async () => {
  await assert.rejects(
    followMove(clientOf([]), at('waiting'), false, clock(limits.moveMs / 2)),
    (error: MeshError) => error.code === 'TIMEOUT',
  )
})
