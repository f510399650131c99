/** 500 devices that are shut out while they and others write (S8). */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HubProcess } from '../crash/hub-process.ts'
import { revocations } from '../crash/revocations.ts'
import type { Soak } from './main.ts'

const mostMs = 200

export const soak: Soak = async ({ count = 500 }) => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-revocation-'))
  const hub = new HubProcess(join(folder, 'data'))
  try {
    const figures = await revocations(await hub.ready(), count)
    assert.equal(figures.takenAfter, 0, JSON.stringify(figures))
    assert.ok(figures.takenBefore > count && figures.sentAfter > 0, JSON.stringify(figures))
    assert.ok(figures.p99Ms < mostMs, JSON.stringify(figures))
    return { ...figures }
  } finally {
    await hub.kill()
    await rm(folder, { recursive: true, force: true })
  }
}
