/** What becomes of runs in every store, in whatever order things happen to them: ends, gates, logs that expire (RU1–RU51). */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { type DeviceId, deviceIdOf, newId, parseRunId, parseSeq, type RunId, systemRandom } from '@meshbook/core/ids.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import { hasEnded, isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import { expireRuns } from '@meshbook/hub/runs/retention.ts'
import { type LogPage, logged } from '@meshbook/hub/store/run-log.ts'
import * as fc from 'fast-check'
import { type OpenRunStore, type World, worldOf } from './run-store.ts'

const start = 1_800_000_000_000
const leaseMs = 60_000

const step = fc.oneof(
  fc.record({ do: fc.constant('request' as const) }),
  fc.record({ do: fc.constant('lease' as const), run: fc.nat(3), device: fc.nat(1) }),
  fc.record({
    do: fc.constant('append' as const),
    run: fc.nat(3),
    skip: fc.integer({ min: -2, max: 1 }),
    what: fc.constantFrom('stdout', 'gate-opened', 'gate-decided', 'input-request', 'completed', 'failed'),
  }),
  fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(500, 70_000) }),
  fc.record({ do: fc.constant('heartbeat' as const), device: fc.nat(1) }),
  fc.record({ do: fc.constantFrom('cancel', 'confirm', 'decide', 'again', 'restart', 'expire-log'), run: fc.nat(3) }),
  fc.record({ do: fc.constant('upkeep' as const) }),
  fc.record({ do: fc.constant('return' as const), device: fc.nat(1), keeps: fc.boolean() }),
  fc.record({ do: fc.constant('revoke' as const), device: fc.nat(1) }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** One life of a few runs of one session, step by step; it notes what must never change again. */
class Life {
  readonly #world: World
  readonly #session: string
  readonly #runs: RunId[] = []
  readonly #leases = new Map<RunId, Lease>()
  readonly #asked = new Set<RunId>()
  readonly #ended = new Map<RunId, string>()
  #devices: DeviceId[] = []
  #now = start
  #count = 0

  constructor(world: World, session: string) {
    this.#world = world
    this.#session = session
  }

  /** Devices of its own: they may be revoked. */
  async begin(): Promise<void> {
    const { store, org, devices } = this.#world
    const { user } = (await store.query('findDevice', { id: devices[0] }))!
    this.#devices = [deviceIdOf(systemRandom(32)), deviceIdOf(systemRandom(32))]
    for (const id of this.#devices)
      await store.call('addDevice', { org, user, id, publicKey: id, name: id, kind: 'desktop', now: this.#now })
  }

  async take(taken: Step): Promise<void> {
    const run = 'run' in taken ? this.#runs[taken.run] : undefined
    if (taken.do === 'request') await this.#request()
    else if (taken.do === 'time') this.#now += taken.ms
    else if (taken.do === 'upkeep') await this.#upkeep()
    else if (taken.do === 'heartbeat') await this.#heartbeat(this.#devices[taken.device]!)
    else if (taken.do === 'return') await this.#return(this.#devices[taken.device]!, taken.keeps)
    else if (taken.do === 'revoke') await this.#revoke(this.#devices[taken.device]!)
    else if (run !== undefined) await this.#takeOf(run, taken)
    await this.#check()
  }

  async #takeOf(id: RunId, taken: Step): Promise<void> {
    const { store, org } = this.#world
    const now = this.#now
    if (taken.do === 'lease') await this.#lease(id, this.#devices[taken.device]!)
    else if (taken.do === 'append') await this.#append(id, taken.what, taken.skip)
    else if (taken.do === 'cancel') await tried(store.call('cancelRun', { org, id, reason: 'x', gone: [], now }))
    else if (taken.do === 'confirm') await tried(this.#confirm(id))
    else if (taken.do === 'decide') await this.#decide(id)
    else if (taken.do === 'again') await tried(this.#again(id))
    else if (taken.do === 'expire-log') await store.call('expireLog', { org, id, now })
    else if (taken.do === 'restart') {
      const { session } = (await store.query('showRun', { org, id }))!
      await store.call('restartSession', { org, session, queued: 'cancel', reason: 'restarted', now })
    }
  }

  async #request(): Promise<void> {
    const { id } = await this.#world.request(`${this.#session}-${this.#count++}`, this.#session)
    this.#runs.push(id)
  }

  async #lease(id: RunId, device: DeviceId): Promise<void> {
    const { store, org } = this.#world
    const leased = await store.call('leaseRun', {
      org,
      id,
      device,
      newHead: newId('head', this.#now, systemRandom),
      reasons: [],
      now: this.#now,
      expiresAt: this.#now + leaseMs,
    })
    if (!leased) return
    assert.ok(!this.#asked.has(id), 'RU30 what was set aside is not leased')
    assert.ok(!this.#leases.has(id), 'S16 a run is given out once')
    this.#leases.set(id, leased.lease)
  }

  async #append(id: RunId, what: string, skip: number): Promise<void> {
    const { store, org } = this.#world
    const lease = this.#leases.get(id)
    const run = await store.query('showRun', { org, id })
    if (!lease || !run?.device) return
    const first = parseSeq(Math.max(1, run.seq + 1 + skip))
    const events = [eventOf(what, this.#now, await this.#openGate(id))]
    await store.call('appendEvents', {
      org,
      device: run.device,
      id,
      fence: lease.fence,
      first,
      events: events.map(logged),
      now: this.#now,
    })
  }

  async #openGate(run: RunId) {
    return (await this.#world.store.query('gatesOfRun', { org: this.#world.org, run })).at(-1)
  }

  async #decide(id: RunId): Promise<void> {
    const { store, org } = this.#world
    const gate = await this.#openGate(id)
    if (!gate) return
    const { digest, nonce } = gate
    const decide = (decision: 'approved' | 'rejected') =>
      tried(
        store.call('decideGate', { org, id: gate.id, answer: { decision, digest, nonce }, by: 'me', now: this.#now }),
      )
    const taken = [await decide('rejected'), await decide('approved')].filter(Boolean)
    assert.equal(taken.length, gate.state === 'open' && gate.expiresAt > this.#now ? 1 : 0, 'RU4 the first one wins')
  }

  async #confirm(id: RunId): Promise<void> {
    const { store, org } = this.#world
    const { codeHash } = (await store.query('showRun', { org, id }))!
    await store.call('confirmRun', { org, id, codeHash, now: this.#now, expiresAt: this.#now + 1_000 })
    this.#asked.delete(id)
  }

  async #again(of: RunId): Promise<void> {
    const { store, org } = this.#world
    const id = parseRunId(`${this.#session}-${this.#count++}`)
    await store.call('repeatRun', {
      org,
      of,
      id,
      chosenDevice: null,
      from: null,
      networks: [],
      newSession: newId('session', this.#now, systemRandom),
      asker: null,
      requestedBy: 'me',
      now: this.#now,
      expiresAt: this.#now + 1_000,
    })
    this.#runs.push(id)
  }

  async #heartbeat(device: DeviceId): Promise<void> {
    const { store, org } = this.#world
    await store.call('sawDevice', { org, id: device, now: this.#now })
  }

  async #upkeep(): Promise<void> {
    const { store } = this.#world
    const now = this.#now
    const silentSince = now - leaseMs
    for (const { org, id } of await store.query('expiredRuns', { now }))
      if (await store.call('setAside', { org, id, why: 'expired', reason: 'late', now })) this.#asked.add(id)
    for (const { org, id } of await store.query('lostRuns', { now, silentSince }))
      await store.call('interruptLostRun', { org, id, now, silentSince })
    for (const { org, id } of await store.query('overdueGates', { now }))
      await store.call('expireGate', { org, id, now })
  }

  async #return(device: DeviceId, keeps: boolean): Promise<void> {
    const { store, org } = this.#world
    const held = [...this.#leases.values()]
    const { resend } = await store.call('reconcileDevice', {
      org,
      device,
      heads: keeps ? held.map(({ session, head, fence }) => ({ session, head, fence })) : [],
      runs: keeps ? held.map(({ run, fence }) => ({ run, fence, seq: 1 })) : [],
      now: this.#now,
      expiresAt: this.#now + leaseMs,
    })
    for (const lease of resend) assert.equal(this.#leases.get(lease.run)?.fence, lease.fence)
  }

  async #revoke(device: DeviceId): Promise<void> {
    const { store, org } = this.#world
    await store.call('revokeDevice', { owner: org, id: device, now: this.#now })
  }

  /** RU50 after every step. */
  async #check(): Promise<void> {
    const { store, org } = this.#world
    for (const id of this.#runs) {
      const run = (await store.query('showRun', { org, id }))!
      const page = run.logExpiredAt === null && (await store.query('readEvents', { org, id, after: 0, mostBytes: 1e9 }))
      if (page) checkLog(run.seq, hasEnded(run.status), page.events)
      else assert.ok(hasEnded(run.status), 'RU40 a run that goes on keeps its log')
      const known = this.#ended.get(id)
      const now = JSON.stringify([run.status, run.seq, run.endedAt])
      if (known !== undefined) assert.equal(now, known, 'what has ended stays as it ended')
      else if (hasEnded(run.status)) this.#ended.set(id, now)
      const gate = await this.#openGate(id)
      if (hasEnded(run.status)) assert.notEqual(gate?.state, 'open', 'RU3')
    }
  }
}

function checkLog(seq: number, ended: boolean, texts: LogPage['events']): void {
  const events = texts.map(({ seq, text }) => ({ seq, event: JSON.parse(text) as RunEvent }))
  assert.deepEqual(
    events.map(event => event.seq),
    Array.from({ length: seq }, (_, i) => i + 1),
  )
  assert.equal(events.filter(({ event }) => isTerminal(event)).length, ended ? 1 : 0)
  if (ended) assert.ok(isTerminal(events.at(-1)!.event))
}

async function tried(call: Promise<unknown>): Promise<boolean> {
  try {
    await call
    return true
  } catch (thrown) {
    if (thrown instanceof MeshError && thrown.code !== 'INTERNAL') return false
    throw thrown
  }
}

function eventOf(what: string, at: number, gate: { id: ReturnType<typeof newGate> } | undefined): RunEvent {
  switch (what) {
    case 'gate-opened':
      return {
        type: what,
        at,
        gate: newGate(at),
        nonce: 'n'.repeat(16),
        title: 'ok?',
        shown: 'x',
        expiresAt: at + 30_000,
      }
    case 'gate-decided':
      return { type: what, at, gate: gate?.id ?? newGate(at), decision: 'approved' }
    case 'input-request':
      return { type: what, at, id: 'i', prompt: '?', password: false }
    case 'completed':
      return { type: what, at, durationMs: 1 }
    case 'failed':
      return { type: what, at, durationMs: 1, error: { name: 'E', message: 'm', traceback: [] } }
    default:
      return { type: 'stdout', at, text: 'x' }
  }
}

const newGate = (at: number) => newId('gate', at, systemRandom)

export function runEndsContract(name: string, open: OpenRunStore, lives: number): void {
  test(`${name}: RU50 whatever happens in whatever order, logs have no gap and one end, and an end is final (I4, I5)`, async t => {
    const world = await worldOf(await open(t))
    let count = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
        const life = new Life(world, `life${count++}`)
        await life.begin()
        await life.take({ do: 'request' })
        for (const taken of steps) await life.take(taken)
      }),
      { numRuns: lives, seed: 20261122 },
    )
  })

  test(`${name}: RU40 RU41 RU42 logs expire by age and by size, never of what goes on, and what they came to stays`, async t => {
    const world = await worldOf(await open(t))
    const { store, org, devices, request, lease, append } = world
    const result: RunEvent = {
      type: 'result',
      at: start,
      parts: [{ at: 'inline', mimeType: 'text/plain', data: '42' }],
    }
    const out: RunEvent = { type: 'stdout', at: start, text: 'x'.repeat(1_000) }
    for (const [i, run] of ['old', 'middle', 'young', 'going'].entries()) {
      await request(run, run)
      const held = (await lease(run, devices[0]))!
      const end: RunEvent = { type: 'completed', at: start + i, durationMs: 1 }
      await append(held, devices[0], 1, run === 'going' ? [out, out, out] : [out, result, end])
    }
    const show = async (run: string) => (await store.query('showRun', { org, id: parseRunId(run) }))!
    const keep = { store, now: () => start + 1_000, logMs: 1_000_000 }
    assert.deepEqual(await expireRuns({ ...keep, logMs: 999 }), { logs: 1, records: 0 })
    assert.deepEqual(await expireRuns(keep), { logs: 0, records: 0 })
    const old = await show('old')
    assert.deepEqual([old.status, old.seq, old.logExpiredAt], ['completed', 3, start + 1_000])
    assert.deepEqual(old.result, [{ at: 'inline', mimeType: 'text/plain', data: '42' }])
    await assert.rejects(
      store.query('readEvents', { org, id: old.id, after: 0, mostBytes: 1 }),
      (error: MeshError) => error.code === 'LOG_EXPIRED',
    )
    assert.deepEqual(await expireRuns({ ...keep, logBytesPerProject: 4_800 }), { logs: 1, records: 0 })
    assert.equal((await show('young')).logExpiredAt, null)
    assert.deepEqual(await expireRuns({ ...keep, logBytesPerProject: 0 }), { logs: 1, records: 0 })
    assert.equal((await world.log('going')).length, 3)
    const later = { ...keep, now: () => start + 500 * 24 * 3_600_000 }
    assert.deepEqual(await expireRuns(later), { logs: 0, records: 3 })
    assert.equal(await store.query('showRun', { org, id: parseRunId('old') }), null)
    assert.equal((await show('going')).status, 'running')
  })

  test(`${name}: RU2 RU8 the digest is of the exact bytes, whatever they are, and gates stay in their org (S21)`, async t => {
    const { store, org, devices, request, lease, append } = await worldOf(await open(t))
    await request('r')
    const held = (await lease('r', devices[0]))!
    const shown = 'a\u0000b\u202e\ud83c\udf88\r\n'
    const gate = newGate(start)
    const asked: RunEvent = {
      type: 'gate-opened',
      at: start,
      gate,
      nonce: 'n'.repeat(16),
      title: 't',
      shown,
      expiresAt: 1,
    }
    await append(held, devices[0], 1, [asked])
    const found = (await store.query('findGate', { org, id: gate }))!
    assert.deepEqual([found.shown, found.digest], [shown, createHash('sha256').update(shown).digest('hex')])
    const other = newId('org', start, systemRandom)
    assert.equal(await store.query('findGate', { org: other, id: gate }), null)
    const asker = { org: other, user: newId('user', start, systemRandom) }
    assert.deepEqual((await store.query('listGates', { asker, before: null, rows: 9 })).items, [])
    await request('s', 'second')
    const second = (await lease('s', devices[0]))!
    assert.equal((await append(second, devices[0], 1, [asked])).refused, 'CONFLICT')
  })
}
