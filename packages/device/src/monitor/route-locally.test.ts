import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyOf } from '@meshbook/core/device-policy.ts'
import type { DeviceId } from '@meshbook/core/ids.ts'
import type { DeviceInfo } from '@meshbook/core/messages.ts'
import { type LocalRoute, routeLocally } from './route-locally.ts'

const id = (n: number): DeviceId => `dev_${String(n).padStart(26, '0')}` as unknown as DeviceId
const runtimes = [{ language: 'python', kernel: 'python', version: '3.12' }]
const metrics = { cpu: 0.1, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] }
const self = { id: id(1), name: 'Desk', kind: 'desktop', runtimes, metrics, attached: true, busyRuns: 0 } as const
const studio: DeviceInfo = {
  id: id(2),
  name: 'Studio',
  kind: 'desktop',
  os: 'linux',
  status: 'online',
  lastSeenAt: 1,
  runtimes,
  metrics: { ...metrics, gpus: [{ name: 'A', memoryBytes: 1, memoryFreeBytes: 1, load: 0 }] },
  policy: policyOf('desktop', {}),
}

function decide(request: Partial<LocalRoute['request']> = {}, rest: Partial<LocalRoute> = {}) {
  const asked = { language: 'python', code: 'import torch', ...request }
  return routeLocally({ request: asked, self: { ...self, runtimes: [...runtimes] }, now: 1_000_000, ...rest })
}
const said = (decision: ReturnType<typeof decide>): string => decision.reasons.join(' ')

test('RT37 without a hub a device takes what it can run, with the same reasons', () => {
  const decision = decide()
  assert.ok('to' in decision)
  assert.equal(decision.to, id(1))
  assert.match(said(decision), /Desk is the only online device.*imports torch, but no device/)
  assert.ok('refuse' in decide({ language: 'julia' }))
  assert.ok('refuse' in decide({ requires: ['gpu'] }))
})

test('RT37 I11 what the user or the notebook sent to another device waits for the hub and is never run here', () => {
  for (const request of [{ on: id(2) }, { runsOn: 'studio' }, { requires: ['gpu'] }]) {
    const decision = decide(request, { others: [studio] })
    assert.ok('wait' in decision)
    assert.match(said(decision), /Studio is offline.*The hub cannot be reached/)
  }
})

test('RT37 a session that was held elsewhere starts here without its variables, and that is said', () => {
  const decision = decide({}, { others: [studio], holder: id(2) })
  assert.ok('to' in decision)
  assert.match(said(decision), /Studio had the session.*its variables will be empty/)
  assert.match(said(decide({}, { holder: id(1) })), /Desk has the live session/)
})

test('RT37 RT4 RT9 the policy of the device holds without a hub too', () => {
  const policy = policyOf('desktop', { battery: 'never' })
  const drained = { ...metrics, battery: { level: 0.9, charging: false } }
  assert.ok('wait' in decide({}, { self: { ...self, runtimes: [...runtimes], metrics: drained, policy } }))
  const closed = policyOf('desktop', { executes: false })
  assert.ok('wait' in decide({}, { self: { ...self, runtimes: [...runtimes], policy: closed } }))
})
