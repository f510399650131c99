/** Two devices of one machine, and the image backend of each: sessions go from one to the other. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { KernelSession, SavedKernel } from '@meshbook/device/kernels/port.ts'
import { createImageBackend } from '@meshbook/device/snapshots/image/image-backend.ts'
import type { Capture, SnapshotBackend } from '@meshbook/device/snapshots/port.ts'
import { criuFolder } from './criu.ts'
import { type Bed, type BedKernel, bed, execute } from './kernel.ts'
import type { PartsInMemory } from './parts-in-memory.ts'

export interface Device extends Bed {
  backend: SnapshotBackend
  root: string
}

export async function device(t: TestContext, kind: string | BedKernel): Promise<Device> {
  const own = await bed(t, kind)
  const root = await mkdtemp(join(tmpdir(), 'meshbook-image-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const backend = createImageBackend({
    criuFolder: await criuFolder(),
    closureStore: join(root, 'closure'),
    limits,
    random: systemRandom,
  })
  return { ...own, backend, root }
}

export function capture(on: Device, session: KernelSession, sink: PartsInMemory, during = false): Promise<Capture> {
  const signal = AbortSignal.timeout(100_000)
  return on.backend.capture(session, { sink, workFolder: join(on.root, 'work', 'session'), signal, during })
}

let opened = 0

/** On another device, or on the same one again: what a session can be made of. */
export async function openOn(on: Device, { plan }: Capture, source: PartsInMemory): Promise<SavedKernel> {
  const folder = join(on.root, `opened-${opened}`)
  opened += 1
  await mkdir(folder)
  const signal = AbortSignal.timeout(100_000)
  await on.backend.open(plan, { source, folder, signal, progress: () => undefined })
  return on.backend.start(folder, on.spec, signal)
}

export async function restoreOn(on: Device, saved: Capture, source: PartsInMemory): Promise<KernelSession> {
  const from = await openOn(on, saved, source)
  return on.sessions.start(on.spec, { from, notice: 'restored' })
}

/** What a cell prints, without the notice of a restore. */
export async function said(session: KernelSession, code: string): Promise<string> {
  const { last, stdout, stderr } = await execute(session, code)
  assert.equal(last.type, 'completed', `${JSON.stringify(last)} ${stderr}`)
  return stdout
}
