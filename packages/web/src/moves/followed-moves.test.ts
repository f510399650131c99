import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Move } from '@meshbook/core/moves-api.ts'
import { ApiError } from '../api/api-error.ts'
import { followed, followMove } from './followed-moves.ts'

const at = (state: Move['state'], change: Partial<Move> = {}) =>
  ({ id: 'mov_1', session: 'ses_1', state, code: null, detail: null, ...change }) as unknown as Move
const ports = (answers: (Move | Error)[]) => ({
  pause: async () => undefined,
  move: async () => {
    const next = answers.shift()!
    if (next instanceof Error) throw next
    return next
  },
})

test('SW4 a move that was asked for here is known until it has ended, and a hub that is away is waited for', async () => {
  const answers = [at('saving'), new ApiError('UNREACHABLE'), at('restoring'), at('done')]
  const states: (string | undefined)[] = []
  const stop = followed.subscribe(now => void states.push(now.get('ses_1')?.state))
  assert.equal((await followMove(at('waiting'), ports(answers)))?.state, 'done')
  stop()
  assert.deepEqual([...new Set(states)], [undefined, 'waiting', 'saving', 'restoring'])
  assert.equal(followed.value.size, 0)
})

test('SW7 one that was cancelled is told as that; any other error of the hub ends the following', async () => {
  assert.equal(await followMove(at('waiting'), ports([at('cancelled')])), undefined)
  await assert.rejects(followMove(at('waiting'), ports([new ApiError('NOT_FOUND')])), /./)
  assert.equal(followed.value.size, 0)
})
