/**
 * What every store must do with sessions that go on elsewhere: one live head whatever happens, every move to one end, and
 * nothing that a lost device still had dropped without a named record (I4, MV1–MV43, RU70).
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type DeviceId,
  deviceIdOf,
  type Fence,
  type HeadId,
  newId,
  parseRunId,
  type RunId,
  type SessionId,
  type SnapshotId,
  systemRandom,
} from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { Rung, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import * as fc from 'fast-check'
import { type OpenRunStore, type World, worldOf } from './run-store.ts'

const now = 1_800_000_000_000
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)
const started: RunEvent = { type: 'started', at: now, device: 'Desk', language: 'python', kernel: 'python' }
const done: RunEvent = { type: 'completed', at: now, durationMs: 1 }
const restores = { kinds: ['image' as const], os: 'linux', arch: 'x64', cpu: [] }
const caps = { bytes: 1_000, keptPerSession: 1_000, namedPerSession: 1_000, usedSince: 0 }

interface Held {
  session: SessionId
  head: HeadId
  fence: Fence
}

interface MoveWorld extends World {
  save(device: DeviceId, held: Held, asOf: Rung['asOf'], name?: string | null): Promise<SnapshotId>
  tick(): number
  begin(
    kind: 'migrate' | 'fork' | 'save' | 'restore' | 'home',
    session: SessionId,
    more?: { to?: DeviceId; snapshot?: SnapshotId; name?: string },
  ): ReturnType<World['store']['call']> & Promise<{ id: ReturnType<typeof id<'move'>> } | null>
}

async function moveWorldOf(world: World): Promise<MoveWorld> {
  const { store, org, devices } = world
  for (const device of devices) {
    const told = { os: 'linux', software: '', runtimes: [], projects: [world.project], restores }
    await store.call('describeDevice', { org, id: device, ...told, now })
  }
  let clock = now
  let parts = 0
  const tick = () => ++clock
  return {
    ...world,
    tick,
    async save(device, held, asOf, name = null) {
      const part = String(++parts).padStart(64, '0')
      const arrived = [{ part, bytes: 1, sha256: part, object: `snapshots/${part}` }]
      const objects = arrived.map(({ object }) => object)
      await store.call('beginParts', { org, objects, bytes: 1, mostBytes: 1e9, now })
      await store.call('finishParts', { org, arrived, now })
      const record: SnapshotRecord = {
        ...{ id: id('snapshot'), session: held.session, head: held.head, fence: held.fence, device, name, asOf },
        kind: 'image',
        fit: { os: 'linux', arch: 'x64', cpu: [], language: 'python', version: '3' },
        inside: { variables: [], more: 0, processes: 1, threads: 1 },
        ...{ lost: [], bytes: 1, addedBytes: 1, pauseMs: 1.5, keyVersion: 1, manifest: part, parts: [part] },
      }
      const stored = await store.call('storeSnapshot', { org, record, caps, now: tick() })
      assert.ok('created' in stored)
      return record.id
    },
    begin: (kind, session, { to, snapshot, name } = {}) => {
      const makes = kind === 'fork' ? id('session') : null
      const asked = { askedBy: 'me', asker: null, name: name ?? null, makesName: null, makes }
      const what = { org, id: id('move'), session, kind, to: to ?? null, snapshot: snapshot ?? null }
      return store.call('beginMove', { ...what, ...asked, now: tick() }) as never
    },
  }
}

const rung = (snapshot: SnapshotId, asOf: Rung['asOf']): Rung => ({ snapshot, kind: 'image', asOf })

export function moveStoreContract(name: string, open: OpenRunStore, numRuns: number): void {
  const contract = (title: string, body: (world: MoveWorld) => Promise<void>) =>
    test(`${name}: ${title}`, async (t: TestContext) => body(await moveWorldOf(await worldOf(await open(t)))))

  /** Runs a cell where it is told, to its end. */
  const runOn = async (w: MoveWorld, device: DeviceId, run: string): Promise<Held> => {
    await w.request(run)
    const lease = (await w.lease(run, device))!
    await w.append(lease, device, 1, [started, done])
    return lease
  }

  contract('MV20 MV21 a lease begins with saved states until its device says what came of them', async w => {
    const { store, org, devices, tick } = w
    const [a, b] = devices
    const held = await runOn(w, a, 'one')
    const asOf = { at: tick(), run: parseRunId('one') }
    const snapshot = await w.save(a, held, asOf)
    await runOn(w, a, 'two')
    await w.request('three')
    const placed = await store.query('nextPlacement', { org, session: held.session })
    assert.deepEqual(
      [placed?.saved.map(state => state.rung), placed?.held, placed?.lostBy],
      [[rung(snapshot, asOf)], null, null],
    )
    assert.equal((await store.query('failoverPlan', { org, session: held.session }))?.holder, a)
    assert.deepEqual(await store.query('sessionsOn', { device: a }), [{ org, session: held.session }])
    assert.equal(await store.call('sendElsewhere', { org, id: parseRunId('three') }), held.session)
    const leasing = { org, device: b, newHead: id('head'), reasons: ['x'], restore: [rung(snapshot, asOf)] }
    const leased = await store.call('leaseRun', {
      ...leasing,
      id: parseRunId('three'),
      now: tick(),
      expiresAt: now + 1,
    })
    assert.deepEqual([leased?.lease.restore, leased?.lease.behind], [leasing.restore, 1])
    const { head, fence } = leased!.lease
    const again = await store.query('leaseOfHolder', { org, id: parseRunId('three'), device: b, expiresAt: now })
    assert.deepEqual(again?.restore, leasing.restore)
    const saving = { state: 'saving' as const }
    assert.equal(await store.call('noteSaving', { org, device: b, session: held.session, head, fence, saving }), true)
    const ended = { org, device: b, session: held.session, head, fence, ok: true, snapshot, failed: [], lost: [] }
    assert.deepEqual(await store.call('restoreEnded', { ...ended, now: tick() }), { from: snapshot })
    assert.equal(await store.call('restoreEnded', { ...ended, now: tick() }), null)
    const [session] = await store.query('listSessions', { org })
    assert.deepEqual(
      [
        session?.restored?.behind,
        session?.restored?.from,
        session?.saved?.state,
        session?.saved?.behind,
        session?.moving,
      ],
      [1, a, 'saving', 1, undefined],
    )
    assert.equal(
      await store.call('setSessionPolicy', { org, session: held.session, policy: { failover: 'wait' } }),
      true,
    )
    assert.deepEqual(await store.query('sessionPolicy', { org, session: held.session }), { failover: 'wait' })
  })

  contract('MV1 MV5 each step of a move is taken once; what has moved is committed once', async w => {
    const { store, org, devices, tick } = w
    const [a, b] = devices
    const held = await runOn(w, a, 'one')
    const move = (await w.begin('migrate', held.session))!
    const step = () => ({ org, id: move.id, now: tick() })
    assert.equal((await store.query('nextPlacement', { org, session: held.session })) ?? null, null)
    const saving = { ...step(), to: b, kinds: ['image' as const] }
    assert.equal((await store.call('startSaving', saving))?.state, 'saving')
    assert.equal(await store.call('startSaving', saving), null)
    const snapshot = await w.save(a, held, { at: tick(), run: parseRunId('one') })
    assert.equal((await store.call('savedForMove', { ...step(), device: a, snapshot }))?.state, 'restoring')
    assert.equal(await store.call('savedForMove', { ...step(), device: a, snapshot }), null)
    const [facts] = await store.query('movesUnderWay')
    const restore = facts!.saved.map(state => state.rung)
    const newHead = id('head')
    assert.equal((await store.call('startRestoring', { ...step(), to: b, newHead, restore }))?.newFence, held.fence + 1)
    assert.equal(await store.call('startRestoring', { ...step(), to: b, newHead: id('head'), restore }), null)
    await store.call('toldMove', { org, id: move.id, told: 'again', now: tick() })
    const commit = { ...step(), device: b, snapshot, lost: [], expiresAt: now + 1 }
    assert.equal((await store.call('commitMove', commit))?.moved, true)
    assert.equal(await store.call('commitMove', commit), null)
    assert.deepEqual(
      (await store.query('untoldMoves')).map(row => row.id),
      [move.id],
    )
    await store.call('toldMove', { org, id: move.id, told: 'over', now: tick() })
    assert.deepEqual(await store.query('untoldMoves'), [])
    assert.equal((await store.query('findAsk', { ask: move.id }))?.state, 'done')
    assert.equal((await store.query('findMove', { org, id: move.id }))?.state, 'done')
    assert.equal((await store.query('listMoves', { org, session: held.session, rows: 10 })).length, 1)
    assert.equal((await store.query('findRecord', { id: snapshot }))?.session, held.session)
    assert.equal((await store.query('findSession', { org, id: held.session }))?.device, b)
    await store.call('sweepMoves', { endedBefore: tick() })
    assert.equal(await store.query('findMove', { org, id: move.id }), null)
    const other = (await w.begin('save', held.session, { name: 'x' }))!
    const failed = { org, id: other.id, code: 'SNAPSHOT_FAILED' as const, detail: 'x', now: tick() }
    assert.equal((await store.call('failMove', failed))?.state, 'failed')
    const third = (await w.begin('fork', held.session))!
    assert.equal((await store.call('cancelMove', { org, id: third.id, reason: 'no', now: tick() })).state, 'cancelled')
  })

  contract('RU70 a lost run goes on from its middle under the next fence, once', async w => {
    const { store, org, devices, tick } = w
    const [a, b] = devices
    await w.request('long')
    const lease = (await w.lease('long', a))!
    await w.append(lease, a, 1, [started])
    const asOf = { at: tick(), run: null, during: { run: lease.run, seq: 1 } }
    const snapshot = await w.save(a, lease, asOf)
    await store.call('setSessionPolicy', { org, session: lease.session, policy: { onLoss: 'resume' } })
    const plan = await store.query('lossPlan', { org, id: lease.run })
    assert.deepEqual([plan?.onLoss, plan?.saved.map(state => state.rung)], ['resume', [rung(snapshot, asOf)]])
    const later = now + 10 * 60_000
    const resume = {
      org,
      id: lease.run,
      device: b,
      newHead: id('head'),
      reasons: ['x'],
      restore: [rung(snapshot, asOf)],
    }
    const times = { now: later, silentSince: later, expiresAt: later + 60_000 }
    const leased = await store.call('resumeLostRun', { ...resume, ...times })
    assert.deepEqual([leased?.lease.resume, leased?.lease.fence], [{ seq: 1 }, lease.fence + 1])
    assert.equal(await store.call('resumeLostRun', { ...resume, ...times, newHead: id('head') }), null)
    assert.equal((await w.append(lease, a, 2, [done])).refused, 'STALE_FENCE')
    assert.ok((await store.query('undeliveredOrders')).some(order => order.id === lease.run && order.device === b))
    assert.equal((await w.append(leased!.lease, b, 2, [done])).refused, undefined)
  })

  contract(
    'MV30 MV31 MV33 MV40 what is left behind is asked for, kept under a name, and then the session is homeless',
    async w => {
      const { store, org, devices, tick } = w
      const [a, b] = devices
      const held = await runOn(w, a, 'one')
      const asOf = { at: tick(), run: parseRunId('one') }
      const snapshot = await w.save(a, held, asOf)
      await w.request('two')
      const leasing = { org, device: b, newHead: id('head'), reasons: ['x'], restore: [rung(snapshot, asOf)] }
      const { lease } = (await store.call('leaseRun', {
        ...leasing,
        id: parseRunId('two'),
        now: tick(),
        expiresAt: now,
      }))!
      const ok = { ok: true, snapshot, failed: [], lost: [], now: tick() }
      await store.call('restoreEnded', {
        org,
        device: b,
        session: held.session,
        head: lease.head,
        fence: lease.fence,
        ...ok,
      })
      await w.append(lease, b, 1, [started, done])
      assert.deepEqual(await store.query('homelessSessions', { failedAfter: now }), [])
      const [left] = await store.query('leftHeads', { lookedBefore: tick() })
      assert.equal(left?.head, held.head)
      assert.equal(await store.call('askedLeftHead', { org, head: held.head, lookAt: tick() + 1_000 }), true)
      assert.equal((await store.query('leftHeadOfAsk', { ask: left!.ask, device: a }))?.head, held.head)
      const late = await w.save(a, held, { at: tick(), run: null })
      const settled = await store.call('settleLeftHead', { org, device: a, head: held.head })
      assert.equal(settled?.named, late)
      assert.equal(await store.call('settleLeftHead', { org, device: a, head: held.head }), null)
      const later = await w.save(a, held, { at: tick(), run: null })
      assert.deepEqual(await store.call('keepLateRecords', { storedAfter: 0 }), [{ org }])
      const named = (await store.query('listSnapshots', { org })).filter(record => record.name !== null)
      assert.deepEqual(new Set(named.map(record => record.id)), new Set([late, later]))
      assert.deepEqual(await store.query('homelessSessions', { failedAfter: now }), [
        { org, session: held.session, home: a, at: b },
      ])
    },
  )

  contract(
    'I4 whatever is lost, moved, brought back and killed in whatever order: one live head, one fence a run, every move to one end, nothing dropped without a name',
    async w => {
      w.devices.push(deviceIdOf(systemRandom(32)) as never)
      const third = (w.devices as DeviceId[])[2]!
      const user = (await w.store.query('listDevices', { org: w.org }))[0]!.user
      const added = { org: w.org, user, id: third, publicKey: third, name: 'third', kind: 'desktop', now }
      await w.store.call('addDevice', added)
      const told = { os: 'linux', software: '', runtimes: [], projects: [w.project], restores }
      await w.store.call('describeDevice', { org: w.org, id: third, ...told, now })
      let number = 0
      const act = fc.record({
        what: fc.constantFrom(
          ...(['run', 'run', 'run', 'run', 'lose', 'back', 'back', 'kill', 'import', 'save', 'save'] as const),
          ...([
            'begin',
            'step',
            'drive',
            'drive',
            'cancel',
            'settle',
            'home',
            'late',
            'failover',
            'failover',
            'return',
          ] as const),
        ),
        device: fc.nat(2),
        pick: fc.nat(9),
        ok: fc.constantFrom(true, true, true, true, false),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(act, { minLength: 40, maxLength: 90, size: 'max' }), async acts => {
          const mesh = new Mesh(w, `p${++number}`)
          for (const { what, device, pick, ok } of acts) {
            await mesh.act(what, (w.devices as DeviceId[])[device]!, pick, ok)
            await mesh.check()
          }
          await mesh.finish()
        }),
        { numRuns, endOnFailure: true },
      )
    },
  )
}

interface Kernel extends Held {
  /** Runs that its variables have seen, in their order. */
  seen: string[]
}

type Act =
  | 'run'
  | 'lose'
  | 'back'
  | 'kill'
  | 'import'
  | 'save'
  | 'begin'
  | 'step'
  | 'drive'
  | 'cancel'
  | 'settle'
  | 'home'
  | 'late'
  | 'failover'
  | 'return'

/** Three devices that do whatever a device may, against the store alone, and what must be true of it all the time. */
class Mesh {
  readonly #w: MoveWorld
  readonly #name: string
  /** What is really there, by device; the hub may not know. */
  readonly #kernels = new Map<DeviceId, Kernel[]>()
  readonly #away = new Set<DeviceId>()
  /** What each record holds. */
  readonly #records = new Map<SnapshotId, string[]>()
  /** Kernels that a device ended because the hub said so, and what they held. */
  readonly #over: { seen: string[]; head: HeadId }[] = []
  readonly #fences = new Map<RunId, Fence>()
  #session: SessionId | undefined
  #newest: { head: HeadId; fence: Fence } | undefined
  #runs = 0

  constructor(w: MoveWorld, name: string) {
    this.#w = w
    this.#name = name
  }

  async act(what: Act, device: DeviceId, pick: number, ok: boolean): Promise<void> {
    if (what === 'run') return this.#run(device, pick)
    if (this.#session === undefined) return
    if (what === 'lose') this.#away.add(device)
    if (what === 'back') await this.#back(device)
    // Power is lost: no kernel is left, and what was in none of the records is gone with it.
    if (what === 'kill' && this.#away.has(device)) this.#kernels.delete(device)
    if (what === 'import') await this.#import(device)
    if (what === 'save') await this.#save(device, pick)
    if (what === 'begin') await this.#begin(device, pick)
    if (what === 'step') await this.#step(ok)
    if (what === 'drive') for (let turn = 0; turn < 4; turn++) await this.#step(ok)
    if (what === 'cancel') await this.#cancel()
    if (what === 'settle') await this.#settle()
    if (what === 'home') await this.#home()
    if (what === 'failover') await this.#failover(device, pick)
    if (what === 'return') await this.#return()
    if (what === 'late') await this.#w.store.call('keepLateRecords', { storedAfter: 0 })
  }

  #of(device: DeviceId): Kernel[] {
    const known = this.#kernels.get(device) ?? []
    this.#kernels.set(device, known)
    return known
  }

  /** The hub places a run: with the holder while it is there, else on any device that is, from what was saved. */
  async #run(device: DeviceId, pick: number): Promise<void> {
    const { session } = await this.#w.request(`${this.#name}-${this.#runs++}`, this.#name)
    this.#session ??= session
    while (await this.#runNext(session, device, pick));
  }

  /** False when nothing waits, or what waits cannot begin now. */
  async #runNext(session: SessionId, device: DeviceId, pick: number): Promise<boolean> {
    const { store, org, tick, append } = this.#w
    const placed = await store.query('nextPlacement', { org, session })
    if (!placed || placed.held !== null) return false
    const holder = placed.holder?.device
    const to = holder && !this.#away.has(holder) ? holder : device
    if (this.#away.has(to)) return false
    const restore = holder === to ? [] : placed.saved.map(state => state.rung)
    const leasing = { org, id: placed.next.id, device: to, newHead: id('head'), reasons: ['x'], now: tick() }
    const leased = await store.call('leaseRun', { ...leasing, ...(restore.length > 0 && { restore }), expiresAt: now })
    if (!leased) return false
    const { lease } = leased
    const known = this.#of(to).find(kernel => kernel.head === lease.head)
    if (!known && lease.restore && !(await this.#restored(to, lease, lease.restore, pick > 0))) {
      await append(lease, to, 1, [
        { type: 'failed', at: now, durationMs: 0, error: { name: 'x', message: '', traceback: [] } },
      ])
      return true
    }
    const kernel = this.#of(to).find(each => each.head === lease.head) ?? this.#start(to, lease, [])
    this.#fences.set(lease.run, lease.fence)
    const half = pick === 9
    assert.equal((await append(lease, to, 1, half ? [started] : [started, done])).refused, undefined)
    kernel.seen.push(lease.run)
    if (half) await append(lease, to, 2, [done])
    return true
  }

  #start(device: DeviceId, { session, head, fence }: Held, seen: string[]): Kernel {
    const kernel = { session, head, fence, seen: [...seen] }
    this.#of(device).push(kernel)
    return kernel
  }

  async #restored(device: DeviceId, held: Held, restore: readonly Rung[], ok: boolean): Promise<boolean> {
    const { store, org, tick } = this.#w
    const { session, head, fence } = held
    const { snapshot } = restore[0]!
    const ended = { org, device, session, head, fence, ok, snapshot, failed: [], lost: [], now: tick() }
    await store.call('restoreEnded', ended)
    if (ok) this.#start(device, held, this.#records.get(snapshot)!)
    return ok
  }

  async #back(device: DeviceId): Promise<HeadId[]> {
    const { store, org, tick } = this.#w
    this.#away.delete(device)
    const heads = this.#of(device).map(({ session, head, fence }) => ({ session, head, fence }))
    const found = await store.call('reconcileDevice', { org, device, heads, runs: [], now: tick(), expiresAt: now })
    return found.lost
  }

  /** It went on alone with a kernel that it had, and tells now. */
  async #import(device: DeviceId): Promise<void> {
    const { store, org, document, tick } = this.#w
    const kernel = this.#of(device).findLast(each => each.session === this.#session)
    if (!kernel || !this.#away.has(device)) return
    await this.#back(device)
    const run = parseRunId(`${this.#name}-${this.#runs++}`)
    kernel.seen.push(run)
    const spare = { spareSession: id('session'), spareHead: id('head') }
    const { session, head, fence } = kernel
    const told = await store.call('importRun', {
      ...{
        org,
        id: run,
        document,
        language: 'python',
        runtime: 'python',
        sessionName: this.#name,
        newSession: session,
      },
      ...{ code: run, codeHash: run.padEnd(64, '0'), cell: null, chosenDevice: null, requestedBy: 'me', device },
      ...{ now: tick(), expiresAt: now + 1e9, deviceName: 'Desk', reasons: ['x'], end: null, leaseExpiresAt: now },
      localHead: { session, sessionName: this.#name, head, fence, ...spare, live: true },
    })
    Object.assign(kernel, { session: told.session, head: told.head, fence: told.fence })
    const events = await this.#w.append({ run, fence: told.fence }, device, 1, [started, done])
    assert.equal(events.refused, undefined)
  }

  async #save(device: DeviceId, pick: number): Promise<void> {
    const kernels = this.#of(device)
    const kernel = kernels[pick % Math.max(1, kernels.length)]
    if (kernel) await this.#record(device, kernel)
  }

  async #record(device: DeviceId, kernel: Kernel, name: string | null = null): Promise<SnapshotId> {
    const run = kernel.seen.findLast(each => !each.includes('none'))
    const snapshot = await this.#w.save(device, kernel, { at: this.#w.tick(), run: run ? parseRunId(run) : null }, name)
    this.#records.set(snapshot, [...kernel.seen])
    return snapshot
  }

  async #begin(device: DeviceId, pick: number): Promise<void> {
    const { store, org } = this.#w
    const records = (await store.query('listSnapshots', { org, session: this.#session! })).map(record => record.id)
    const kind = (['migrate', 'restore', 'fork', 'save'] as const)[pick % 4]!
    const snapshot = records[pick % Math.max(1, records.length)]
    if (kind === 'restore' && !snapshot) return
    const more =
      kind === 'restore' ? { snapshot: snapshot!, name: 'before restore' } : kind === 'save' ? { name: 'mine' } : {}
    await this.#w
      .begin(kind, this.#session!, { to: device, ...more })
      .catch((error: { code?: string }) => assert.equal(error.code, 'MOVE_UNDER_WAY'))
  }

  /** One step of the move, as the hub's look and the answers of devices bring it on. */
  async #step(ok: boolean): Promise<void> {
    const { store, org, tick } = this.#w
    const move = (await store.query('movesUnderWay')).find(each => each.session === this.#session)
    if (!move) return
    const step = { org, id: move.id, now: tick() }
    const fail = (detail: string) => store.call('failMove', { ...step, code: 'UNREACHABLE', detail })
    const isThere = (device: DeviceId | null) => device !== null && !this.#away.has(device)
    const needsHead = !move.makes || (move.kind === 'fork' && move.state !== 'restoring')
    // A target answers whatever the hub has noticed meanwhile: committing looks for itself.
    if (needsHead && !move.sameHead && move.newHead === null) return void (await fail('head'))
    if (move.state === 'waiting') {
      if (move.kind === 'save' || (move.head !== null && isThere(move.from))) {
        if (!isThere(move.from)) return void (await fail('source'))
        await store.call('startSaving', { ...step, to: move.to, kinds: ['image'] })
      } else await this.#startRestoring(move)
    } else if (move.state === 'saving') {
      const kernel = this.#of(move.from!).find(each => each.head === move.head)
      if (!isThere(move.from) || !kernel || !ok) return void (await fail('save'))
      const snapshot = await this.#record(move.from!, kernel, move.name)
      await store.call('savedForMove', { ...step, device: move.from!, snapshot })
    } else if (move.newHead === null) await this.#startRestoring(move)
    else if (!isThere(move.to) || !ok) await fail('target')
    else await this.#commit(move)
  }

  async #startRestoring(move: { id: ReturnType<typeof id<'move'>>; to: DeviceId | null; saved: { rung: Rung }[] }) {
    const { store, org, tick } = this.#w
    const restore = move.saved.map(state => state.rung)
    const step = { org, id: move.id, now: tick() }
    if (restore.length === 0) await store.call('failMove', { ...step, code: 'SNAPSHOT_UNFIT', detail: 'nothing' })
    else await store.call('startRestoring', { ...step, to: move.to!, newHead: id('head'), restore })
  }

  async #commit(move: Awaited<ReturnType<MoveWorld['store']['query']>> & object): Promise<void> {
    const { store, org, tick } = this.#w
    const row = move as unknown as {
      id: ReturnType<typeof id<'move'>>
      to: DeviceId
      from: DeviceId | null
      head: HeadId | null
      makes: SessionId | null
      session: SessionId
      newHead: HeadId
      newFence: Fence
      restore: Rung[]
      kinds: string[] | null
    }
    const { snapshot } = row.restore[0]!
    const commit = { org, id: row.id, device: row.to, snapshot, lost: [], now: tick(), expiresAt: now }
    const committed = await store.call('commitMove', commit)
    if (!committed?.moved) return
    this.#start(
      row.to,
      { session: row.makes ?? row.session, head: row.newHead, fence: row.newFence },
      this.#records.get(snapshot)!,
    )
    // SESSION_MOVED: a source that was there ends its kernel; what it held is in a record.
    if (row.makes === null && row.kinds !== null && row.from) this.#endKernel(row.from, row.head)
  }

  #endKernel(device: DeviceId, head: HeadId | null): void {
    const kernels = this.#of(device)
    const at = kernels.findIndex(each => each.head === head)
    if (at >= 0) this.#over.push(...kernels.splice(at, 1))
  }

  async #cancel(): Promise<void> {
    const { store, org, tick } = this.#w
    const move = (await store.query('movesUnderWay')).find(each => each.session === this.#session)
    if (move) await store.call('cancelMove', { org, id: move.id, reason: 'x', now: tick() })
  }

  /** Devices that are there are asked what they still have: they save it, end it, and say so. */
  async #settle(): Promise<void> {
    const { store, org, tick } = this.#w
    for (const left of await store.query('leftHeads', { lookedBefore: tick() + 1e12 })) {
      if (this.#away.has(left.device) || left.org !== org) continue
      const kernel = this.#of(left.device).find(each => each.head === left.head)
      if (kernel) await this.#record(left.device, kernel)
      await store.call('settleLeftHead', { org, device: left.device, head: left.head })
      this.#endKernel(left.device, left.head)
    }
  }

  async #home(): Promise<void> {
    for (const { session, home } of await this.#w.store.query('homelessSessions', { failedAfter: 0 }))
      if (session === this.#session && !this.#away.has(home)) await this.#w.begin('home', session, { to: home })
  }

  /** The holder saves, and is lost; the next run goes on elsewhere. */
  async #failover(device: DeviceId, pick: number): Promise<void> {
    const { store, org } = this.#w
    const holder = (await store.query('findSession', { org, id: this.#session! }))?.device
    const kernel = holder && this.#of(holder).findLast(each => each.session === this.#session)
    if (!holder || !kernel || holder === device) return
    await this.#record(holder, kernel)
    this.#away.add(holder)
    await this.#run(device, pick)
  }

  /** Whoever is away comes back, and what follows from that is done. */
  async #return(): Promise<void> {
    for (const device of [...this.#away]) await this.#back(device)
    await this.#settle()
    await this.#home()
    for (let turn = 0; turn < 4; turn++) await this.#step(true)
  }

  /** One live head, under the session's fence; a run's log is of one fence. */
  async check(): Promise<void> {
    const { store, org } = this.#w
    if (this.#session === undefined) return
    const sessions = await store.query('listSessions', { org })
    assert.equal(new Set(sessions.map(session => session.id)).size, sessions.length, 'two live heads of one session')
    const { head = null, fence } = sessions.find(session => session.id === this.#session) ?? { fence: null }
    if (head !== null && head !== this.#newest?.head)
      assert.ok(fence! > (this.#newest?.fence ?? 0), 'another head has no larger fence')
    if (head !== null) this.#newest = { head, fence: fence! }
    const moves = (await store.query('movesUnderWay')).filter(move => move.session === this.#session)
    assert.ok(moves.length <= 1, 'two moves of one session')
    for (const [run, fence] of this.#fences) {
      const shown = await store.query('showRun', { org, id: run })
      assert.equal(shown?.fence, fence, 'a run was accepted under two fences')
    }
  }

  /** Everybody is back, and everything is brought to its end. */
  async finish(): Promise<void> {
    const { store, devices } = this.#w
    if (this.#session === undefined) return
    for (const device of devices) await this.#back(device)
    for (let turn = 0; turn < 8; turn++) await this.#step(true)
    await this.#settle()
    // What nobody asks for is ended by its device, for it has passed on.
    for (const device of devices) for (const head of await this.#back(device)) this.#endKernel(device, head)
    await store.call('keepLateRecords', { storedAfter: 0 })
    const under = (await store.query('movesUnderWay')).filter(move => move.session === this.#session)
    assert.deepEqual(under, [], 'every move reaches an end')
    await this.check()
    await this.#nothingDropped()
  }

  /** What a device ended because it was told to is live somewhere, can go on, or is in a record that stays. */
  async #nothingDropped(): Promise<void> {
    const { store, org } = this.#w
    const live = [...this.#kernels.values()].flat().map(kernel => kernel.seen)
    const named = (await store.query('listSnapshots', { org })).filter(record => record.name !== null)
    await this.#w.request(`${this.#name}-probe`, this.#name)
    const saved = (await store.query('nextPlacement', { org, session: this.#session! }))?.saved ?? []
    const goesOn = saved.map(state => this.#records.get(state.rung.snapshot) ?? [])
    const kept = [...live, ...goesOn, ...named.map(record => this.#records.get(record.id) ?? [])]
    for (const { seen, head } of this.#over)
      assert.ok(
        kept.some(each => seen.every((run, at) => each[at] === run)),
        `what head ${head} had seen (${seen.join(', ')}) is nowhere: ${JSON.stringify(kept)}`,
      )
  }
}
