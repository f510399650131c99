/** The bench of tasks says at once why a task did not ask its model, and prints rows as docs/performance.md has them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstQuestion, type Looked } from '../../bench/agents/first-question.ts'
import { jsonLine, tableHead, tableRow } from '../../bench/agents/table.ts'

const never = new Promise<number>(() => undefined)
const queued: Looked = { state: 'queued', reasons: ['The engine sleeps.'], endedAt: null }

test('a task that ends before its model was asked is told with its reason, at once', async () => {
  const seen: Looked[] = [queued, queued, { state: 'failed', reasons: ['A key is missing.'], endedAt: 1 }]
  const waited: string[] = []
  const look = async () => seen.shift()!
  await assert.rejects(
    firstQuestion({ asked: never, look, waits: why => void waited.push(why), lookMs: 1, mostMs: 60_000 }),
    /it ended as failed \(A key is missing\.\) before the model was asked/,
  )
  assert.deepEqual(waited, ['The engine sleeps.'], 'a reason is told once')
})

test('a task that asks too late is told with what the hub says of it', async () => {
  const look = async () => queued
  await assert.rejects(
    firstQuestion({ asked: never, look, waits: () => undefined, lookMs: 1, mostMs: 20 }),
    /not asked within 0\.02 s; it is queued \(The engine sleeps\.\)/,
  )
})

test('the first question ends the looking', async () => {
  let looks = 0
  const look = async () => ({ ...queued, state: looks++ < 0 ? ('working' as const) : ('queued' as const) })
  const asked = Promise.resolve(7)
  assert.equal(await firstQuestion({ asked, look, waits: () => undefined, lookMs: 5, mostMs: 60_000 }), 7)
  assert.equal(looks, 0)
})

test('figures are rows of Markdown under one head, with the peer beside', () => {
  const columns = (text: string) => text.trimEnd().split('\n')[0]!.split('|').length
  const figure = { metric: 'task accepted to first model call', unit: 'ms' as const }
  const row = tableRow({ ...figure, values: [900, 700, 812.4], peer: [3_900, 4_100, 4_000] })
  assert.equal(row, '| task accepted to first model call | 812 ms (700–900) | 4.00 s (3.90–4.10) |\n')
  assert.equal(columns(row), columns(tableHead))
  assert.equal(tableRow({ metric: 'memory', unit: 'MB', values: [1_234.5], peer: null }), '| memory | 1,235 MB |  |\n')
  const line = JSON.parse(jsonLine({ ...figure, values: [10], peer: [20] })) as Record<string, unknown>
  assert.deepEqual([line.ours, line.peer, line.ratio, line.runs], [10, 20, 2, 1])
})
