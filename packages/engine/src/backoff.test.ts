import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import fc from 'fast-check'
import { backoffMs, type RetryOptions, retry, systemSleep } from './backoff.ts'

const unreachable = new MeshError('UNREACHABLE')

function options(change: Partial<RetryOptions> = {}): RetryOptions & { slept: number[] } {
  const slept: number[] = []
  const sleep = async (ms: number, signal: AbortSignal) => {
    signal.throwIfAborted()
    slept.push(ms)
  }
  return {
    slept,
    sleep,
    signal: new AbortController().signal,
    random: () => 0.999999,
    minMs: 100,
    maxMs: 1000,
    attempts: 5,
    ...change,
  }
}

test('the bound of the wait doubles with each attempt and stays under the maximum', () => {
  const bound = (attempt: number) => backoffMs({ attempt, minMs: 100, maxMs: 1000, random: () => 0.999999 })
  assert.deepEqual([1, 2, 3, 4, 100].map(bound), [200, 400, 800, 1000, 1000])
})

test('I10 whatever the attempt and the random number, the wait lies between minimum and maximum', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e9 }),
      fc.integer({ min: 1, max: 1e5 }),
      fc.nat(1e6),
      random,
      (attempt, minMs, more, number) => {
        const ms = backoffMs({ attempt, minMs, maxMs: minMs + more, random: () => number })
        assert.ok(Number.isInteger(ms) && ms >= minMs && ms <= minMs + more)
      },
    ),
  )
})

test('what fails for a while is tried again, with the waits in between', async () => {
  const port = options()
  const result = await retry(async number => (number < 4 ? Promise.reject(unreachable) : `attempt ${number}`), port)
  assert.equal(result, 'attempt 4')
  assert.deepEqual(port.slept, [200, 400, 800])
})

test('the last error is thrown after the last attempt', async () => {
  const port = options({ attempts: 3 })
  await assert.rejects(
    retry(async () => Promise.reject(unreachable), port),
    unreachable,
  )
  assert.equal(port.slept.length, 2)
})

test('an error that the catalogue says is for ever is not tried again, and neither is a bug', async () => {
  const port = options()
  const refused = new MeshError('FORBIDDEN')
  await assert.rejects(
    retry(async () => Promise.reject(refused), port),
    refused,
  )
  assert.deepEqual(port.slept, [])
})

test('an abort ends the retries at once, in an attempt and in a wait', async () => {
  const controller = new AbortController()
  const reason = new MeshError('SHUTTING_DOWN')
  const waiting = retry(
    async () => Promise.reject(unreachable),
    options({ signal: controller.signal, sleep: systemSleep, minMs: 60_000, maxMs: 60_000 }),
  )
  setImmediate(() => controller.abort(reason))
  await assert.rejects(waiting, reason)
  let calls = 0
  await assert.rejects(
    retry(async () => Promise.resolve(calls++), options({ signal: controller.signal })),
    reason,
  )
  assert.equal(calls, 0)
})

test('the failure and the coming wait are told', async () => {
  const told: unknown[] = []
  const port = options({ attempts: 2, onFailure: (error, waitMs) => told.push([error, waitMs]) })
  await assert.rejects(retry(async () => Promise.reject(unreachable), port))
  assert.deepEqual(told, [[unreachable, 200]])
})

test('sleep on the system clock resolves after its time', async () => {
  await systemSleep(1, new AbortController().signal)
  await assert.rejects(systemSleep(60_000, AbortSignal.abort(unreachable)), unreachable)
})
