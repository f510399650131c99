/** What every store that several hubs share must do: news in order, one channel a device, orders that are handed over once. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import {
  type DeviceId,
  deviceIdOf,
  newId,
  type OrgId,
  parseRunId,
  parseSeq,
  systemRandom,
  type UserId,
} from '@meshbook/core/ids.ts'
import type { DownMessage } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { HubStore } from '@meshbook/hub/store/hub-store.ts'
import type { Order } from '@meshbook/hub/store/orders.ts'
import { logged } from '@meshbook/hub/store/run-log.ts'

const now = 1_800_000_000_000
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)
const facts = { metrics: null, networks: [], network: '' }
const run = parseRunId('asked')
const about = id('org')
const cancel = (reason: string): Order => ({
  to: 'device',
  about,
  message: { type: 'RUN_CANCEL', run, reason },
  from: 'b',
})

interface World {
  store: HubStore
  org: OrgId
  user: UserId
  device: DeviceId
  enter(hub: string, channel: string): Promise<void>
  post(order: Order): Promise<boolean>
  take(hub: string, channel: string, given?: number[]): Promise<{ messages: DownMessage[]; given: number[] }>
}

async function worldOf(store: HubStore): Promise<World> {
  const { org, user } = await store.call('firstUser', {
    org: id('org'),
    user: id('user'),
    name: 'me',
    now,
    token: null,
  })
  const device = deviceIdOf(systemRandom(32))
  await store.call('addDevice', { org, user, id: device, publicKey: device, name: 'Desk', kind: 'desktop', now })
  return {
    store,
    org,
    user,
    device,
    enter: (hub, channel) => store.call('enterPresence', { org, device, hub, channel, facts, now }),
    post: order => store.call('postOrder', { org, recipient: device, order, now, expiresAt: now + 1_000 }),
    async take(hub, channel, given = []) {
      const taking = { org, device, hub, channel, given, leaseExpiresAt: now + 1_000 }
      const taken = await store.call('takeDeviceOrders', taking)
      return { messages: taken.due.map(({ message }) => message), given: taken.given }
    },
  }
}

export function hubsStoreContract(name: string, open: (t: TestContext) => Promise<HubStore>): void {
  test(`${name}: CH1 news of a change is there with the change, in order, one row a subject`, async t => {
    const { store, org, user, device } = await worldOf(await open(t))
    const before = await store.query('newsPosition')
    for (const name of ['A', 'B', 'C']) await store.call('setDevice', { org, user, id: device, name })
    const news = await store.query('readNews', { after: before, rows: 10 })
    assert.deepEqual(
      news.map(({ subject }) => subject),
      [`device ${device}`],
    )
    assert.equal(await store.query('newsPosition'), before + 3)
    assert.deepEqual(await store.query('readNews', { after: before + 3, rows: 10 }), [])
    await store.call('sweepNews', { kept: 0, now })
    assert.equal(await store.query('newsPosition'), before + 3, 'positions never go back')
  })

  test(`${name}: CH1 calls of many hubs at once leave no position out and use none twice`, async t => {
    const { store, org, user, device } = await worldOf(await open(t))
    const before = await store.query('newsPosition')
    const seen: number[] = []
    let after = before
    const reading = (async () => {
      while (after < before + 60) {
        seen.push(...(await store.query('readNews', { after, rows: 100 })).map(({ position }) => position))
        after = seen.at(-1) ?? after
        await new Promise(resolve => setTimeout(resolve, 1))
      }
    })()
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => store.call('setDevice', { org, user, id: device, name: `n${i}` })),
    )
    await reading
    assert.equal(seen.at(-1), before + 60)
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    )
  })

  test(`${name}: CH2 only the newest channel of a device speaks for it`, async t => {
    const { store, org, device, enter } = await worldOf(await open(t))
    await enter('a', 'first')
    await enter('b', 'second')
    const renew = (hub: string, channel: string) =>
      store.call('renewPresence', { org, device, hub, channel, status: 'suspect', facts, seenAt: now, tell: true })
    assert.equal(await renew('a', 'first'), false)
    assert.equal(
      await store.call('leavePresence', { org, device, hub: 'a', channel: 'first', left: true, seenAt: now }),
      false,
    )
    const [row] = await store.query('listPresence', { device })
    assert.deepEqual([row?.hub, row?.status], ['b', 'online'])
    assert.equal(await renew('b', 'second'), true)
  })

  test(`${name}: CH3 orders go to the hub that has the channel, in order and once; without one there are none`, async t => {
    const { enter, post, take } = await worldOf(await open(t))
    assert.equal(await post(cancel('nobody has it')), false)
    await enter('a', 'first')
    assert.equal(await post(cancel('one')), true)
    assert.equal(await post(cancel('two')), true)
    assert.deepEqual((await take('b', 'first')).messages, [])
    await enter('b', 'second')
    assert.deepEqual((await take('a', 'first')).messages, [])
    const reasons = (await take('b', 'second')).messages.map(message => message.type === 'RUN_CANCEL' && message.reason)
    assert.deepEqual(reasons, ['one', 'two'])
    assert.deepEqual((await take('b', 'second')).messages, [])
    await post(cancel('three'))
    assert.equal((await take('b', 'second')).messages.length, 1)
  })

  test(`${name}: CH3 an answer to a question stays until the run took it; a lease is handed over only while it holds`, async t => {
    const { store, org, device, enter, post, take } = await worldOf(await open(t))
    const project = id('project')
    await store.call('ensureProject', { org, id: project, name: 'demo', owner: 'me', tree: id('document'), now })
    const document = id('document')
    await store.call('indexTree', { org, project, paths: [[document, 'a.md']], now })
    const code = 'input()'
    const asked = { org, id: run, document, language: 'python', runtime: 'python', sessionName: 'default' }
    await store.call('createRun', {
      ...asked,
      newSession: id('session'),
      code,
      codeHash: createHash('sha256').update(code).digest('hex'),
      cell: null,
      chosenDevice: null,
      requestedBy: 'me',
      now,
      expiresAt: now + 1_000,
    })
    await enter('a', 'first')
    const leasing = { org, id: run, device, newHead: id('head'), reasons: [], now, expiresAt: now + 1_000 }
    const { lease } = (await store.call('leaseRun', leasing))!
    await post({ to: 'device', about: org, lease: run })
    assert.deepEqual((await take('a', 'first')).messages[0], { type: 'LEASE', lease })
    await post({ to: 'device', about: org, lease: run })
    const append = (first: number, events: RunEvent[]) =>
      store.call('appendEvents', {
        ...{ org, device, id: run, fence: lease.fence, first: parseSeq(first), events: events.map(logged), now },
      })
    await append(1, [
      { type: 'started', at: now, device: 'Desk', language: 'python', kernel: 'python' },
      { type: 'input-request', at: now, id: 'q1', prompt: '?', password: false },
    ])
    const input: DownMessage = { type: 'RUN_INPUT', run, id: 'q1', text: 'ada' }
    await post({ to: 'device', about: org, message: input, from: 'b' })
    const taken = await take('a', 'first')
    assert.deepEqual(taken.messages, [input], 'the run has begun: its lease goes to nobody any more')
    assert.deepEqual((await take('a', 'first', taken.given)).messages, [], 'not twice on one channel')
    await enter('b', 'second')
    assert.deepEqual((await take('b', 'second')).messages, [input], 'but on the next, should the first have lost it')
    await append(3, [{ type: 'completed', at: now, durationMs: 1 }])
    await enter('b', 'third')
    assert.deepEqual((await take('b', 'third')).messages, [])
  })
}
