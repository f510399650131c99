import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyOf } from '@meshbook/core/device-policy.ts'
import {
  lostByRevoking,
  memoryText,
  policyChange,
  policyWords,
  sessionName,
  statusText,
  systemName,
  wakeHint,
} from './device-words.ts'

const now = 1_800_000_000_000

test('W60 systems, times and memory are said as a person does', () => {
  assert.deepEqual(['linux 6.1.0-23-amd64', 'darwin 23.1.0', 'win32 10.0.22631', 'plan9 4'].map(systemName), [
    'Linux 6.1',
    'macOS',
    'Windows 10.0',
    'plan9 4',
  ])
  const text = (status: 'online' | 'suspect' | 'offline') => statusText({ status, lastSeenAt: now - 300_000 }, now)
  assert.deepEqual(
    [text('online'), text('suspect'), text('offline')],
    ['Online', 'Not answering', 'Last seen 5 min ago'],
  )
  assert.equal(memoryText(16 * 2 ** 30, 4.6 * 2 ** 30), '11 of 16 GB')
  assert.equal(memoryText(8 * 2 ** 30, 8 * 2 ** 30), '0.0 of 8.0 GB')
})

test('W60 a device that is away says how it is woken, one that is there says nothing', () => {
  assert.equal(wakeHint({ kind: 'desktop', status: 'online', name: 'a' }), '')
  for (const kind of ['desktop', 'server', 'phone', 'worker'] as const)
    assert.ok(wakeHint({ kind, status: 'offline', name: 'a' }).endsWith('.'))
})

test('W61 only what is not as usual is said of a policy, and only what was changed is sent', () => {
  assert.deepEqual(policyWords(policyOf('desktop', {}), 'desktop'), [])
  assert.deepEqual(policyWords(policyOf('phone', {}), 'phone'), [])
  assert.deepEqual(policyWords(policyOf('server', { battery: 'never', runsOfOthers: 'never' }), 'server'), [
    'Not on battery',
    'Always on',
    'Only my runs',
  ])
  const bounds = { memoryBytes: 12 * 2 ** 30, runMinutes: 90, idleMinutes: 1 }
  assert.deepEqual(policyWords(policyOf('desktop', bounds), 'desktop'), [
    'At most 12.0 GB a session',
    'Runs up to 90 minutes',
    'Ends sessions idle for 1 minute',
  ])
  const before = policyOf('desktop', {})
  assert.deepEqual(policyChange(before, { ...before }), {})
  assert.deepEqual(policyChange(before, { ...before, executes: false, costPerHour: 2 }), {
    executes: false,
    costPerHour: 2,
  })
})

test('W62 what revoking loses names every live session and run', () => {
  const held = { sessions: [{ language: 'python', name: 'default' }], runs: ['analysis'] }
  const text = lostByRevoking({ name: 'Desk', kind: 'desktop' }, held).join(' ')
  assert.match(text, /1 live session with all variables: python\. 1 run on it, ended as interrupted: analysis\./)
  assert.match(text, /must be paired again/)
  assert.ok(!/session|run on/.test(lostByRevoking({ name: 'P', kind: 'phone' }, { sessions: [], runs: [] }).join(' ')))
  assert.equal(sessionName({ language: 'r', name: 'big' }), 'r (big)')
})
