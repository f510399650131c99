import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceIdOf, newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Metrics } from '@meshbook/core/messages.ts'
import type { DeviceRow } from '../store/identity.ts'
import { type DeviceLink, Fleet } from './fleet.ts'

const org = newId('org', 1, systemRandom)
const project = newId('project', 1, systemRandom)
const link: DeviceLink = {
  send: () => true,
  sendFrame: () => true,
  close: () => undefined,
  lastFrameAt: () => 1_000,
  ordersWait: () => undefined,
}
const metrics: Metrics = { cpu: 0, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] }
const [home, work] = ['a'.repeat(64), 'b'.repeat(64)]

function fleetOfOne(): { fleet: Fleet; row: DeviceRow; told: boolean[] } {
  const row: DeviceRow = {
    org,
    user: newId('user', 1, systemRandom),
    userName: 'ada',
    id: deviceIdOf(systemRandom(32)),
    publicKey: 'key',
    name: 'Desk',
    kind: 'server',
    os: 'linux',
    runtimes: [],
    projects: [project],
    lastSeenAt: 1,
    policy: { costPerHour: 2 },
  }
  const told: boolean[] = []
  const fleet = new Fleet(
    [row],
    limits,
    () => 1_000,
    (_, __, { placement }) => void told.push(placement),
  )
  fleet.connect(row.id, link, { os: 'linux', runtimes: [], metrics, projects: [project], network: home })
  return { fleet, row, told }
}

test('RT5 RT11 RT34 the router is told whose a device is, its whole policy, and every network it is on', () => {
  const { fleet, row } = fleetOfOne()
  fleet.heartbeat(row.id, { ...metrics, networks: [work] })
  const [candidate] = fleet.candidates(org, project)
  assert.deepEqual(candidate?.networks, [work, home])
  assert.equal(candidate?.owner, 'ada')
  assert.deepEqual([candidate?.policy.costPerHour, candidate?.policy.alwaysOn], [2, true])
  assert.doesNotMatch(JSON.stringify(fleet.list(org)), /networks|aaaa|bbbb/)
})

test('RT35 RT36 what waits is looked at again when policy, power, metering, GPUs or networks change, and not for load', () => {
  const { fleet, row, told } = fleetOfOne()
  const looksAgain = (act: () => void): boolean => {
    told.length = 0
    act()
    return told.includes(true)
  }
  const beat = (change: Partial<Metrics>) => looksAgain(() => fleet.heartbeat(row.id, { ...metrics, ...change }))
  assert.equal(beat({ cpu: 1, memoryFreeBytes: 0 }), false)
  assert.equal(beat({ battery: { level: 0.5, charging: false } }), true)
  assert.equal(beat({ battery: { level: 0.4, charging: false } }), false)
  assert.equal(beat({ battery: { level: 0.4, charging: true } }), true)
  assert.equal(beat({ metered: true }), true)
  assert.equal(beat({ networks: [work] }), true)
  assert.equal(beat({ gpus: [{ name: 'A', memoryBytes: 1, memoryFreeBytes: 1, load: 0 }] }), true)
  assert.equal(
    looksAgain(() => fleet.add({ ...row, name: 'Other' })),
    false,
  )
  assert.equal(
    looksAgain(() => fleet.add({ ...row, policy: { executes: false } })),
    true,
  )
})
