import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyOf } from '@meshbook/core/device-policy.ts'
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'
import { Signal, signal } from '@preact/signals'
import { keepChoice } from './run-choice.ts'
import { type WhereFacts, whereOf } from './where.ts'
import { whereNote } from './where-note.ts'

const now = 1_800_000_000_000
const device = (id: string, change: Partial<DeviceInfo> = {}) =>
  ({
    id,
    name: `The ${id}`,
    kind: 'desktop',
    os: 'linux',
    status: 'online',
    lastSeenAt: now - 600_000,
    runtimes: [],
    metrics: null,
    policy: policyOf('desktop', {}),
    ...change,
  }) as DeviceInfo
const live = (at: string | null, kernel: string | null = 'python 3.13') =>
  ({ device: at, kernel, language: 'python', since: now - 600_000 }) as unknown as SessionInfo
const facts: WhereFacts = {
  session: undefined,
  devices: [device('mac'), device('studio'), device('away', { status: 'offline' }), device('pod', { kind: 'worker' })],
  chosen: undefined,
  runsOn: undefined,
  here: undefined,
  isForked: false,
  now,
}
const where = (change: Partial<WhereFacts>) => {
  const { kind, text } = whereOf({ ...facts, ...change })
  return `${kind}: ${text}`
}

test('W50 the bar says one of five things, and a device that does not answer is never live', () => {
  assert.equal(where({}), 'none: No runtime')
  assert.equal(where({ session: live(null) }), 'none: No runtime')
  assert.equal(where({ session: live('mac') }), 'live: The mac')
  assert.equal(where({ session: live('mac'), here: 'mac' }), 'live: The mac')
  assert.equal(where({ session: live('mac'), here: 'studio' }), 'live: The mac (remote)')
  assert.equal(where({ session: live('pod'), here: 'mac' }), 'cloud: Cloud')
  assert.equal(where({ session: live('mac', null) }), 'starting: Starting session…')
  assert.equal(where({ session: live('away') }), 'away: The away')
})

test('W50 W51 a choice is shown as it is: it beats the notebook, the notebook beats the session, and nothing replaces it', () => {
  assert.equal(where({ session: live('mac'), chosen: 'mac' }), 'live: The mac')
  assert.equal(where({ session: live('mac'), chosen: 'studio' }), 'next: The studio')
  assert.equal(where({ session: live('mac'), runsOn: 'the STUDIO ' }), 'next: The studio')
  assert.equal(where({ session: live('mac'), runsOn: 'studio', chosen: 'mac' }), 'live: The mac')
  assert.equal(where({ session: live('mac'), chosen: 'away' }), 'away: The away')
  assert.equal(where({ session: live('mac'), chosen: 'revoked' }), 'away: Not paired')
  assert.equal(where({ session: live('mac'), runsOn: 'nobody' }), 'away: nobody')
  const twins = [device('a', { name: 'Twin' }), device('b', { name: 'twin' })]
  assert.equal(where({ devices: twins, runsOn: 'Twin' }), 'away: Twin')
})

test('W50 the note says what becomes of the variables, and what to do when nothing is online', () => {
  const note = (change: Partial<WhereFacts>) => whereNote({ ...facts, ...change })
  assert.match(
    note({ session: live('mac'), chosen: 'studio' }),
    /variables on The mac do not go with it\. You chose it\./,
  )
  assert.match(note({ chosen: 'away' }), /wait until it is back; no other device is tried/)
  assert.match(note({ session: live('mac') }), /with its variables, since 10 min ago/)
  assert.match(note({ devices: [] }), /`meshbook up`/)
  assert.match(note({ runsOn: 'studio' }), /runs-on/)
})

test('W51 W53 what was chosen holds over a reload until it is taken back; storage that fails is no fault', () => {
  const kept = new Map<string, string>()
  const storage = () => ({
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => void kept.set(key, text),
    removeItem: (key: string) => void kept.delete(key),
  })
  const open = (document: string, from = storage) => {
    const choice = { on: signal<string | undefined>(undefined), session: signal<string | undefined>(undefined) }
    return { ...choice, close: keepChoice(document, choice, from) }
  }
  const first = open('a')
  first.on.value = 'studio'
  first.session.value = 'fork-1'
  first.close()
  const again = open('a')
  assert.deepEqual([again.on.value, again.session.value], ['studio', 'fork-1'])
  assert.equal(open('b').on.value, undefined)
  again.on.value = undefined
  again.session.value = undefined
  assert.equal(kept.size, 0)
  kept.set('meshbook.run.c', '{"on": 7}')
  assert.equal(open('c').on.value, undefined)
  const broken = open('d', () => {
    throw new Error('forbidden')
  })
  broken.on.value = 'mac'
  assert.ok(broken.on instanceof Signal)
})

test('SW11 a device that the saved state can go to is said to get the variables, any other that it does not', () => {
  const saved = (kind: 'image' | 'portable') =>
    ({ ...live('mac'), saved: { snapshot: 'snp_1', kind, asOf: null, bytes: 1, behind: 0, state: 'saved' } }) as never
  const windows = [device('mac'), device('studio', { os: 'win32 10' })]
  const note = (change: Partial<WhereFacts>) => whereNote({ ...facts, chosen: 'studio', ...change })
  assert.match(note({ session: saved('image') }), /goes on on The studio, with the variables as they were saved/)
  assert.match(note({ session: saved('image'), devices: windows }), /do not go with it/)
  assert.match(note({ session: saved('portable'), devices: windows }), /with the variables as they were saved/)
})

test('SW4 while its state is on the way the bar says that the session is restored; a move that has not begun leaves it live', () => {
  const moving = (phase: string) => ({ ...live('mac'), moving: { to: 'studio', phase, done: 0, total: 0 } }) as never
  assert.equal(where({ session: moving('fetch') }), 'starting: Restoring session…')
  assert.equal(where({ session: moving('saving') }), 'live: The mac')
})
