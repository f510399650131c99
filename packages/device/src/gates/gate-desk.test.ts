import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newId, parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { GateMessage } from '../store/asked-gates.ts'
import { openDeviceDatabase } from '../store/device-store.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { GateDesk, type RecordEvent } from './gate-desk.ts'

const run = parseRunId('r')
const org = newId('org', 1, systemRandom)
const question = { key: 'deploy', title: 'Deploy?', shown: 'kubectl apply\n', expiresAt: 2_000_000_000_000 }

/** An executor's journal: events of a gate once, as its port demands. */
class Journal {
  readonly events: RunEvent[] = []
  readonly record: RecordEvent = async event => {
    const known = this.events.some(
      other => other.type === event.type && 'gate' in other && 'gate' in event && other.gate === event.gate,
    )
    if (!known) this.events.push(event)
  }
  get opened() {
    return this.events.find(event => event.type === 'gate-opened')!
  }
}

async function open(t: TestContext, folder: string): Promise<{ desk: GateDesk; close(): Promise<void> }> {
  const database = await openDeviceDatabase(join(folder, 'device.db'), () => undefined)
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= database.close()
    return closed
  }
  t.after(close)
  const desk = new GateDesk({
    store: {
      ask: asked => database.call('askGate', { ...asked, org }),
      decide: decided => database.call('decideGate', { ...decided, org }),
      drop: id => database.call('dropGates', { org, run: id }),
    },
    now: Date.now,
    random: systemRandom,
    log: { warn: () => undefined },
  })
  return { desk, close }
}

async function asked(journal: Journal): Promise<void> {
  while (journal.events.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
}

function answer({ opened }: Journal, change: Partial<GateMessage> = {}): GateMessage {
  const digest = 'd6d8a9d5a1a6'.padEnd(64, '0')
  const { gate, nonce } = opened
  const told = { type: 'GATE_DECIDED', run, gate, nonce, digest, decision: 'approved', by: 'me' } as const
  return { ...told, comment: null, decidedAt: 5, ...change }
}

async function digestOf(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text))).toString('hex')
}

test('RU1 RU6 the question and its receipt are in the journal once, and the first decision counts', async t => {
  const { desk } = await open(t, await temporaryFolder())
  const journal = new Journal()
  const waiting = desk.ask(run, question, journal.record, new AbortController().signal)
  await asked(journal)
  const digest = await digestOf(question.shown)
  await desk.decided(answer(journal, { digest, decision: 'rejected' }))
  await desk.decided(answer(journal, { digest, decision: 'approved' }))
  assert.equal((await waiting).decision, 'rejected')
  assert.equal((await desk.ask(run, question, journal.record, new AbortController().signal)).decision, 'rejected')
  assert.deepEqual(
    journal.events.map(({ type }) => type),
    ['gate-opened', 'gate-decided'],
  )
})

test('S18 RU2 a decision about other bytes, with another nonce or for another run is not acted on', async t => {
  const { desk } = await open(t, await temporaryFolder())
  const journal = new Journal()
  const stop = new AbortController()
  const waiting = desk.ask(run, question, journal.record, stop.signal)
  await asked(journal)
  const digest = await digestOf(question.shown)
  await desk.decided(answer(journal, { digest: await digestOf('kubectl delete\n') }))
  await desk.decided(answer(journal, { digest, nonce: 'x'.repeat(22) }))
  await desk.decided(answer(journal, { digest, run: parseRunId('other') }))
  await desk.decided(answer(journal, { digest, gate: newId('gate', 1, systemRandom) }))
  stop.abort()
  await assert.rejects(waiting, { code: 'INTERRUPTED' })
  assert.deepEqual(
    journal.events.map(({ type }) => type),
    ['gate-opened'],
  )
})

test('RU6 I9 a question outlives its asker: asked again it is the same gate, decided while nobody waited', async t => {
  const folder = await temporaryFolder()
  const first = await open(t, folder)
  const journal = new Journal()
  const stop = new AbortController()
  const left = first.desk.ask(run, question, journal.record, stop.signal)
  await asked(journal)
  stop.abort()
  await assert.rejects(left)
  await first.desk.decided(answer(journal, { digest: await digestOf(question.shown) }))
  await first.close()
  const second = await open(t, folder)
  const decided = await second.desk.ask(run, question, journal.record, new AbortController().signal)
  assert.deepEqual([decided.decision, decided.gate], ['approved', journal.opened.gate])
  assert.equal(journal.events.length, 2)
  await second.desk.over(run)
})
