import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOf, type Status } from './status.ts'

const device = { name: 'desk', linked: true, pid: 1, keys: 'in a file', problems: [] }

test('status says what is connected, how far the hub is, who is online and what runs', () => {
  const status: Status = {
    hub: 'http://h',
    reachable: true,
    device,
    now: {
      user: 'ada',
      version: '0.1.0',
      latencyMs: 1.5,
      devices: [
        { name: 'desk', status: 'online' },
        { name: 'old', status: 'offline' },
      ],
      sessions: [{ language: 'python', name: 'default', device: 'desk' }],
      runs: [{ id: 'run_1', status: 'running', path: 'a.md', device: 'desk' }],
    },
    problem: null,
  }
  assert.deepEqual(rowsOf(status), [
    ['hub', 'http://h'],
    ['signed in', 'as ada; hub 0.1.0, 1.5 ms away'],
    ['device', 'desk, connected'],
    ['devices', '1 of 2 online: desk'],
    ['sessions', '1 live'],
    ['', 'python default on desk'],
    ['runs', '1 not ended'],
    ['', 'run_1 running a.md on desk'],
  ])
})

test('status without the hub says why and what to do, and what it knows of this machine', () => {
  const problem = { code: 'UNREACHABLE', detail: 'nobody answers', hint: 'Check it.' }
  const rows = rowsOf({ hub: 'http://h', reachable: false, device: { ...device, linked: false }, now: null, problem })
  assert.deepEqual(rows, [
    ['hub', 'http://h'],
    ['problem', 'nobody answers. Check it.'],
    ['device', 'desk, not connected'],
  ])
})
