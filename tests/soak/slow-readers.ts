/** 500 readers of a busy document who do not read (S24). */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HubProcess } from '../crash/hub-process.ts'
import { slowReaders } from '../crash/slow-readers.ts'
import type { Soak } from './main.ts'

const edits = 1_000

export const soak: Soak = async ({ count = 500 }) => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-slow-'))
  const hub = new HubProcess(join(folder, 'data'))
  try {
    const figures = await slowReaders(await hub.ready(), count, edits)
    assert.equal(figures.caughtUp, count, JSON.stringify(figures))
    return { ...figures, ratio: Math.round((figures.p99MsWith / figures.p99MsWithout) * 100) / 100 }
  } finally {
    await hub.kill()
    await rm(folder, { recursive: true, force: true })
  }
}
