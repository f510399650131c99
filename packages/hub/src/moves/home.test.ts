/** A session comes home: over real sockets, with devices as scripts. MV30–MV43. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { DownMessage, Lease } from '@meshbook/core/messages.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import { restoredOk, type SavedScene, savedScene } from '../testing/saved-scene.ts'
import { completed, started, type TestDevice } from '../testing/test-device.ts'
import { until } from '../testing/until.ts'

const runId = (id: string) => id as Lease['run']
const held = ({ session, head, fence }: Lease) => ({ session, head, fence })
const moves = async (s: SavedScene) => (await s.json<{ items: Move[] }>('GET', '/moves')).items
const kept = async (s: SavedScene) =>
  (await s.snapshots()).flatMap(({ id, name }) => (name === null ? [] : [{ id, name }]))

/** Lost on the MacBook as of `a`, gone on elsewhere with `c`. */
async function goneOn(s: SavedScene) {
  const macbook = await s.add('MacBook')
  const lease = await s.run(macbook, 'a')
  const snapshot = await s.save(macbook, lease, { asOf: { at: Date.now(), run: runId('a') } })
  const tower = await s.add('tower')
  await s.leave(macbook)
  await s.ask('c')
  const { lease: next } = await tower.next('LEASE')
  tower.send(restoredOk(next, snapshot))
  await tower.emit(next, 1, [started, completed])
  return { macbook, tower, lease, next, snapshot }
}

async function comesHome(s: SavedScene, from: TestDevice, to: TestDevice, lease: Lease, last: string) {
  const out = await from.next('MIGRATE_OUT', ({ end }) => end !== true)
  const snapshot = await s.save(from, lease, { asOf: { at: Date.now(), run: runId(last) } })
  from.send({ type: 'SNAPSHOT', ...held(lease), ask: out.ask, state: 'saved', snapshot })
  const into = await to.next('MIGRATE_IN')
  to.send(restoredOk(into, snapshot, into.ask))
  for (const device of [from, to])
    assert.equal((await device.next('SESSION_MOVED', ({ head }) => head === into.head)).to, to.id)
  await until(async () => (await s.session()).device === to.id)
  return into
}

const quick = { limits: { leftHeadMs: 100 } }

test('MV30 MV40 MV41 a device that is back with nothing of its own gets its session home when that is idle', async t => {
  const s = await savedScene(t, quick)
  const { macbook, tower, lease, next } = await goneOn(s)
  await s.back(macbook, [lease])
  const out: Extract<DownMessage, { type: 'MIGRATE_OUT' }> = await macbook.next('MIGRATE_OUT')
  assert.deepEqual([out.head, out.end], [lease.head, true])
  macbook.send({ type: 'SNAPSHOT', ...held(lease), ask: out.ask, state: 'failed', code: 'NOT_FOUND' })
  const into = await comesHome(s, tower, macbook, next, 'c')
  assert.equal(into.fence, next.fence + 1)
  assert.deepEqual(
    (await moves(s)).map(({ kind, state }) => [kind, state]),
    [['home', 'done']],
  )
  assert.deepEqual(await kept(s), [])
  const { lease: again } = { lease: await s.run(macbook, 'd') }
  assert.deepEqual([again.head, again.restore], [into.head, undefined])
})

test('MV31 MV41 a device that came back without the kernel gets it home as well; a run that waits goes first', async t => {
  const s = await savedScene(t, quick)
  const { macbook, tower, next } = await goneOn(s)
  await s.ask('d')
  const { lease: busy } = await tower.next('LEASE')
  await tower.emit(busy, 1, [started])
  await s.back(macbook)
  await new Promise(resolve => setTimeout(resolve, 1_500))
  assert.deepEqual(await moves(s), [], 'the session is busy')
  await tower.emit(busy, 2, [completed])
  await comesHome(s, tower, macbook, next, 'd')
})

test('MV30 MV31 a device that is ahead has its state kept under a name before the session comes home', async t => {
  const s = await savedScene(t, quick)
  const { macbook, tower, lease, next } = await goneOn(s)
  await s.back(macbook, [lease])
  macbook.send({ type: 'SNAPSHOT', ...held(lease), state: 'saved', ahead: 2 })
  const out = await macbook.next('MIGRATE_OUT')
  const snapshot = await s.save(macbook, lease, { asOf: { at: Date.now(), run: null } })
  macbook.send({ type: 'SNAPSHOT', ...held(lease), ask: out.ask, state: 'saved', snapshot })
  assert.equal((await macbook.next('SESSION_MOVED')).ended, lease.head)
  const [named, ...others] = await kept(s)
  assert.deepEqual([named?.id, others], [snapshot, []])
  assert.match(named?.name ?? '', /^kept from MacBook, \d\d:\d\d$/)
  await comesHome(s, tower, macbook, next, 'c')
})

test('MV30 what it cannot save now it is asked for again, and the session stays where it is until then', async t => {
  const s = await savedScene(t, { limits: { leftHeadMs: 100, leftHeadAgainMs: 1_500 } })
  const { macbook, tower, lease } = await goneOn(s)
  await s.back(macbook, [lease])
  const { ask } = await macbook.next('MIGRATE_OUT')
  macbook.send({ type: 'SNAPSHOT', ...held(lease), ask, state: 'failed', code: 'SNAPSHOT_FAILED', detail: 'no room' })
  assert.equal((await macbook.next('MIGRATE_OUT')).ask, ask)
  assert.equal((await s.session()).device, tower.id)
  assert.deepEqual(await moves(s), [])
})

test('MV33 what a lost device had saved and brings later is kept, and what is here already makes no room for others', async t => {
  const s = await savedScene(t, { limits: { leftHeadMs: 100, heartbeatMs: 1_000 } })
  const { macbook, lease } = await goneOn(s)
  await s.back(macbook)
  const late = await s.save(macbook, lease, { asOf: { at: Date.now(), run: null } })
  await until(async () => (await kept(s)).some(({ id }) => id === late))
})

test('MV43 both ran: that of the device that is back is preferred, the other is kept with what it ran', async t => {
  const s = await savedScene(t, quick)
  const { macbook, tower, lease, next } = await goneOn(s)
  await s.back(macbook, [lease])
  const spare = {
    spareSession: newId('session', Date.now(), systemRandom),
    spareHead: newId('head', Date.now(), systemRandom),
  }
  macbook.send({
    type: 'RUN_IMPORT',
    project: s.project.id,
    request: { id: runId('local'), document: s.doc, language: 'python', code: 'x = 1' },
    reasons: ['The hub was out of reach.'],
    head: { ...held(lease), sessionName: 'default', ...spare, live: true },
  })
  const { settled } = await macbook.next('RUN_IMPORTED')
  assert.deepEqual(
    [settled?.session, settled?.head, settled?.fence, settled?.sessionName],
    [lease.session, spare.spareHead, next.fence + 1, 'default'],
  )
  assert.equal((await s.session()).device, macbook.id)
  const out = await tower.next('MIGRATE_OUT')
  assert.deepEqual([out.head, out.end], [next.head, true])
  const snapshot = await s.save(tower, next, { asOf: { at: Date.now(), run: runId('c') } })
  tower.send({ type: 'SNAPSHOT', ...held(next), ask: out.ask, state: 'saved', snapshot })
  assert.equal((await tower.next('SESSION_MOVED')).ended, next.head)
  const [named] = await kept(s)
  assert.equal(named?.id, snapshot)
  assert.match(named?.name ?? '', /^kept from tower/)
  assert.equal((await s.show('c')).status, 'completed')
  assert.ok(!macbook.received.some(({ type }) => type === 'MIGRATE_OUT'), 'its own kernel goes on')
  await macbook.emit({ run: runId('local'), fence: settled!.fence }, 1, [started, completed])
  assert.equal((await s.run(macbook, 'e')).head, spare.spareHead)
})

test('MV9 MV40 who cancels the way home wants the session to stay; a migration ends the wish to go home', async t => {
  const s = await savedScene(t, quick)
  const { macbook, tower } = await goneOn(s)
  await s.back(macbook)
  await tower.next('MIGRATE_OUT')
  const [home] = await moves(s)
  await s.json('DELETE', `/moves/${home!.id}`)
  await new Promise(resolve => setTimeout(resolve, 2_500))
  assert.equal((await moves(s)).length, 1)
  assert.equal((await s.session()).device, tower.id)
})

test('MV2 MV42 a way home gives way to what somebody asks; one that cannot be restored there is not tried again', async t => {
  const s = await savedScene(t, quick)
  const { macbook, tower, next, lease } = await goneOn(s)
  await s.back(macbook)
  await tower.next('MIGRATE_OUT')
  const save = await s.json<Move>('POST', `/sessions/${lease.session}/snapshots`, { name: 'mine' })
  assert.equal(save.kind, 'save')
  const { ask } = await tower.next('MIGRATE_OUT', ({ name }) => name === 'mine')
  tower.send({ type: 'SNAPSHOT', ...held(next), ask, state: 'failed', code: 'SNAPSHOT_FAILED', detail: 'x' })
  const out = await tower.next('MIGRATE_OUT')
  const snapshot = await s.save(tower, next, { asOf: { at: Date.now(), run: runId('c') } })
  tower.send({ type: 'SNAPSHOT', ...held(next), ask: out.ask, state: 'saved', snapshot })
  const into = await macbook.next('MIGRATE_IN')
  const failed = [{ snapshot, code: 'RESTORE_FAILED' as const, detail: 'x' }]
  const { session, head, fence } = into
  macbook.send({ type: 'RESTORED', session, head, fence, ask: into.ask, ok: false, failed, lost: [] })
  await until(async () => (await moves(s)).some(({ kind, state }) => kind === 'home' && state === 'failed'))
  await new Promise(resolve => setTimeout(resolve, 2_500))
  assert.equal((await moves(s)).filter(({ kind }) => kind === 'home').length, 2)
  assert.equal((await s.session()).device, tower.id)
})
