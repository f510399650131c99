/** RT60–RT64: where a session goes on from what was saved of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyDevice, ask, device, id, now, python } from '../../../../tests/arbitrary/route-inputs.ts'
import type { RunId, SnapshotId } from '../ids.ts'
import { limits } from '../limits.ts'
import type { RouteDecision, RouteDevice, RouteRequest, RouteSession } from '../route.ts'
import { route } from '../route.ts'
import type { RestoreAbility } from '../snapshot.ts'
import type { SavedState } from './input.ts'

const linux: RestoreAbility = { kinds: ['image', 'portable'], os: 'linux', arch: 'x64', cpu: ['avx2'] }
const mac: RestoreAbility = { kinds: ['portable'], os: 'darwin', arch: 'arm64', cpu: [] }
const snapshot = (n: number) => `snp_${String(n).padStart(26, '0')}` as unknown as SnapshotId
const saved = (n: number, change: Partial<SavedState['rung']> = {}): SavedState => ({
  rung: {
    snapshot: snapshot(n),
    kind: 'image',
    asOf: { at: now - 60_000, run: 'last' as unknown as RunId },
    ...change,
  },
  fit: { os: 'linux', arch: 'x64', cpu: change.kind === 'portable' ? [] : ['avx2'], language: 'python', version: '3' },
})
const portable = saved(2, { kind: 'portable' })
const named = (n: number, name: string, change: Partial<RouteDevice> = {}) => device(n, { name, ...change })
const holder = (change: Partial<RouteDevice> = {}) => named(1, 'MacBook', { status: 'offline', ...change })
const tower = named(2, 'tower', { restores: linux })
const mini = named(3, 'mini', { restores: mac })
const decide = (devices: RouteDevice[], session: RouteSession = {}, request: Partial<RouteRequest> = {}) =>
  route(ask(devices, request, { holder: id(1), hasRun: true, saved: [saved(1), portable], ...session }))
const rungs = (decision: RouteDecision) => ('to' in decision ? decision.restore?.map(rung => rung.snapshot) : undefined)
const to = (decision: RouteDecision) => ('to' in decision ? decision.to : decision)
const said = ({ reasons }: RouteDecision): string => reasons.join(' ')

test('RT60 a session whose device is offline goes on where a saved state fits, and the reasons say as of when', () => {
  const decision = decide([holder(), tower, named(4, 'bare')])
  assert.equal(to(decision), id(2))
  assert.deepEqual(rungs(decision), [snapshot(1), snapshot(2)])
  assert.match(said(decision), /^MacBook had the session; its state as of .*\d\d:\d\d goes on on tower\./)
  assert.match(said(decision), /only one of 2 devices on which it can go on/)
  assert.doesNotMatch(said(decision), /empty/)
})

test('RT61 the newest state goes first, then a whole process before variables, then what ranks any run', () => {
  assert.equal(to(decide([holder(), named(2, 'tower', { restores: linux, busyRuns: 5 }), mini])), id(2))
  const newer = saved(3, { kind: 'portable', asOf: { at: now - 1_000, run: 'newer' as unknown as RunId } })
  const both = decide([holder(), tower, mini], { saved: [saved(1), newer] })
  assert.deepEqual(rungs(both), [snapshot(3), snapshot(1)])
  const equal = decide([holder(), tower, named(4, 'other', { restores: linux, busyRuns: 1 })])
  assert.equal(to(equal), id(2))
  assert.match(said(equal), /tower is the least busy/)
})

test('RT62 nothing saved, nothing that fits, or too old: the session begins anew, and the reasons say which', () => {
  const cold = (session: RouteSession, ...devices: RouteDevice[]) => {
    const decision = decide([holder(), ...devices], session)
    assert.equal(rungs(decision), undefined)
    assert.match(said(decision), /its variables will be empty/)
    return said(decision)
  }
  assert.match(cold({ saved: [] }, tower), /Nothing of it was saved/)
  assert.match(cold({ saved: [saved(1)] }, mini), /cannot go on on mini\. mini cannot restore whole processes/)
  const old = saved(1, { asOf: { at: now - limits.snapshotOldMs - 1, run: null } })
  assert.match(cold({ saved: [old] }, tower), /is too old to go on/)
  assert.doesNotMatch(cold({ saved: undefined }, tower), /saved/)
})

test('RT63 while the holder is silent the run waits for it, by the second, unless somebody or the policy says elsewhere', () => {
  const silent = holder({ status: 'suspect', lastSeenAt: now - 12_400 })
  const waits = decide([silent, tower])
  assert.ok('wait' in waits)
  assert.equal(waits.wait, 'Waiting for MacBook (12 s).')
  assert.match(waits.unblock, /Run elsewhere now/)
  assert.ok('wait' in decide([silent, tower], {}, { failover: 'wait' }))
  const later = decide([silent, tower], {}, { failover: { elsewhereAfterMs: 20_000 } })
  assert.ok('wait' in later)
  assert.match(later.unblock, /after 20 s of silence it goes on elsewhere/)
  for (const request of [{ elsewhere: true }, { failover: { elsewhereAfterMs: 10_000 } }]) {
    const goes = decide([silent, tower], {}, request)
    assert.equal(to(goes), id(2))
    assert.deepEqual(rungs(goes), [snapshot(1), snapshot(2)])
    assert.match(said(goes), /MacBook has not answered for 12 s/)
  }
})

test('RT60 I11 a device that was chosen gets the saved state where it fits, and none is tried instead', () => {
  const chosen = decide([holder({ status: 'online' }), tower, mini], {}, { on: id(2) })
  assert.deepEqual([to(chosen), rungs(chosen)], [id(2), [snapshot(1), snapshot(2)]])
  assert.match(said(chosen), /MacBook has the session; its saved state as of .* goes on on tower/)
  const unfit = decide([holder({ status: 'online' }), tower, named(4, 'bare')], {}, { on: id(4) })
  assert.deepEqual([to(unfit), rungs(unfit)], [id(4), undefined])
  const own = decide([holder({ status: 'online', restores: linux }), tower], {}, { on: id(1) })
  assert.deepEqual([to(own), rungs(own)], [id(1), undefined])
  assert.deepEqual(rungs(decide([holder(), tower, mini], {}, { runsOn: 'mini' })), [snapshot(2)])
})

test('RT60 a session that its device came back without goes on from what was saved, there too', () => {
  const back = named(1, 'MacBook', { restores: linux })
  const decision = decide([back], { holder: undefined, lostBy: id(1) })
  assert.deepEqual([to(decision), rungs(decision)], [id(1), [snapshot(1), snapshot(2)]])
  assert.equal(rungs(decide([back, tower], { holder: undefined })), undefined)
})

test('RT64 a kernel of another name cannot take the place of the one that the notebook asks for', () => {
  const other: SavedState = { ...saved(1), fit: { ...saved(1).fit, kernelspec: 'conda' } }
  assert.equal(rungs(decide([holder(), tower], { saved: [other] }, { kernel: 'venv' })), undefined)
  assert.deepEqual(rungs(decide([holder(), tower], { saved: [other] }, { kernel: 'conda' })), [snapshot(1)])
})

test('RT21 RT63 whatever was saved, a silent holder keeps its session unless it may go elsewhere, and what is said is one', () => {
  const states = fc.subarray([saved(1), portable, saved(5, { asOf: { at: now - 5, run: null } })])
  const devices = fc
    .tuple(anyDevice(2), anyDevice(3), anyDevice(4))
    .map(all => all.map((one, n) => ({ ...one, restores: [linux, mac, undefined][n % 3] })))
  fc.assert(
    fc.property(states, devices, fc.boolean(), (given, others, elsewhere) => {
      const silent = device(1, { status: 'suspect', runtimes: [python] })
      const decision = decide([silent, ...others], { saved: given }, { elsewhere })
      if (!elsewhere) assert.ok('wait' in decision)
      else if ('to' in decision) assert.notEqual(decision.to, id(1))
      if ('to' in decision && decision.restore) {
        const target = others.find(one => one.id === decision.to)
        assert.ok(target?.status === 'online' && decision.restore.length > 0)
        for (const { kind } of decision.restore) assert.ok(target.restores?.kinds.includes(kind))
      }
      assert.equal(new Set(decision.reasons).size, decision.reasons.length)
      for (const reason of decision.reasons) assert.match(reason, /^\p{Lu}.*\.$/u)
    }),
    { numRuns: 2_000 },
  )
})
