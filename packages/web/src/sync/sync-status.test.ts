import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peersOf } from './peers.ts'
import { losesWork, mayWait, type SyncFacts, syncStatus } from './sync-status.ts'

/** Every combination that can be: what is at risk is also unsent. */
const table: SyncFacts[] = (['connecting', 'offline', 'receiving', 'live'] as const).flatMap(hub =>
  ([undefined, 'full', 'forbidden', 'failing'] as const).flatMap(problem =>
    [undefined, 'You may not do this'].flatMap(refused =>
      [0, 1, 2].flatMap(unsent =>
        [0, 1, 2].filter(atRisk => atRisk <= unsent).map(atRisk => ({ hub, problem, refused, unsent, atRisk })),
      ),
    ),
  ),
)
const rows = table.map(facts => ({ facts, status: syncStatus(facts), say: JSON.stringify(facts) }))

test('"Synced" is said exactly when all is durable on the hub and nothing is refused (W30, I1)', () => {
  for (const { facts, status, say } of rows) {
    const durable = facts.hub === 'live' && facts.unsent === 0 && facts.refused === undefined
    assert.equal(status.text.startsWith('Synced ✓'), durable, say)
    assert.equal(status.kind === 'synced', durable, say)
  }
})

test('"saved on this device" is said only when every edit is stored (W30)', () => {
  for (const { facts, status, say } of rows) {
    const said = [status.text, status.why].some(text =>
      /(?<!not |nothing is |Being )saved (?:on this device|locally)/.test(text),
    )
    if (said) assert.ok(facts.atRisk === 0 && facts.problem === undefined, say)
  }
})

test('nothing is called saved, and no green or quiet colour is shown, while an edit could be lost (W31)', () => {
  for (const { facts, status, say } of rows) {
    if (facts.hub === 'offline' && facts.atRisk > 0) assert.ok(['saving', 'not-saved'].includes(status.kind), say)
    if (facts.problem !== undefined) {
      assert.ok(status.tone !== '', say)
      assert.ok(/not saved|Not saved/i.test(status.text) || facts.refused !== undefined, say)
    }
    if (facts.hub === 'offline' && facts.problem !== undefined && facts.unsent > 0)
      assert.equal(status.kind, 'not-saved', say)
  }
})

test('whatever is not saved says why and what to do (W30)', () => {
  for (const { status, say } of rows) {
    assert.ok(status.text !== '' && status.why !== '', say)
    if (status.kind === 'not-saved') assert.ok(status.todo !== '', say)
  }
})

test('leaving is warned about exactly when an edit is neither on the hub nor on this device (W31)', () => {
  for (const { facts, say } of rows) assert.equal(losesWork(facts), facts.atRisk > 0, say)
})

test('the words of the indicator', () => {
  const facts: SyncFacts = { hub: 'live', unsent: 0, atRisk: 0, problem: undefined, refused: undefined }
  const text = (change: Partial<SyncFacts>) => syncStatus({ ...facts, ...change }).text
  assert.deepEqual(
    [
      text({}),
      text({ unsent: 3 }),
      text({ hub: 'connecting' }),
      text({ hub: 'offline' }),
      text({ hub: 'offline', unsent: 3 }),
      text({ hub: 'offline', unsent: 3, atRisk: 1 }),
      text({ hub: 'offline', unsent: 3, atRisk: 1, problem: 'full' }),
      text({ problem: 'full' }),
      text({ refused: 'gone', unsent: 1 }),
      text({ refused: 'gone' }),
    ],
    [
      'Synced ✓',
      'Syncing… (3)',
      'Connecting…',
      'Offline',
      'Offline, changes saved locally',
      'Saving…',
      'Not saved',
      'Synced ✓, not saved on this device',
      'Not on the hub',
      'Not connected',
    ],
  )
})

test('what strangers say of themselves is shown as a short name and nothing else; a browser is shown once (W15)', () => {
  const states = new Map<number, unknown>([
    [1, { user: { name: 'me', browser: 'mine' } }],
    [2, { user: { name: 'x'.repeat(500) } }],
    [3, null],
    [4, { user: 'text' }],
    [5, { user: { name: 'me', browser: 'mine' } }],
    [6, { user: { name: 'Ada', browser: 'hers' } }],
    [7, { user: { name: 'Ada', browser: 'hers' } }],
  ])
  assert.deepEqual(
    peersOf(states, 1, 'mine').map(peer => [peer.client, peer.name.length]),
    [
      [2, 60],
      [3, 5],
      [4, 5],
      [6, 3],
    ],
  )
})

test('NB64 while edits are on their way, only that they have arrived or that a few more follow may be shown later', () => {
  for (const { status: shown } of rows)
    for (const { status: next, say } of rows) {
      const isCalm = next.kind === 'synced' || (next.kind === 'syncing' && next.count <= shown.count + 3)
      assert.equal(mayWait(shown, next), shown.kind === 'syncing' && isCalm && shown.tone === next.tone, say)
    }
  const ofCount = (unsent: number) => syncStatus({ ...rows[0]!.facts, hub: 'live', unsent })
  assert.equal(mayWait(ofCount(2), ofCount(40)), false)
  assert.equal(mayWait(ofCount(0), ofCount(1)), false)
})
