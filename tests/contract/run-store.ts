/** What every store of runs must do, whatever database is under it: order, leases with fences, logs, cancelling, coming back. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import type { PolicyChange } from '@meshbook/core/device-policy.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type DeviceId,
  type DocumentId,
  deviceIdOf,
  newId,
  type OrgId,
  type ProjectId,
  parseFence,
  parseRunId,
  parseSeq,
  type SessionId,
  systemRandom,
} from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import { isTerminal, type NumberedEvent, type RunEvent } from '@meshbook/core/run.ts'
import type { HubStore } from '@meshbook/hub/store/hub-store.ts'
import { type LogPage, logged } from '@meshbook/hub/store/run-log.ts'
import * as fc from 'fast-check'

export type OpenRunStore = (t: TestContext) => Promise<HubStore>

const now = 1_800_000_000_000
const out = (text: string): RunEvent => ({ type: 'stdout', at: now, text })
const started: RunEvent = { type: 'started', at: now, device: 'Desk', language: 'python', kernel: 'python' }
const done: RunEvent = { type: 'completed', at: now, durationMs: 1 }
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)

export interface World {
  store: HubStore
  org: OrgId
  project: ProjectId
  document: DocumentId
  devices: [DeviceId, DeviceId]
  request(run: string, session?: string, code?: string): Promise<Run>
  lease(run: string, device: DeviceId): Promise<Lease | undefined>
  append(
    lease: Pick<Lease, 'run' | 'fence'>,
    device: DeviceId,
    first: number,
    events: RunEvent[],
  ): Promise<{ seq: number; refused?: string }>
  log(run: string): Promise<{ seq: number; event: RunEvent }[]>
}

export async function worldOf(store: HubStore): Promise<World> {
  const { org, user } = await store.call('firstUser', {
    org: id('org'),
    user: id('user'),
    name: 'me',
    now,
    token: null,
  })
  const { project } = await store.call('ensureProject', {
    org,
    id: id('project'),
    name: 'demo',
    owner: 'me',
    tree: id('document'),
    now,
  })
  const document = id('document')
  await store.call('indexTree', { org, project: project.id, paths: [[document, 'a.md']], now })
  const devices = [deviceIdOf(systemRandom(32)), deviceIdOf(systemRandom(32))] as [DeviceId, DeviceId]
  for (const device of devices)
    await store.call('addDevice', { org, user, id: device, publicKey: device, name: device, kind: 'desktop', now })
  return {
    store,
    org,
    project: project.id,
    document,
    devices,
    async request(run, session = 'default', code = `code of ${run}`) {
      const codeHash = createHash('sha256').update(code).digest('hex')
      const asked = {
        org,
        id: parseRunId(run),
        document,
        language: 'python',
        runtime: 'python',
        sessionName: session,
        newSession: id('session'),
      }
      return (
        await store.call('createRun', {
          ...asked,
          code,
          codeHash,
          cell: null,
          chosenDevice: null,
          requestedBy: 'me',
          now,
          expiresAt: now + 1_000,
        })
      ).run
    },
    lease: async (run, device) =>
      (
        await store.call('leaseRun', {
          org,
          id: parseRunId(run),
          device,
          newHead: id('head'),
          reasons: ['because'],
          now,
          expiresAt: now + 60_000,
        })
      )?.lease,
    append: ({ run, fence }, device, first, events) =>
      store.call('appendEvents', {
        org,
        id: run,
        device,
        fence,
        first: parseSeq(first),
        events: events.map(logged),
        now,
      }),
    log: async run => numbered(await store.query('readEvents', { org, id: parseRunId(run), after: 0, mostBytes: 1e9 })),
  }
}

const numbered = (page: LogPage | null): NumberedEvent[] =>
  page!.events.map(({ seq, text }) => ({ seq, event: JSON.parse(text) as RunEvent }))

const placedNext = async ({ store, org }: World, session: SessionId) =>
  (await store.query('nextPlacement', { org, session }))?.next.id

export function runStoreContract(name: string, open: OpenRunStore): void {
  const contract = (title: string, body: (world: World) => Promise<void>) =>
    test(`${name}: ${title}`, async t => body(await worldOf(await open(t))))

  contract('a run is one by its id, and other code under its id is a conflict', async ({ store, request, org }) => {
    const first = await request('r')
    assert.deepEqual(await request('r'), first)
    const other = {
      org,
      id: parseRunId('r'),
      document: first.document,
      language: 'python',
      runtime: 'python',
      sessionName: 'default',
      newSession: id('session'),
      code: 'x',
      codeHash: 'f'.repeat(64),
      cell: null,
      chosenDevice: null,
      requestedBy: 'me',
      now,
      expiresAt: now + 1,
    }
    await assert.rejects(
      store.call('createRun', other),
      (error: unknown) => error instanceof MeshError && error.code === 'RUN_EXISTS',
    )
  })

  contract('a run for a document that is not there is not taken', async ({ store, request, org }) => {
    const { session } = await request('r')
    assert.ok(session)
    const lost = {
      org,
      id: parseRunId('s'),
      document: id('document'),
      language: 'python',
      runtime: 'python',
      sessionName: 'default',
      newSession: id('session'),
      code: 'x',
      codeHash: 'f'.repeat(64),
      cell: null,
      chosenDevice: null,
      requestedBy: 'me',
      now,
      expiresAt: now + 1,
    }
    await assert.rejects(
      store.call('createRun', lost),
      (error: unknown) => error instanceof MeshError && error.code === 'NOT_FOUND',
    )
  })

  contract('one run of a session is leased at a time, in the order of arrival (I4)', async world => {
    const { request, lease, append, devices } = world
    const { session } = await request('a')
    await request('b')
    assert.equal(await placedNext(world, session), 'a')
    assert.equal(await lease('b', devices[0]), undefined)
    const first = (await lease('a', devices[0]))!
    assert.equal(await lease('a', devices[1]), undefined)
    assert.equal(await placedNext(world, session), undefined)
    assert.equal(await lease('b', devices[0]), undefined)
    await append(first, devices[0], 1, [done])
    assert.equal(await placedNext(world, session), 'b')
    const second = (await lease('b', devices[0]))!
    assert.deepEqual([second.head, second.fence], [first.head, first.fence])
  })

  contract(
    'a session that moves has a new head under the next fence; the old head is lost (I4)',
    async ({ request, lease, append, devices, store, org }) => {
      await request('a')
      const first = (await lease('a', devices[0]))!
      await append(first, devices[0], 1, [done])
      await request('b')
      const second = (await lease('b', devices[1]))!
      assert.equal(second.fence, first.fence + 1)
      const heads = [{ session: first.session, head: first.head, fence: first.fence }]
      assert.deepEqual(await store.call('renewHeads', { org, device: devices[0], heads, expiresAt: now + 1 }), [
        first.head,
      ])
      assert.equal(
        (await append({ run: second.run, fence: first.fence }, devices[1], 1, [out('x')])).refused,
        'STALE_FENCE',
      )
      assert.equal((await append(second, devices[0], 1, [out('x')])).refused, 'STALE_FENCE')
    },
  )

  contract(
    'appending is contiguous, idempotent, and over at the terminal event (I5)',
    async ({ request, lease, append, log, devices }) => {
      await request('r')
      const held = (await lease('r', devices[0]))!
      assert.deepEqual(await append(held, devices[0], 2, [out('b')]), {
        seq: 0,
        refused: 'SEQ_GAP',
        appended: 0,
        isWhole: true,
        gates: false,
        run: null,
      })
      assert.equal((await append(held, devices[0], 1, [out('a'), out('b')])).seq, 2)
      assert.equal((await append(held, devices[0], 1, [out('a'), out('b'), out('c')])).seq, 3)
      assert.equal((await append(held, devices[0], 4, [done, out('late')])).refused, 'RUN_ENDED')
      assert.deepEqual(
        (await log('r')).map(({ event }) => (event.type === 'stdout' ? event.text : event.type)),
        ['a', 'b', 'c', 'completed'],
      )
    },
  )

  contract(
    'a log is read in pages that end together with the run',
    async ({ request, lease, append, devices, store, org }) => {
      await request('r')
      const held = (await lease('r', devices[0]))!
      await append(held, devices[0], 1, [out('x'.repeat(100)), out('y'.repeat(100))])
      const page = (after: number) => store.query('readEvents', { org, id: held.run, after, mostBytes: 120 })
      assert.deepEqual(
        (await page(0))?.events.map(({ seq }) => seq),
        [1],
      )
      assert.deepEqual([(await page(1))?.events.length, (await page(1))?.ended], [1, false])
      await append(held, devices[0], 3, [done])
      assert.equal((await page(0))?.ended, false)
      assert.equal((await page(2))?.ended, true)
      assert.deepEqual(await page(3), { events: [], seq: 3, ended: true })
    },
  )

  contract(
    'cancelling ends what nobody works on, and asks whoever works',
    async ({ request, lease, devices, store, org }) => {
      await request('a')
      await request('b')
      await lease('a', devices[0])
      const cancel = (run: string, gone: DeviceId[] = []) =>
        store.call('cancelRun', { org, id: parseRunId(run), reason: 'x', gone, now })
      assert.ok('ended' in (await cancel('b')))
      assert.deepEqual(Object.keys(await cancel('a')).sort(), ['asked', 'device'])
      const { cancel: asked } = await store.call('reconcileDevice', {
        org,
        device: devices[0],
        heads: [],
        runs: [],
        now,
        expiresAt: now + 1,
      })
      assert.deepEqual(asked, [{ run: 'a', reason: 'x' }])
      assert.ok('ended' in (await cancel('a', [devices[0]])))
      assert.ok('ended' in (await cancel('a')))
    },
  )

  contract(
    'a device that comes back gets what it missed, keeps what it has, and loses what it dropped',
    async ({ request, lease, append, devices, store, org }) => {
      await request('kept', 's1')
      await request('dropped', 's2')
      await request('missed', 's3')
      const kept = (await lease('kept', devices[0]))!
      const dropped = (await lease('dropped', devices[0]))!
      const missed = (await lease('missed', devices[0]))!
      await append(kept, devices[0], 1, [out('a')])
      await append(dropped, devices[0], 1, [out('a')])
      const back = await store.call('reconcileDevice', {
        org,
        device: devices[0],
        heads: [{ session: kept.session, head: kept.head, fence: kept.fence }],
        runs: [{ run: kept.run, fence: kept.fence, seq: 5 }],
        now,
        expiresAt: now + 60_000,
      })
      assert.deepEqual(back.runs, [{ run: kept.run, fence: kept.fence, seq: 1 }])
      assert.deepEqual(
        back.resend.map(({ run }) => run),
        [missed.run],
      )
      assert.deepEqual(
        back.ended.map(({ id, status }) => [id, status]),
        [['dropped', 'interrupted']],
      )
      assert.deepEqual(back.lost, [])
      const again = await store.query('listSessions', { org })
      assert.deepEqual(again.map(({ name, device }) => [name, device !== null]).sort(), [
        ['s1', true],
        ['s2', false],
        ['s3', true],
      ])
    },
  )

  contract(
    'S8 revoking a device ends its heads and runs in the same step',
    async ({ request, lease, append, devices, store, org }) => {
      await request('r')
      const held = (await lease('r', devices[0]))!
      await append(held, devices[0], 1, [out('a')])
      const ended = await store.call('revokeDevice', { owner: org, id: devices[0], now })
      assert.deepEqual(
        ended?.orgs.flatMap(({ runs }) => runs.map(({ status }) => status)),
        ['interrupted'],
      )
      assert.equal((await append(held, devices[0], 2, [out('b')])).refused, 'RUN_ENDED')
      assert.equal((await store.query('listSessions', { org }))[0]?.device, null)
      assert.equal(await store.call('revokeDevice', { owner: org, id: devices[0], now }), null)
    },
  )

  contract('a run that ends before anybody held it has one event', async ({ request, store, org, log }) => {
    await request('r')
    assert.deepEqual(await store.query('expiredRuns', { now }), [])
    const expired = await store.query('expiredRuns', { now: now + 1_000 })
    assert.deepEqual(
      expired.map(({ id }) => id),
      ['r'],
    )
    await store.call('endRun', { org, id: parseRunId('r'), as: 'cancelled', reason: 'late', now })
    assert.equal(await store.call('endRun', { org, id: parseRunId('r'), as: 'cancelled', reason: 'late', now }), null)
    assert.deepEqual(
      (await log('r')).map(({ seq, event }) => [seq, event.type]),
      [[1, 'cancelled']],
    )
  })

  contract(
    'S21 another org sees no run, log, session or lease of this one',
    async ({ request, lease, devices, store }) => {
      await request('r')
      const held = (await lease('r', devices[0]))!
      const other = id('org')
      assert.equal(await store.query('showRun', { org: other, id: held.run }), null)
      assert.equal(await store.query('readEvents', { org: other, id: held.run, after: 0, mostBytes: 1 }), null)
      assert.deepEqual(await store.query('listSessions', { org: other }), [])
      assert.equal(
        await store.query('leaseOfHolder', { org: other, id: held.run, device: devices[0], expiresAt: now }),
        null,
      )
      assert.equal(
        (
          await store.call('appendEvents', {
            org: other,
            id: held.run,
            device: devices[0],
            fence: held.fence,
            now,
            first: parseSeq(1),
            events: [logged(done)],
          })
        ).refused,
        'NOT_FOUND',
      )
    },
  )

  contract('whatever two devices send, logs have no gap, one end, and one writer per fence (I4, I5)', async world => {
    const { request, lease, append, log, devices, store, org } = world
    let count = 0
    const step = fc.oneof(
      fc.record({ do: fc.constant('request' as const) }),
      fc.record({ do: fc.constant('lease' as const), run: fc.nat(3), device: fc.nat(1) }),
      fc.record({
        do: fc.constant('append' as const),
        run: fc.nat(3),
        device: fc.nat(1),
        fence: fc.integer({ min: 1, max: 4 }),
        first: fc.integer({ min: 1, max: 5 }),
        events: fc.integer({ min: 1, max: 3 }),
        end: fc.boolean(),
      }),
      fc.record({ do: fc.constant('end' as const), run: fc.nat(3) }),
      fc.record({ do: fc.constant('return' as const), device: fc.nat(1) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
        const session = `s${count}`
        const runs: string[] = []
        for (const taken of steps) {
          if (taken.do === 'request') runs.push((await request(`r${count++}`, session)).id)
          else if (taken.do === 'return')
            await store.call('reconcileDevice', {
              org,
              device: devices[taken.device]!,
              heads: [],
              runs: [],
              now,
              expiresAt: now + 1,
            })
          else {
            const run = runs[taken.run]
            if (run === undefined) continue
            if (taken.do === 'lease') await lease(run, devices[taken.device]!)
            else if (taken.do === 'end')
              await store.call('endRun', { org, id: parseRunId(run), as: 'interrupted', reason: 'x', now })
            else
              await append(
                { run: parseRunId(run), fence: parseFence(taken.fence) },
                devices[taken.device]!,
                taken.first,
                [...Array.from({ length: taken.events }, () => out('x')), ...(taken.end ? [done] : [])],
              )
          }
        }
        const shown = await Promise.all(
          runs.map(async run => (await store.query('showRun', { org, id: parseRunId(run) }))!),
        )
        assert.ok(shown.filter(({ status }) => ['leased', 'running', 'waiting-for-input'].includes(status)).length <= 1)
        for (const { id, seq, endedAt } of shown) {
          const events = await log(id)
          assert.deepEqual(
            events.map(event => event.seq),
            Array.from({ length: seq }, (_, i) => i + 1),
          )
          assert.equal(events.filter(({ event }) => isTerminal(event)).length, endedAt === null ? 0 : 1)
          if (endedAt !== null) assert.ok(isTerminal(events.at(-1)!.event))
        }
      }),
      { numRuns: 60, seed: 20261121 },
    )
  })

  contract(
    'RT33 a placement knows how long the same code took of late, and whether its session has run',
    async world => {
      const { store, org, request, lease, append, devices } = world
      const place = async (run: string, session: string, code = 'train()') =>
        (await store.query('nextPlacement', { org, session: (await request(run, session, code)).session }))!
      assert.deepEqual([(await place('a', 'one')).tookMs, (await place('b', 'two')).hasRun], [null, false])
      for (const [run, durationMs] of [
        ['a', 40_000],
        ['b', 2_000],
      ] as const)
        await append((await lease(run, devices[0]))!, devices[0], 1, [
          started,
          { type: 'completed', at: now, durationMs },
        ])
      const next = await place('c', 'two')
      assert.deepEqual([next.tookMs, next.hasRun, next.projectOwner], [40_000, true, 'me'])
      assert.equal((await place('d', 'three', 'quick()')).tookMs, null)
    },
  )

  contract('RT35 only its owner changes what a device is used for, field by field', async ({ store, org, devices }) => {
    const [device] = devices
    const { user } = (await store.query('findDevice', { id: device }))!
    const change = (by: typeof user, policy: PolicyChange) =>
      store.call('setDevice', { org, user: by, id: device, policy })
    assert.equal(await change(user, { executes: false, costPerHour: 2 }), true)
    assert.equal(await change(user, { costPerHour: 3 }), true)
    assert.deepEqual((await store.query('findDevice', { id: device }))!.policy, { executes: false, costPerHour: 3 })
    await assert.rejects(change(id('user'), { executes: true }), (error: MeshError) => error.code === 'FORBIDDEN')
    await store.call('revokeDevice', { owner: org, id: device, now })
    assert.equal(await change(user, { executes: true }), false)
  })

  contract('RT4 S8 a device that was revoked since the router looked at it gets no lease', async world => {
    const { store, org, devices, request, lease } = world
    await request('r')
    await store.call('revokeDevice', { owner: org, id: devices[0], now })
    assert.equal(await lease('r', devices[0]), undefined)
    assert.ok(await lease('r', devices[1]))
  })
}
