/** A session whose device is lost: over real sockets, with devices as scripts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lease } from '@meshbook/core/messages.ts'
import { linux, restoredOk, type SavedScene, savedScene } from '../testing/saved-scene.ts'
import { completed, started, stdout, type TestDevice } from '../testing/test-device.ts'
import { until } from '../testing/until.ts'

const runId = (id: string) => id as Lease['run']

/** A session on a device that is saved as of its first run, and then ran another. */
async function savedOn(
  s: SavedScene,
  device: TestDevice,
): Promise<{ lease: Lease; snapshot: Awaited<ReturnType<SavedScene['save']>> }> {
  const lease = await s.run(device, 'a')
  const snapshot = await s.save(device, lease, { asOf: { at: Date.now(), run: runId('a') } })
  await s.run(device, 'b')
  return { lease, snapshot }
}

test('RT60 MV20 MV21 a lost holder: the next run goes on elsewhere under a new fence, from what was saved, and says how far that is behind', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook')
  const { lease, snapshot } = await savedOn(s, macbook)
  const tower = await s.add('tower')
  await s.leave(macbook)
  await s.ask('c')
  const { lease: next } = await tower.next('LEASE')
  assert.deepEqual([next.run, next.session, next.fence], ['c', lease.session, lease.fence + 1])
  assert.deepEqual([next.restore?.map(rung => rung.snapshot), next.behind], [[snapshot], 1])
  assert.match((await s.show('c')).reasons[0]!, /MacBook had the session; its state as of .* goes on on tower/)
  assert.equal((await s.session()).moving?.to, tower.id)
  tower.send(restoredOk(next, snapshot))
  await until(async () => (await s.session()).restored !== undefined)
  const { restored, moving, device } = await s.session()
  assert.deepEqual(
    [restored?.snapshot, restored?.behind, restored?.from, moving, device],
    [snapshot, 1, macbook.id, undefined, tower.id],
  )
  await tower.emit(next, 1, [started, completed])
  assert.equal((await s.run(tower, 'd')).restore, undefined, 'what it began with is told once')
})

test('MV20 a lease with saved states says so again to a device that never got it, over a restart of the hub', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook')
  const { snapshot } = await savedOn(s, macbook)
  const tower = await s.add('tower')
  await s.leave(macbook)
  await s.ask('c')
  await tower.next('LEASE')
  await s.restart()
  await s.back(tower)
  const { lease } = await tower.next('LEASE')
  assert.deepEqual([lease.run, lease.restore?.[0]?.snapshot, lease.behind], ['c', snapshot, 1])
})

test('MV21 RT62 a restore that fails ends the head; what was found damaged is offered no more, and the next run begins anew', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook')
  const { snapshot } = await savedOn(s, macbook)
  const tower = await s.add('tower')
  await s.leave(macbook)
  await s.ask('c')
  const { lease } = await tower.next('LEASE')
  const { session, head, fence } = lease
  const failed = [{ snapshot, code: 'SNAPSHOT_REFUSED' as const, detail: 'a part was changed' }]
  tower.send({ type: 'RESTORED', session, head, fence, ok: false, failed, lost: [] })
  await until(async () => (await s.session()).device === null)
  const error = { name: 'RESTORE_FAILED', message: 'x', traceback: [], code: 'RESTORE_FAILED' }
  await tower.emit(lease, 1, [{ type: 'failed', at: 1, durationMs: 0, error }])
  assert.match((await s.snapshots())[0]?.refused ?? '', /SNAPSHOT_REFUSED: a part was changed/)
  await s.ask('d')
  const { lease: next } = await tower.next('LEASE')
  assert.deepEqual([next.run, next.restore], ['d', undefined])
  assert.match((await s.show('d')).reasons.join(' '), /will be empty/)
})

test('RT63 MV22 MV23 while the holder is silent a run waits by the second, the next device fetches, and elsewhere means now', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook')
  const { lease, snapshot } = await savedOn(s, macbook)
  const tower = await s.add('tower')
  await macbook.drop()
  const prefetch = await tower.next('PREFETCH')
  assert.deepEqual([prefetch.session, prefetch.restore.map(rung => rung.snapshot)], [lease.session, [snapshot]])
  await s.ask('c')
  await until(async () => (await s.show('c')).reasons.some(reason => /^Waiting for MacBook \(\d+ s\)\.$/.test(reason)))
  const first = (await s.show('c')).reasons.join(' ')
  await until(async () => (await s.show('c')).reasons.join(' ') !== first)
  assert.ok(!tower.received.some(({ type }) => type === 'PREFETCH'), 'it is asked once')
  assert.equal((await s.api('POST', '/runs/c/elsewhere')).status, 200)
  const { lease: next } = await tower.next('LEASE')
  assert.deepEqual([next.run, next.fence, next.restore?.[0]?.snapshot], ['c', lease.fence + 1, snapshot])
  assert.match((await s.show('c')).reasons.join(' '), /MacBook has not answered for \d+ s, and you want it/)
  assert.equal((await s.api('POST', '/runs/c/elsewhere')).status, 409)
  const welcome = await macbook.join(t, s.hub, [s.project.id], { heads: [held(lease)], runs: [] })
  assert.deepEqual([welcome.lost, welcome.snapshots], [[lease.head], true])
  assert.equal((await macbook.emit({ run: runId('c'), fence: lease.fence }, 1, [started])).refused, 'STALE_FENCE')
})

const held = ({ session, head, fence }: Lease) => ({ session, head, fence })

test('MV22 what was fetched for nothing is given up when the holder answers again', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook')
  const { lease } = await savedOn(s, macbook)
  const tower = await s.add('tower')
  await macbook.drop()
  await tower.next('PREFETCH')
  await s.back(macbook, [lease])
  const moved = await tower.next('SESSION_MOVED')
  assert.deepEqual([moved.session, moved.to, moved.head], [lease.session, null, null])
})

test('RT63 MV23 a policy says when: of the run, else of the session; wait waits', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook')
  const { lease } = await savedOn(s, macbook)
  const tower = await s.add('tower')
  assert.equal((await s.api('PATCH', `/sessions/${lease.session}`, { failover: { elsewhereAfterMs: 0 } })).status, 204)
  assert.deepEqual((await s.session()).policy, { failover: { elsewhereAfterMs: 0 } })
  await macbook.drop()
  await s.ask('waits', { failover: 'wait' })
  await until(async () => (await s.show('waits')).reasons.join(' ').includes('Waiting for MacBook'))
  await s.json('POST', '/runs/waits/cancel', {})
  await s.ask('goes')
  assert.equal((await tower.next('LEASE')).lease.run, 'goes')
  assert.equal((await s.api('PATCH', `/sessions/${lease.session}`, { failover: 'soon' })).status, 400)
})

test('RT63 a run that may go elsewhere after some silence goes without anybody asking again', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook')
  await savedOn(s, macbook)
  const tower = await s.add('tower')
  await macbook.drop()
  await s.ask('c', { failover: { elsewhereAfterMs: 2_000 } })
  await until(async () => /after 2 s of silence/.test((await s.show('c')).reasons.join(' ')))
  assert.equal((await tower.next('LEASE')).lease.run, 'c')
})

test('RT60 I11 a chosen device gets the saved state where it fits; what the other still has is kept under a name', async t => {
  const s = await savedScene(t, { limits: { leftHeadMs: 100 } })
  const macbook = await s.add('MacBook')
  const { lease, snapshot } = await savedOn(s, macbook)
  const tower = await s.add('tower')
  await s.ask('c', { on: tower.id })
  const { lease: next } = await tower.next('LEASE')
  assert.deepEqual([next.restore?.[0]?.snapshot, next.behind], [snapshot, 1])
  const out = await macbook.next('MIGRATE_OUT')
  assert.deepEqual([out.head, out.end, out.name], [lease.head, true, null])
  const kept = await s.save(macbook, lease, { asOf: { at: Date.now(), run: runId('b') } })
  macbook.send({ type: 'SNAPSHOT', ...held(lease), ask: out.ask, state: 'saved', snapshot: kept })
  assert.equal((await macbook.next('SESSION_MOVED')).ended, lease.head)
  const names = new Map((await s.snapshots()).map(({ id, name }) => [id, name]))
  assert.match(names.get(kept) ?? '', /^kept from MacBook, \d\d:\d\d$/)
  assert.equal(names.get(snapshot), null)
})

test('RT60 a session that its device came back without goes on there from what was saved', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook')
  const { lease, snapshot } = await savedOn(s, macbook)
  await macbook.drop()
  await s.back(macbook)
  await s.ask('c')
  const { lease: next } = await macbook.next('LEASE')
  assert.deepEqual([next.fence, next.restore?.[0]?.snapshot], [lease.fence + 1, snapshot])
  macbook.send(restoredOk(next, snapshot))
  await macbook.emit(next, 1, [started, completed])
  await s.save(macbook, next, { asOf: { at: Date.now(), run: runId('c') } })
  const restarting = s.json('POST', `/sessions/${lease.session}/restart`, {})
  const { id } = await macbook.next('MRP_REQUEST')
  macbook.send({ type: 'MRP_RESPONSE', id, ok: true, result: {} })
  await restarting
  assert.equal((await s.run(macbook, 'd')).restore, undefined, 'who restarts a session wants it empty')
})

test('MV1 RU70 RU72 a run that was saved in its middle goes on elsewhere when its device is lost: one log, a new fence', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook')
  const tower = await s.add('tower')
  await s.ask('long', { on: undefined, onLoss: 'resume' })
  const holder = await either(macbook, tower)
  const other = holder === macbook ? tower : macbook
  const { lease } = await holder.next('LEASE')
  assert.equal(lease.onLoss, 'resume')
  await holder.emit(lease, 1, [started, stdout('1\n'), stdout('2\n')])
  const asOf = { at: Date.now(), run: null, during: { run: runId('long'), seq: 2 } }
  const snapshot = await s.save(holder, lease, { asOf })
  await holder.drop()
  await pass(s, 80, other)
  const { lease: next } = await other.next('LEASE')
  assert.deepEqual([next.run, next.fence, next.resume?.seq], ['long', lease.fence + 1, 3])
  assert.deepEqual(
    next.restore?.map(rung => rung.snapshot),
    [snapshot],
  )
  other.send(restoredOk(next, snapshot))
  const resumed = { type: 'resumed', at: started.at, device: 'other', fromSeq: 2, lostAfter: 3 } as const
  assert.equal((await other.emit(next, 4, [resumed, stdout('3\n'), completed])).seq, 6)
  assert.equal((await s.show('long')).status, 'completed')
  await s.back(holder, [lease], [{ run: lease.run, fence: lease.fence, seq: 9 }])
  assert.equal((await holder.next('RUN_CANCEL')).run, 'long')
  assert.equal((await holder.emit(lease, 4, [stdout('late')])).refused, 'STALE_FENCE')
})

test('RU71 what cannot go on is interrupted; with `again` it is run once more, which is not repeated by itself', async t => {
  const s = await savedScene(t)
  const macbook = await s.add('MacBook', { ...linux, kinds: [] })
  await s.ask('long', { onLoss: 'again', on: undefined })
  const { lease } = await macbook.next('LEASE')
  await macbook.emit(lease, 1, [started])
  const tower = await s.add('tower')
  await macbook.drop()
  await pass(s, 80, tower)
  await until(async () => (await s.show('long')).status === 'interrupted')
  const { lease: again } = await tower.next('LEASE')
  assert.deepEqual([again.code, again.onLoss], [lease.code, 'interrupt'])
  assert.equal((await s.show(again.run)).againOf, 'long')
})

async function either(...devices: TestDevice[]): Promise<TestDevice> {
  let found: TestDevice | undefined
  await until(() => {
    found = devices.find(device => device.received.some(({ type }) => type === 'LEASE'))
    return found !== undefined
  })
  return found!
}

/** Lets time pass without a pause of the hub's machine, and without the device falling silent. */
async function pass(s: SavedScene, seconds: number, alive: TestDevice): Promise<void> {
  for (let gone = 0; gone < seconds; gone += 20) {
    s.clock.offsetMs += 20_000
    alive.send({ type: 'HEARTBEAT', metrics: { cpu: 0.1, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] }, heads: [] })
    await new Promise(resolve => setTimeout(resolve, 1_100))
  }
}
