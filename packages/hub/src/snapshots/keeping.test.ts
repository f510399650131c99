/** What goes when: over a real database and real files, with a clock of the test's own. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { deviceIdOf, newId, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { PartId, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import fc from 'fast-check'
import { Audit } from '../auth/audit.ts'
import { everyScope, type Principal } from '../auth/principal.ts'
import { type AssetParts, openAssetParts } from '../testing/asset-parts.ts'
import { framesIn, framesOf, type HeldSession, recordOf, sealedPart } from '../testing/saved-states.ts'
import { Snapshots } from './snapshots.ts'

const device = deviceIdOf(new Uint8Array(32).fill(3))
const day = 86_400_000

interface Place extends AssetParts {
  snapshots: Snapshots
  who: Principal
  newSession(): Promise<HeldSession>
  /** The parts of this number, as they are always. */
  bring(numbers: readonly number[], cut?: boolean): Promise<void>
  save(
    held: HeldSession,
    numbers: readonly number[],
    more?: Partial<SnapshotRecord>,
  ): Promise<PartId[] | SnapshotRecord>
  collect(): Promise<void>
  files(): Promise<string[]>
}

async function place(t: TestContext, given: Partial<Limits> = {}): Promise<Place> {
  const parts = await openAssetParts(t)
  const { store, objects, owner, clock, folder, collector } = parts
  const { org } = owner
  const log = { info: () => undefined, warn: () => undefined }
  const audit = new Audit({ store, now: () => clock.at, random: systemRandom, log: log as never })
  const ports = { store, objects, audit, random: systemRandom, log, sessionsChanged: () => undefined }
  const snapshots = new Snapshots({
    ...ports,
    limits: { ...limits, snapshotPartGraceMs: day, snapshotTransferMs: 1_000, snapshotsKeptPerSession: 2, ...given },
    now: () => clock.at,
  })
  await store.call('addDevice', { ...owner, id: device, publicKey: 'k', name: 'Desk', kind: 'desktop', now: 1 })
  const tree = newId('document', 1, systemRandom)
  const made = { org, id: newId('project', 1, systemRandom), name: 'demo', owner: 'me', tree, now: 1 }
  const { project } = await store.call('ensureProject', made)
  const who: Principal = { ...owner, name: 'me', can: everyScope, credential: { kind: 'device', id: device } }
  async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  let sessions = 0
  const partsOf = (numbers: readonly number[]) => numbers.map(n => sealedPart(`part ${n}`, 100 + n))
  return {
    ...parts,
    snapshots,
    who,
    async newSession() {
      const number = ++sessions
      const document = newId('document', number, systemRandom)
      await store.call('indexTree', { org, project: project.id, paths: [[document, `${number}.md`]], gone: [], now: 1 })
      const code = 'x = 1'
      const run = parseRunId(`run-${number}`)
      const asked = { org, id: run, document, language: 'python', runtime: 'python', sessionName: `s${number}` }
      await store.call('createRun', {
        ...asked,
        ...{ code, codeHash: createHash('sha256').update(code).digest('hex'), cell: null, chosenDevice: null },
        ...{ newSession: newId('session', number, systemRandom), requestedBy: 'me', now: 1, expiresAt: 1e15 },
      })
      const lease = { org, id: run, device, newHead: newId('head', number, systemRandom), reasons: [] }
      return (await store.call('leaseRun', { ...lease, now: 1, expiresAt: 1e15 }))!.lease
    },
    async bring(numbers, cut = false) {
      const row = framesOf(partsOf(numbers))
      const taking = snapshots.take(who, whole(cut ? row.subarray(0, row.byteLength - 10) : row))
      await (cut ? assert.rejects(taking) : taking)
    },
    async save(held, numbers, more = {}) {
      const record = recordOf({ id: device }, held, partsOf(numbers), more)
      const stored = await snapshots.add(who, record)
      return 'missing' in stored ? stored.missing : record
    },
    async collect() {
      await snapshots.collect()
      await collector.collect()
    },
    async files() {
      const all = await readdir(join(folder, 'assets'), { recursive: true, withFileTypes: true })
      return all
        .filter(entry => entry.isFile())
        .map(({ name }) => name.slice(0, 64))
        .sort()
    },
  }
}

/** A record is of use: every part that it names comes back as it was brought. */
async function isWhole({ snapshots, who }: Place, record: SnapshotRecord): Promise<void> {
  for (let left = record.parts; left.length > 0; ) {
    const { chunks } = await snapshots.read(who, left)
    const read: Uint8Array[] = []
    for await (const chunk of chunks) read.push(chunk)
    const frames = await framesIn(Buffer.concat(read))
    for (const { part, bytes } of frames) assert.deepEqual(Buffer.from(bytes), Buffer.from(known.get(part)!))
    left = left.slice(frames.length)
  }
}
const known = new Map(
  Array.from({ length: 12 }, (_, n) => sealedPart(`part ${n}`, 100 + n)).map(p => [p.part, p.bytes]),
)
const nameOf = (n: number): PartId => sealedPart(`part ${n}`).part

test('HS21 a part that no record names goes a while after it was written or asked about, and not before', async t => {
  const p = await place(t)
  const held = await p.newSession()
  await p.bring([1, 2, 3])
  await p.save(held, [1])
  p.clock.at += day - 1
  await p.snapshots.missing(p.who, [nameOf(2)])
  p.clock.at += 2
  await p.collect()
  assert.deepEqual(await p.files(), [nameOf(1), nameOf(2)].sort())
  p.clock.at += day
  await p.collect()
  assert.deepEqual(await p.files(), [nameOf(1)])
  const { bytes } = (await p.store.query('findParts', { org: p.who.org, parts: [nameOf(1)] }))[0]!
  assert.equal(bytes, 101)
})

test('HS21 a part comes again right after it went, and its old bytes take nothing with them', async t => {
  const p = await place(t)
  await p.bring([1])
  p.clock.at += day + 1
  await p.snapshots.collect()
  await p.bring([1])
  await p.collector.collect()
  const held = await p.newSession()
  await isWhole(p, (await p.save(held, [1])) as SnapshotRecord)
})

test('HS22 records of a session that is no more go, with their parts', async t => {
  const p = await place(t)
  const [gone, stays] = [await p.newSession(), await p.newSession()]
  await p.bring([1, 2])
  await p.save(gone, [1, 2], { name: 'kept' })
  const record = (await p.save(stays, [2])) as SnapshotRecord
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(join(p.folder, 'hub.db'))
  database.prepare('DELETE FROM sessions WHERE session_id = ?').run(gone.session)
  database.close()
  p.clock.at += day + 1
  await p.collect()
  assert.deepEqual(await p.files(), [nameOf(2)])
  await isWhole(p, record)
})

test('HS23 bytes of an upload that was killed before its rows were written go after the same time', async t => {
  const p = await place(t)
  const object = `${p.who.org}/parts/aa/${nameOf(9)}.killed`
  await p.store.call('beginParts', { org: p.who.org, objects: [object], bytes: 1, mostBytes: 10, now: p.clock.at })
  const { bytes } = sealedPart('part 9', 50)
  async function* once(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  await p.objects.put(object, once(), { bytes: 50, sha256: createHash('sha256').update(bytes).digest('hex') })
  await p.collect()
  assert.equal((await p.files()).length, 1)
  p.clock.at += day + 1
  await p.collect()
  assert.deepEqual(await p.files(), [])
})

type Step =
  | { do: 'bring'; numbers: number[]; cut: boolean }
  | { do: 'save'; session: number; numbers: number[]; name: boolean; image: boolean }
  | { do: 'delete' | 'refuse' | 'fetch'; which: number }
  | { do: 'wait'; ms: number }
  | { do: 'collect' | 'sweep' }
const numbers = fc.array(fc.nat(11), { minLength: 1, maxLength: 5 }).map(all => [...new Set(all)])
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('bring' as const), numbers, cut: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      ...{ do: fc.constant('save' as const), session: fc.nat(1), numbers, name: fc.boolean(), image: fc.boolean() },
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('delete' as const, 'refuse' as const, 'fetch' as const),
      which: fc.nat(30),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(500, day / 2, day + 1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('collect' as const, 'sweep' as const) }) },
)

test('HS11 HS20 HS21 whatever happens in whatever order, no record ever lacks a part, and in the end nothing else is left', async t => {
  const p = await place(t)
  const sessions = [await p.newSession(), await p.newSession()]
  const { org } = p.who
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async steps => {
      const made: SnapshotRecord[] = []
      const perform = async (now: Step): Promise<void> => {
        const { snapshots, who } = p
        if (now.do === 'bring') await p.bring(now.numbers, now.cut)
        else if (now.do === 'wait') p.clock.at += now.ms
        else if (now.do === 'sweep') await snapshots.collect()
        else if (now.do === 'collect') await p.collect()
        else if (now.do === 'save') {
          const more = { name: now.name ? 'named' : null, kind: now.image ? ('image' as const) : ('portable' as const) }
          const saved = await p.save(sessions[now.session]!, now.numbers, more)
          if (!Array.isArray(saved)) made.push(saved)
        } else if ('which' in now && made.length > 0) {
          const { id } = made[now.which % made.length]!
          const there = await p.store.query('findSnapshot', { id })
          if (!there) return
          if (now.do === 'delete') await p.store.call('deleteSnapshot', { org, id })
          else if (now.do === 'fetch') await snapshots.get(who, id)
          else await snapshots.refused(who, id, { code: 'SNAPSHOT_REFUSED', detail: 'altered' })
        }
      }
      const kept = async () => {
        const infos = await snapshotsOf(p)
        return made.filter(({ id }) => infos.has(id))
      }
      for (const now of steps) {
        await perform(now)
        for (const record of await kept()) await isWhole(p, record)
      }
      p.clock.at += 2 * day
      await p.collect()
      const records = await kept()
      for (const record of records) await isWhole(p, record)
      assert.deepEqual(await p.files(), [...new Set(records.flatMap(({ parts }) => parts))].sort())
      const plain = records.filter(({ name }) => name === null)
      const infos = await snapshotsOf(p)
      for (const group of Map.groupBy(plain, ({ id, session, kind }) => `${session}${kind}${infos.get(id)}`).values())
        assert.ok(group.length <= 2)
      for (const { id } of records) await p.store.call('deleteSnapshot', { org, id })
      p.clock.at += 2 * day
      await p.collect()
      assert.deepEqual(await p.files(), [])
    }),
    { numRuns: 25 },
  )
})

/** Ids of all records, with whether they were refused. */
async function snapshotsOf({ snapshots, who }: Place): Promise<Map<string, boolean>> {
  return new Map((await snapshots.list(who.org, {})).map(({ id, refused }) => [id, refused !== undefined]))
}
