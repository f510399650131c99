/** Moves that somebody asks for, over real sockets, with devices as scripts: MV1–MV10. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DownMessage, Lease } from '@meshbook/core/messages.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import { linux, restoredOk, type SavedScene, savedScene } from '../testing/saved-scene.ts'
import { completed, started, type TestDevice } from '../testing/test-device.ts'
import { addTestUser, makeMember } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'

type Out = Extract<DownMessage, { type: 'MIGRATE_OUT' }>
type In = Extract<DownMessage, { type: 'MIGRATE_IN' }>

const runId = (id: string) => id as Lease['run']
const held = ({ session, head, fence }: Lease) => ({ session, head, fence })

/** The source saves what it was asked for, and says so. */
async function saves(s: SavedScene, device: TestDevice, lease: Lease, out: Out, last: string) {
  const snapshot = await s.save(device, lease, {
    asOf: { at: Date.now(), run: runId(last) },
    name: out.name,
    kind: out.kinds[0]!,
  })
  device.send({ type: 'SNAPSHOT', ...held(lease), ask: out.ask, state: 'saved', snapshot })
  return snapshot
}

const restores = (device: TestDevice, into: In): void =>
  device.send(restoredOk(into, into.restore[0]!.snapshot, into.ask))

const begin = (s: SavedScene, path: string, body: object = {}) => s.json<Move>('POST', path, body)

async function live(s: SavedScene) {
  const macbook = await s.add('MacBook')
  const lease = await s.run(macbook, 'a')
  const tower = await s.add('tower')
  return { macbook, lease, tower, path: `/sessions/${lease.session}` }
}

test('MV3 MV4 MV5 migrate: the source saves, the target restores, one step moves the session, and nothing of it begins meanwhile', async t => {
  const s = await savedScene(t)
  const { macbook, lease, tower, path } = await live(s)
  const move = await begin(s, `${path}/migrate`, { to: tower.id })
  assert.deepEqual([move.kind, move.state, move.from, move.to], ['migrate', 'saving', macbook.id, tower.id])
  const out = await macbook.next('MIGRATE_OUT')
  assert.deepEqual([out.head, out.fence, out.kinds, out.name], [lease.head, lease.fence, ['image', 'portable'], null])
  await s.ask('b')
  await until(async () => (await s.show('b')).reasons.includes('The session is being moved.'))
  assert.equal((await s.api('POST', `${path}/fork`, {})).status, 409)
  const snapshot = await saves(s, macbook, lease, out, 'a')
  const into = await tower.next('MIGRATE_IN')
  assert.deepEqual([into.session, into.fence, into.restore[0]?.snapshot], [lease.session, lease.fence + 1, snapshot])
  assert.equal((await s.session()).device, macbook.id, 'until it is committed nothing has moved')
  tower.send({ type: 'RUNTIME_UP', ...heldOf(into), language: 'python', kernel: 'python3' })
  restores(tower, into)
  for (const device of [macbook, tower]) {
    const { ended, head, to, fence } = await device.next('SESSION_MOVED')
    assert.deepEqual([ended, head, to, fence], [lease.head, into.head, tower.id, lease.fence + 1])
  }
  assert.equal((await s.ended(move.id)).state, 'done')
  const { lease: next } = await tower.next('LEASE')
  assert.deepEqual([next.run, next.head, next.fence, next.restore], ['b', into.head, into.fence, undefined])
  const session = await s.session()
  assert.deepEqual([session.device, session.kernel, session.restored?.from], [tower.id, 'python3', macbook.id])
  assert.equal((await macbook.emit({ run: next.run, fence: lease.fence }, 1, [started])).refused, 'STALE_FENCE')
})

const heldOf = ({ session, head, fence }: In) => ({ session, head, fence })

test('MV5 a restore that fails leaves the source as it is, with its head and its variables', async t => {
  const s = await savedScene(t)
  const { macbook, lease, tower, path } = await live(s)
  const move = await begin(s, `${path}/migrate`)
  await saves(s, macbook, lease, await macbook.next('MIGRATE_OUT'), 'a')
  const into = await tower.next('MIGRATE_IN')
  const failed = [{ snapshot: into.restore[0]!.snapshot, code: 'RESTORE_FAILED' as const, detail: 'no memory' }]
  tower.send({ type: 'RESTORED', ...heldOf(into), ask: into.ask, ok: false, failed, lost: [] })
  const { state, code, detail } = await s.ended(move.id)
  assert.deepEqual([state, code, detail], ['failed', 'RESTORE_FAILED', 'no memory'])
  const given = await tower.next('SESSION_MOVED')
  assert.deepEqual([given.to, given.head], [null, into.head])
  const next = await s.run(macbook, 'b')
  assert.deepEqual([next.head, next.fence], [lease.head, lease.fence])
})

test('MV4 a move begins when the session is idle, and fails when it was restarted meanwhile', async t => {
  const s = await savedScene(t)
  const { macbook, lease, tower, path } = await live(s)
  await s.ask('b')
  const { lease: busy } = await macbook.next('LEASE')
  await macbook.emit(busy, 1, [started])
  const move = await begin(s, `${path}/migrate`)
  assert.equal(move.state, 'waiting')
  await macbook.emit(busy, 2, [completed])
  await saves(s, macbook, lease, await macbook.next('MIGRATE_OUT'), 'b')
  const into = await tower.next('MIGRATE_IN')
  const restarting = s.json('POST', `${path}/restart`, {})
  const { id } = await macbook.next('MRP_REQUEST')
  macbook.send({ type: 'MRP_RESPONSE', id, ok: true, result: {} })
  await restarting
  restores(tower, into)
  assert.equal((await s.ended(move.id)).code, 'CONFLICT')
  const given = await tower.next('SESSION_MOVED')
  assert.deepEqual([given.to, given.head], [null, into.head])
  assert.equal((await s.session()).device, null)
})

test('MV4 what cannot be is refused at once, and says why; a target that goes away fails the move', async t => {
  const s = await savedScene(t)
  const { macbook, lease, tower, path } = await live(s)
  const arm = await s.add('arm', { kinds: ['image'], os: 'linux', arch: 'arm64', cpu: [] })
  const bare = await s.add('bare', { ...linux, kinds: [] })
  const refused = async (to: string) => {
    const answer = await s.api('POST', `${path}/migrate`, { to })
    return ((await answer.json()) as { code: string; detail: string }).code
  }
  assert.equal(await refused(arm.id), 'SNAPSHOT_UNFIT')
  assert.equal(await refused(bare.id), 'SNAPSHOT_UNFIT')
  await s.leave(bare)
  assert.equal(await refused(bare.id), 'UNREACHABLE')
  const move = await begin(s, `${path}/migrate`, { to: tower.id })
  await saves(s, macbook, lease, await macbook.next('MIGRATE_OUT'), 'a')
  await tower.next('MIGRATE_IN')
  await s.leave(tower)
  assert.equal((await s.ended(move.id)).code, 'UNREACHABLE')
  assert.equal((await s.session()).device, macbook.id)
})

test('MV9 a move is cancelled as long as it is not committed; the target gives up, and the queue goes on', async t => {
  const s = await savedScene(t)
  const { macbook, lease, tower, path } = await live(s)
  const move = await begin(s, `${path}/migrate`)
  await saves(s, macbook, lease, await macbook.next('MIGRATE_OUT'), 'a')
  const into = await tower.next('MIGRATE_IN')
  await s.ask('b')
  assert.equal((await s.json<Move>('DELETE', `/moves/${move.id}`)).state, 'cancelled')
  assert.equal((await tower.next('SESSION_MOVED')).to, null)
  assert.equal((await macbook.next('LEASE')).lease.head, lease.head)
  restores(tower, into)
  assert.equal((await tower.next('SESSION_MOVED')).to, null, 'who comes too late is told again')
  assert.equal((await s.session()).device, macbook.id)
})

test('MV7 fork: a copy is a session of its own, the first goes on as soon as it is saved', async t => {
  const s = await savedScene(t)
  const { macbook, lease, path } = await live(s)
  const move = await begin(s, `${path}/fork`, { name: 'sandbox' })
  const snapshot = await saves(s, macbook, lease, await macbook.next('MIGRATE_OUT'), 'a')
  const into = await macbook.next('MIGRATE_IN')
  assert.deepEqual([into.sessionName, into.fence, into.session], ['sandbox', 1, move.makes])
  await s.run(macbook, 'b')
  restores(macbook, into)
  assert.equal((await macbook.next('SESSION_MOVED')).head, into.head)
  assert.equal((await s.ended(move.id)).snapshot, snapshot)
  const [first, copy] = [await s.session(), await s.session('sandbox')]
  assert.deepEqual([first.fence, copy.device, copy.fence], [lease.fence, macbook.id, 1])
  const forked = await s.run(macbook, 'c', { session: 'sandbox' })
  assert.deepEqual([forked.head, forked.restore], [into.head, undefined])
  assert.equal((await s.api('POST', `${path}/fork`, { name: 'sandbox' })).status, 409)
})

test('MV7 save: the present state under a name, from its source alone', async t => {
  const s = await savedScene(t)
  const { macbook, lease, path } = await live(s)
  const move = await begin(s, `${path}/snapshots`, { name: 'before the split' })
  const out = await macbook.next('MIGRATE_OUT')
  assert.deepEqual([out.name, out.end], ['before the split', undefined])
  const snapshot = await saves(s, macbook, lease, out, 'a')
  assert.equal((await s.ended(move.id)).snapshot, snapshot)
  assert.equal((await s.snapshots())[0]?.name, 'before the split')
  const failing = await begin(s, `${path}/snapshots`, { name: 'x' })
  const { ask } = await macbook.next('MIGRATE_OUT')
  macbook.send({ type: 'SNAPSHOT', ...held(lease), ask, state: 'failed', code: 'SNAPSHOT_FAILED', detail: 'no room' })
  const { state, code, detail } = await s.ended(failing.id)
  assert.deepEqual([state, code, detail], ['failed', 'SNAPSHOT_FAILED', 'no room'])
})

test('MV8 restore: what the session holds is kept first; with `as` it is a session of its own', async t => {
  const s = await savedScene(t)
  const { macbook, lease } = await live(s)
  const old = await s.save(macbook, lease, { asOf: { at: Date.now(), run: runId('a') }, name: 'good' })
  await s.run(macbook, 'b')
  const move = await begin(s, `/snapshots/${old}/restore`)
  const out = await macbook.next('MIGRATE_OUT')
  assert.match(out.name ?? '', /^before restore on MacBook, \d\d:\d\d$/)
  const kept = await saves(s, macbook, lease, out, 'b')
  const into = await macbook.next('MIGRATE_IN')
  assert.deepEqual([into.restore.map(rung => rung.snapshot), into.fence], [[old], lease.fence + 1])
  restores(macbook, into)
  assert.equal((await macbook.next('SESSION_MOVED')).ended, lease.head)
  assert.equal((await s.ended(move.id)).state, 'done')
  assert.equal((await s.session()).restored?.snapshot, old)
  assert.ok((await s.snapshots()).some(({ id, name }) => id === kept && name === out.name))
  const copy = await begin(s, `/snapshots/${kept}/restore`, { as: 'retry' })
  const beside = await macbook.next('MIGRATE_IN')
  assert.deepEqual([beside.sessionName, beside.session], ['retry', copy.makes])
  restores(macbook, beside)
  assert.equal((await s.ended(copy.id)).state, 'done')
})

test('MV6 MV30 a session whose source is offline migrates from what was saved; what the source has beyond is kept when it is back', async t => {
  const s = await savedScene(t, { limits: { leftHeadMs: 100 } })
  const { macbook, lease, tower, path } = await live(s)
  const snapshot = await s.save(macbook, lease, { asOf: { at: Date.now(), run: runId('a') } })
  await s.run(macbook, 'b')
  await s.leave(macbook)
  const move = await begin(s, `${path}/migrate`)
  const into = await tower.next('MIGRATE_IN')
  assert.equal(into.restore[0]?.snapshot, snapshot)
  restores(tower, into)
  assert.equal((await s.ended(move.id)).state, 'done')
  assert.equal((await s.session()).restored?.behind, 1)
  await s.back(macbook, [lease])
  const out = await macbook.next('MIGRATE_OUT')
  assert.deepEqual([out.head, out.end], [lease.head, true])
  await saves(s, macbook, lease, out, 'b')
  await until(async () => (await s.snapshots()).some(({ name }) => name?.startsWith('kept from MacBook') === true))
  await new Promise(resolve => setTimeout(resolve, 1_500))
  assert.equal((await s.session()).device, tower.id, 'whoever moved it wants it there')
})

for (const state of ['waiting', 'saving', 'restoring'] as const)
  test(`MV1 a hub that is restarted while a move is ${state} carries it on`, async t => {
    const s = await savedScene(t)
    const { macbook, lease, tower, path } = await live(s)
    const isBusy = state === 'waiting'
    await s.ask('b')
    const { lease: busy } = await macbook.next('LEASE')
    await macbook.emit(busy, 1, isBusy ? [started] : [started, completed])
    const move = await begin(s, `${path}/migrate`, { to: tower.id })
    let into: In | undefined
    if (state !== 'waiting') await until(() => macbook.received.some(({ type }) => type === 'MIGRATE_OUT'))
    if (state === 'restoring') {
      await saves(s, macbook, lease, await macbook.next('MIGRATE_OUT'), 'b')
      into = await tower.next('MIGRATE_IN')
    }
    await s.restart()
    assert.equal((await s.move(move.id)).state, state)
    await s.back(macbook, [lease], isBusy ? [{ run: busy.run, fence: busy.fence, seq: 1 }] : [])
    const heads = into ? [heldOf(into)] : []
    const { lost } = await tower.join(t, s.hub, [s.project.id], { heads, runs: [] }, ['python'], undefined, {
      restores: linux,
    })
    assert.deepEqual(lost, [], 'a head that a move makes is not lost')
    if (isBusy) await macbook.emit(busy, 2, [completed])
    if (state !== 'restoring') await saves(s, macbook, lease, await macbook.next('MIGRATE_OUT'), 'b')
    const again = await tower.next('MIGRATE_IN')
    if (into) assert.deepEqual(heldOf(again), heldOf(into), 'the same head is asked for again')
    restores(tower, again)
    assert.equal((await s.ended(move.id)).state, 'done')
    assert.equal((await s.session()).device, tower.id)
  })

test('MV10 who may not run moves nothing and sees moves only where they may read; it is in the audit log', async t => {
  const s = await savedScene(t)
  const { lease, path } = await live(s)
  const [stranger, viewer] = [await addTestUser(s, 'stranger'), await addTestUser(s, 'viewer')]
  await makeMember(s, viewer, ['viewer'])
  const move = await begin(s, `${path}/migrate`)
  const tries: [string, string, object?][] = [
    ['POST', `${path}/migrate`, {}],
    ['POST', `${path}/fork`, {}],
    ['POST', `${path}/snapshots`, { name: 'x' }],
    ['PATCH', path, { failover: 'wait' }],
    ['DELETE', `/moves/${move.id}`],
    ['POST', '/runs/a/elsewhere'],
  ]
  for (const [method, at, body] of tries) {
    assert.equal(await stranger.status(method, at, body), 404, `${method} ${at}`)
    assert.equal(await viewer.status(method, at, body), 403, `${method} ${at}`)
  }
  assert.equal(await stranger.status('GET', `/moves/${move.id}`), 404)
  assert.equal(await stranger.status('GET', `/moves?session=${lease.session}`), 404)
  assert.deepEqual((await stranger.json<{ items: Move[] }>('GET', '/moves')).items, [])
  assert.equal((await viewer.json<Move>('GET', `/moves/${move.id}`)).id, move.id)
  const { items } = await viewer.json<{ items: Move[] }>('GET', `/moves?project=${s.project.id}`)
  assert.deepEqual(
    items.map(({ id }) => id),
    [move.id],
  )
  const audit = await s.json<{ items: { action: string; detail: { kind?: string } }[] }>('GET', '/audit')
  assert.ok(audit.items.some(({ action, detail }) => action === 'session-moved' && detail.kind === 'migrate'))
})
