/** A million malformed frames: a part over sockets to a whole hub, the rest straight into a relay (I3, I10). */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HubProcess } from '../crash/hub-process.ts'
import { attackHub, attackRelay, type MalformedFigures } from '../crash/malformed.ts'
import type { Soak } from './main.ts'

const overSockets = 0.25
const mostHangMs = 250
const mostGrowthMiB = 50

export const soak: Soak = async ({ seed, count = 1_000_000, say }) => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-malformed-'))
  const hub = new HubProcess(join(folder, 'data'))
  try {
    const sockets = await attackHub(await hub.ready(), seed, Math.ceil(count * overSockets), say)
    assert.equal(hub.child.exitCode, null, hub.errors)
    say(JSON.stringify(sockets))
    const straight = await attackRelay(seed, count - sockets.frames)
    say(JSON.stringify(straight))
    for (const figures of [sockets, straight]) check(figures)
    return { frames: sockets.frames + straight.frames, sockets, straight }
  } finally {
    await hub.kill()
    await rm(folder, { recursive: true, force: true })
  }
}

function check({ longestHangMs, idleHangMs, rssGrowthMiB }: MalformedFigures): void {
  // On a busy machine a loop with nothing to do stands still too.
  assert.ok(longestHangMs < mostHangMs + idleHangMs, `the event loop stood still for ${longestHangMs} ms`)
  assert.ok(rssGrowthMiB < mostGrowthMiB, `${rssGrowthMiB} MiB more`)
}
