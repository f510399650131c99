import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../api/api-error.ts'
import { answerQuestion } from './answer-question.ts'

/** A hub that refuses so often before it takes the answer. */
function hubAfter(refusals: number, error = new ApiError('CONFLICT')) {
  const asked: string[][] = []
  let pausedMs = 0
  const ports = {
    answerInput: async (...what: string[]) => {
      asked.push(what)
      if (asked.length <= refusals) throw error
    },
    pause: async (ms: number) => {
      pausedMs += ms
    },
  }
  return { asked, ports, paused: () => pausedMs }
}

test('an answer that is faster than the log of its question is taken once the hub knows of it', async () => {
  const { asked, ports } = hubAfter(3)
  await answerQuestion('run', 'q1', 'Ada', ports)
  assert.deepEqual(asked, Array(4).fill(['run', 'q1', 'Ada']))
})

test('a question that is not asked any more is said to be so, after a while that has an end', async () => {
  const { ports, paused } = hubAfter(Infinity)
  await assert.rejects(answerQuestion('run', 'q1', 'Ada', ports), { code: 'CONFLICT' })
  assert.ok(paused() < 10_000)
})

test('what else goes wrong is told at once', async () => {
  const { asked, ports } = hubAfter(Infinity, new ApiError('UNREACHABLE'))
  await assert.rejects(answerQuestion('run', 'q1', 'Ada', ports), { code: 'UNREACHABLE' })
  assert.equal(asked.length, 1)
})
