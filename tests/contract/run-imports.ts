/** What every store must do with runs that a device gave itself (RU60–RU66). */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, newId, parseFence, parseRunId, parseSeq, systemRandom } from '@meshbook/core/ids.ts'
import type { LocalHead } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import * as fc from 'fast-check'
import { type OpenRunStore, type World, worldOf } from './run-store.ts'

const now = 1_800_000_000_000
const started: RunEvent = { type: 'started', at: now, device: 'Desk', language: 'python', kernel: 'python' }
const out = (text: string): RunEvent => ({ type: 'stdout', at: now, text })
const done: RunEvent = { type: 'completed', at: now, durationMs: 1 }
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)

const localHead = (change: Partial<LocalHead> = {}): LocalHead => ({
  session: id('session'),
  sessionName: 'default',
  head: id('head'),
  fence: parseFence(1),
  spareSession: id('session'),
  spareHead: id('head'),
  live: true,
  ...change,
})

interface Given {
  code?: string
  end?: number
}

const importOf =
  ({ store, org, document }: World) =>
  (run: string, device: DeviceId, head: LocalHead, { code = `code of ${run}`, end }: Given = {}) =>
    store.call('importRun', {
      org,
      id: parseRunId(run),
      document,
      language: 'python',
      runtime: 'python',
      sessionName: head.sessionName,
      newSession: head.session,
      code,
      codeHash: createHash('sha256').update(code).digest('hex'),
      cell: null,
      chosenDevice: null,
      requestedBy: 'me',
      now,
      expiresAt: now + 1_000,
      device,
      deviceName: 'Desk',
      localHead: head,
      reasons: ['The hub could not be reached.'],
      end: end === undefined ? null : parseSeq(end),
      leaseExpiresAt: now + 60_000,
    })

export function runImportsContract(name: string, open: OpenRunStore): void {
  const contract = (title: string, body: (world: World) => Promise<void>) =>
    test(`${name}: ${title}`, async (t: TestContext) => body(await worldOf(await open(t))))

  contract('RU60 RU61 I5 an import is one run however often it comes; its events come once, in order', async world => {
    const { append, log, devices } = world
    const take = importOf(world)
    const head = localHead()
    const first = await take('r', devices[0], head)
    assert.deepEqual([first.created, first.session, first.head, first.seq], [true, head.session, head.head, 0])
    const held = { run: parseRunId('r'), fence: first.fence }
    await append(held, devices[0], 1, [started, out('a')])
    const again = await take('r', devices[0], head, { end: 3 })
    assert.deepEqual([again.created, again.fence, again.head, again.seq], [false, first.fence, first.head, 2])
    assert.equal((await append(held, devices[0], 1, [started, out('a'), done])).seq, 3)
    assert.equal((await append(held, devices[0], 3, [done])).refused, undefined)
    assert.equal((await append(held, devices[0], 4, [out('late')])).refused, 'RUN_ENDED')
    assert.deepEqual(
      (await log('r')).map(({ event }) => event.type),
      ['started', 'stdout', 'completed'],
    )
  })

  contract('RU61 other code under its id, a run of another device and one that ended are refused', async world => {
    const { request, lease, append, store, org, devices } = world
    const take = importOf(world)
    const refused = (code: string) => (error: MeshError) => error.code === code
    await take('r', devices[0], localHead())
    await assert.rejects(take('r', devices[0], localHead(), { code: 'other' }), refused('RUN_EXISTS'))
    await assert.rejects(take('r', devices[1], localHead()), refused('RUN_EXISTS'))
    await request('a', 'x')
    const held = (await lease('a', devices[1]))!
    await assert.rejects(take('a', devices[0], localHead()), refused('RUN_EXISTS'))
    await append(held, devices[1], 1, [done])
    await assert.rejects(take('a', devices[0], localHead()), refused('RUN_ENDED'))
    await request('b', 'y')
    await store.call('cancelRun', { org, id: parseRunId('b'), reason: 'no', gone: [], now })
    await assert.rejects(take('b', devices[0], localHead()), refused('RUN_ENDED'))
  })

  contract('RU61 a run that only waits at the hub is its device’s, which began it', async world => {
    const { request, lease, devices } = world
    await request('r')
    const taken = await importOf(world)('r', devices[0], localHead())
    assert.deepEqual([taken.run.status, taken.run.device], ['leased', devices[0]])
    assert.equal(await lease('r', devices[1]), undefined)
  })

  contract('RU62 I4 a head that nobody else had meanwhile goes on; runs that wait come after it', async world => {
    const { request, lease, append, store, org, devices } = world
    await request('a')
    const held = (await lease('a', devices[0]))!
    await append(held, devices[0], 1, [done])
    const head = localHead({ session: held.session, head: held.head, fence: held.fence })
    const taken = await importOf(world)('r', devices[0], head)
    assert.deepEqual([taken.head, taken.fence, taken.moved], [held.head, held.fence, false])
    await request('b')
    assert.equal(await store.query('nextPlacement', { org, session: held.session }), null)
    await append({ run: parseRunId('r'), fence: taken.fence }, devices[0], 1, [started, done])
    const next = (await lease('b', devices[0]))!
    assert.deepEqual([next.head, next.fence], [held.head, held.fence])
  })

  contract('RU62 I4 a session that went on elsewhere is left alone: the local head has one of its own', async world => {
    const { request, lease, append, store, org, devices } = world
    await request('a')
    const old = (await lease('a', devices[0]))!
    await append(old, devices[0], 1, [done])
    await request('b')
    const newer = (await lease('b', devices[1]))!
    const head = localHead({ session: old.session, head: old.head, fence: old.fence })
    const take = importOf(world)
    const [first, second] = [await take('r', devices[0], head), await take('s', devices[0], head)]
    assert.deepEqual(
      [first.session, first.sessionName, first.head],
      [head.spareSession, 'default (offline on Desk)', head.spareHead],
    )
    assert.deepEqual([second.session, second.head, second.fence], [first.session, first.head, first.fence])
    const live = (await store.query('listSessions', { org })).map(({ id, device }) => [id, device])
    assert.deepEqual(
      new Map(live as unknown as [string, string][]),
      new Map([
        [old.session, devices[1]],
        [first.session, devices[0]],
      ]),
    )
    assert.equal((await append(newer, devices[1], 1, [started])).refused, undefined)
    assert.equal((await append(old, devices[0], 2, [out('late')])).refused, 'RUN_ENDED')
  })

  contract('RU62 two devices that made the same session without the hub both keep theirs', async world => {
    const { devices } = world
    const take = importOf(world)
    const [a, b] = [await take('a', devices[0], localHead()), await take('b', devices[1], localHead())]
    assert.deepEqual([a.sessionName, b.sessionName], ['default', 'default (offline on Desk)'])
    assert.notEqual(a.session, b.session)
  })

  contract('RU62 a head whose kernel has gone is one that was, and never the newest of a live session', async world => {
    const { request, lease, append, store, org, devices } = world
    const take = importOf(world)
    const gone = localHead({ live: false })
    const [first, second] = [
      await take('r', devices[0], gone, { end: 2 }),
      await take('s', devices[0], gone, { end: 2 }),
    ]
    assert.deepEqual([first.head, first.fence], [second.head, second.fence])
    assert.equal((await store.query('findSession', { org, id: first.session }))!.device, null)
    await request('a')
    const held = (await lease('a', devices[0]))!
    assert.equal(held.fence, first.fence + 1)
    await append({ run: parseRunId('r'), fence: first.fence }, devices[0], 1, [started, done])
    const late = await take('t', devices[0], localHead({ session: held.session, live: false }))
    assert.notEqual(late.session, held.session)
    assert.equal((await append(held, devices[0], 1, [started])).refused, undefined)
  })

  contract(
    'RU65 RU66 a run that is over on its device is neither lost nor in the way, and its lease is not sent again',
    async world => {
      const { request, store, org, devices } = world
      const take = importOf(world)
      const head = localHead()
      const over = await take('over', devices[0], head, { end: 5 })
      await take('going', devices[0], localHead({ sessionName: 'other' }))
      const later = now + 10 * 60_000
      const lost = await store.query('lostRuns', { now: later, silentSince: later })
      assert.deepEqual(
        lost.map(run => run.id as string),
        ['going'],
      )
      await request('next')
      assert.equal((await store.query('nextPlacement', { org, session: over.session }))?.next.id, 'next')
      const named = [{ run: parseRunId('over'), fence: over.fence, seq: 5 }]
      const back = { org, device: devices[0], heads: [], runs: named, now: later, expiresAt: later + 1 }
      const found = await store.call('reconcileDevice', back)
      assert.deepEqual([found.resend, found.ended.map(run => run.id as string)], [[], ['going']])
      assert.deepEqual(found.runs, [{ run: 'over', fence: over.fence, seq: 0 }])
    },
  )

  contract(
    'RU60 I4 I5 whatever comes in whatever order, a session has one live head, and logs have one end and no gap',
    async world => {
      const { request, lease, append, log, store, org, devices } = world
      const take = importOf(world)
      let number = 0
      const act = fc.record({
        what: fc.constantFrom('request', 'import', 'again', 'move', 'append', 'restart' as const),
        device: fc.nat(1),
        live: fc.boolean(),
        first: fc.integer({ min: 1, max: 4 }),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 25 }), async acts => {
          const name = `session ${++number}`
          const runs: { run: string; device: DeviceId; fence: LocalHead['fence']; head: LocalHead }[] = []
          const heads = devices.map(() => localHead({ sessionName: name }))
          for (const { what, device: at, live, first } of acts) {
            const device = devices[at]!
            const run = `run-${number}-${runs.length}`
            if (what === 'import') {
              const { fence } = await take(run, device, { ...heads[at]!, live })
              runs.push({ run, device, fence, head: heads[at]! })
            } else if (what === 'again' && runs.length > 0) {
              const known = runs[first % runs.length]!
              const told = await take(known.run, known.device, known.head).catch(() => undefined)
              assert.equal(told?.fence ?? known.fence, known.fence)
            } else if (what === 'request' || what === 'move') {
              await request(run, name)
              const held = await lease(run, device)
              if (held) runs.push({ run, device, fence: held.fence, head: heads[at]! })
            } else if (what === 'append' && runs.length > 0) {
              const known = runs[(first * 7) % runs.length]!
              const held = { run: parseRunId(known.run), fence: known.fence }
              await append(held, known.device, first, [started, out('x'), done].slice(first - 1))
            } else heads[at] = localHead({ sessionName: name })
            for (const { run: each } of runs) {
              const events = await log(each)
              assert.deepEqual(
                events.map(({ seq }) => seq as number),
                events.map((_, index) => index + 1),
              )
              assert.ok(events.filter(({ event }) => event.type === 'completed').length <= 1)
            }
          }
          const sessions = await store.query('listSessions', { org })
          assert.equal(new Set(sessions.map(({ id: session }) => session)).size, sessions.length)
        }),
        { numRuns: 15 },
      )
    },
  )
}
