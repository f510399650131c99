/** 500 devices that are shut out while they and others write (S8), and some more where another hub is asked (CH4). */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { limits } from '@meshbook/core/limits.ts'
import { startHubPair } from '../crash/hub-pair.ts'
import { HubProcess } from '../crash/hub-process.ts'
import { type RevocationFigures, revocations } from '../crash/revocations.ts'
import { TestPostgres } from '../postgres.ts'
import type { Soak } from './main.ts'

const mostMs = 200

export const soak: Soak = async ({ count = 500, say }) => {
  const oneHub = await onOneHub(count)
  say(JSON.stringify({ oneHub }))
  const withRedis = await onTwoHubs(Math.ceil(count / 2), true)
  say(JSON.stringify({ withRedis }))
  const withoutRedis = await onTwoHubs(Math.ceil(count / 10), false)
  say(JSON.stringify({ withoutRedis }))
  for (const figures of [oneHub, withRedis, withoutRedis]) assert.equal(figures.takenAfter, 0, JSON.stringify(figures))
  assert.ok(oneHub.takenBefore > count && oneHub.sentAfter > 0, JSON.stringify(oneHub))
  assert.ok(oneHub.p99Ms < mostMs, JSON.stringify(oneHub))
  assert.ok(withRedis.p99Ms < mostMs, JSON.stringify(withRedis))
  assert.ok(withoutRedis.p99Ms < limits.neighbourPollMs + mostMs, JSON.stringify(withoutRedis))
  return { oneHub, withRedis, withoutRedis }
}

async function onOneHub(count: number): Promise<RevocationFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-revocation-'))
  const hub = new HubProcess(join(folder, 'data'))
  try {
    return await revocations(await hub.ready(), count)
  } finally {
    await hub.kill()
    await rm(folder, { recursive: true, force: true })
  }
}

async function onTwoHubs(count: number, redis: boolean): Promise<RevocationFigures> {
  const undo: (() => unknown)[] = []
  const end = { after: (task: () => unknown) => void undo.push(task) }
  try {
    const postgres = await TestPostgres.start(end)
    const { holder, other } = await startHubPair(end as Parameters<typeof startHubPair>[0], postgres, { redis })
    return await revocations(holder, count, other)
  } finally {
    for (const task of undo.reverse()) await task()
  }
}
