/**
 * Saving and restoring a Python session: how long the user waits, what is new to send after a small change, and how long
 * until the restored session answers; beside a plain `criu dump`, dill and cloudpickle with the same variables, in turns
 * (`npm run bench -- snapshots`).
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { type Fence, newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { SnapshotKind } from '@meshbook/core/snapshot.ts'
import type { KernelSession, SessionSpec } from '@meshbook/device/kernels/port.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { dumped, pickled } from './peers.ts'
import { Place, type SavedOnce } from './place.ts'

const json = process.argv.includes('--json')
const quick = process.argv.includes('--quick')
const sizes = quick ? ['10 MB', '100 MB'] : ['10 MB', '100 MB', '1.2 GB']
const rounds = quick ? 1 : 3
const smallChanges = quick ? 3 : 10
const kinds: SnapshotKind[] = ['image', 'portable']
const deadlineMs = 600_000

const base = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
const env = { ...process.env, PATH: `/usr/bin:/bin:${process.env.PATH}` }
const sessions = createKernelSessions({ folder: join(base, 's'), now: Date.now, random: systemRandom, limits, env })
const figures = new Map<string, { unit: string; peer: string | null; ours: number[]; theirs: number[] }>()

try {
  for (let round = 0; round < rounds; round++) for (const size of sizes) await measure(size)
  report()
} finally {
  await sessions.stopAll()
  await rm(base, { recursive: true, force: true, maxRetries: 5 })
}

/** With a store of its own: what an earlier round has stored would not have to be sent. */
async function measure(size: string): Promise<void> {
  const folder = await mkdtemp(join(base, 'place-'))
  const place = await Place.open(folder, sessions)
  try {
    await measureIn(place, size)
  } finally {
    await place.close()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function measureIn(place: Place, size: string): Promise<void> {
  const peers = {
    'criu dump': await dumped(size),
    dill: await pickled('dill', size),
    cloudpickle: await pickled('cloudpickle', size),
  }
  const peer = { image: 'criu dump', portable: 'dill' } as const
  for (const kind of kinds) {
    const session = await open()
    const at = (metric: string) => `${size}, ${kind}: ${metric}`
    await run(
      session,
      `import sys; sys.path.insert(0, ${JSON.stringify(import.meta.dirname)}); import state; globals().update(state.make(${JSON.stringify(size)}))`,
    )
    const first = await place.save(kind, session)
    note(at('first save'), 'ms', first.tookMs)
    note(at('first save, sent'), 'bytes', first.record.addedBytes, peer[kind], peers[peer[kind]].bytes)
    await afterChanges(place, kind, session, size, peers[peer[kind]].pauseMs, peer[kind])
    const last = await place.save(kind, session)
    await session.shutdown()
    await restored(place, kind, session.spec, last.record, size, peers[peer[kind]].restoreMs, peer[kind])
  }
  for (const [name, { pauseMs }] of Object.entries(peers)) note(`${size}: pause of ${name} alone`, 'ms', pauseMs)
}

async function afterChanges(
  place: Place,
  kind: SnapshotKind,
  session: KernelSession,
  size: string,
  theirs: number,
  peer: string,
): Promise<void> {
  const at = (metric: string) => `${size}, ${kind}: ${metric}`
  for (let change = 0; change < smallChanges; change++) {
    await run(session, `y = ${change}`)
    const felt = feel(session)
    const { record } = await savedBetweenCells(place, kind, session)
    note(at('pause'), 'ms', record.pauseMs, peer, theirs)
    note(at('pause as felt by cells'), 'ms', await felt())
    note(at('sent after a trivial cell'), 'bytes', record.addedBytes)
  }
  for (let change = 0; change < smallChanges / 2; change++) {
    await run(session, `z = ${change}`)
    note(at('save after a trivial cell'), 'ms', (await place.save(kind, session)).tookMs)
  }
  await run(session, 'df.loc[5, "f0"] = 0.5')
  note(at('sent after one element of a data frame'), 'bytes', (await place.save(kind, session)).record.addedBytes)
  const plot = 'import matplotlib; matplotlib.use("Agg"); import matplotlib.pyplot as plt'
  await run(session, plot)
  await place.save(kind, session)
  await run(session, 'plt.plot([1, 2, 3]); plt.show()')
  note(at('sent after a plot'), 'bytes', (await place.save(kind, session)).record.addedBytes)
}

/** A session is saved between two cells: where one has just begun, it is tried again. */
async function savedBetweenCells(place: Place, kind: SnapshotKind, session: KernelSession): Promise<SavedOnce> {
  for (;;)
    try {
      return await place.save(kind, session)
    } catch (thrown) {
      if (!(thrown instanceof MeshError && thrown.code === 'CONFLICT')) throw thrown
    }
}

/** Cells one after the other while it is saved: how much longer than the usual one the slowest took. */
function feel(session: KernelSession): () => Promise<number> {
  let over = false
  const took: number[] = []
  const going = (async () => {
    while (!over) {
      const since = performance.now()
      await run(session, 'pass')
      took.push(performance.now() - since)
    }
  })()
  // What fails here is told by the function below; until then something else may be the cause.
  going.catch(() => undefined)
  return async () => {
    over = true
    await going
    took.sort((a, b) => a - b)
    return took.at(-1)! - took[Math.floor(took.length / 2)]!
  }
}

type Saved = Awaited<ReturnType<Place['save']>>['record']

async function restored(
  place: Place,
  kind: SnapshotKind,
  spec: SessionSpec,
  record: Saved,
  size: string,
  theirs: number,
  peer: string,
): Promise<void> {
  const backend = place.backends[kind]
  const at = (metric: string) => `${size}, ${kind}: ${metric}`
  const signal = AbortSignal.timeout(deadlineMs)
  const folder = join(base, 'opened')
  await mkdir(folder, { recursive: true })
  const { id: snapshot, asOf } = record
  const expected = { rung: { snapshot, kind, asOf }, session: record.session, fence: record.fence, newest: false }
  let since = performance.now()
  const plan = await place.store.examine(record, expected)
  await backend.open(plan, { source: place.store.source(record), folder, signal, progress: () => undefined })
  const openMs = performance.now() - since
  since = performance.now()
  const again = { ...spec, session: newId('session', Date.now(), systemRandom) }
  const from = backend.start(folder, again, signal)
  const session = await sessions.start(again, { from, notice: 'restored' })
  await run(session, 'print(arr.sum())')
  const startMs = performance.now() - since
  note(at('restore to first result, opened ahead'), 'ms', startMs, peer, theirs)
  note(at('decrypt and decode'), 'ms', openMs)
  await session.shutdown()
  await rm(folder, { recursive: true, force: true })
}

function open(): Promise<KernelSession> {
  return sessions.start({
    session: newId('session', Date.now(), systemRandom),
    head: newId('head', Date.now(), systemRandom),
    fence: 1 as Fence,
    project: newId('project', Date.now(), systemRandom),
    projectFolder: base,
    language: 'python',
    name: 'default',
    device: 'bench',
  })
}

async function run(session: KernelSession, code: string): Promise<void> {
  const id = newId('run', Date.now(), systemRandom)
  await session.execute({ run: id, fence: session.spec.fence, code, cellName: 'bench' })
  for await (const { event } of session.events(id, 0, AbortSignal.timeout(deadlineMs)))
    if (event.type === 'failed') throw new Error(`${code}: ${event.error.message}`)
  await session.forget(id)
}

function note(metric: string, unit: string, ours: number, peer: string | null = null, theirs?: number): void {
  const known = figures.get(metric) ?? { unit, peer, ours: [], theirs: [] }
  known.ours.push(ours)
  if (theirs !== undefined) known.theirs.push(theirs)
  figures.set(metric, known)
}

function report(): void {
  for (const [metric, { unit, peer, ours, theirs }] of figures) {
    const [mine, other] = [median(ours), theirs.length > 0 ? median(theirs) : null]
    const ratio = other === null ? null : other / mine
    const line = {
      ...{ bench: 'snapshots', metric, unit, ours: mine, peer: other, peerName: peer, ratio, runs: ours.length },
      ...{ min: Math.min(...ours), max: Math.max(...ours) },
    }
    if (json) process.stdout.write(`${JSON.stringify(line)}\n`)
    else
      process.stdout.write(
        `${metric.padEnd(60)} ${inWords(mine, unit).padStart(12)} ${peer ? `(${peer} ${inWords(other!, unit)})` : ''}\n`,
      )
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function inWords(value: number, unit: string): string {
  if (unit === 'ms') return `${value.toFixed(1)} ms`
  return value > 1e6 ? `${(value / 1e6).toFixed(2)} MB` : `${(value / 1e3).toFixed(1)} KB`
}
