import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DeviceId } from './ids.ts'
import { type RouteDevice, type RouteInput, route } from './route.ts'

const id = (n: number) => `dev_${String(n).padStart(26, '0')}` as unknown as DeviceId
const python = { language: 'python', kernel: 'python', version: '3.12' }
const metrics = { cpu: 0.1, memoryBytes: 1, memoryFreeBytes: 1, gpus: [] }
const gpu = { name: 'A', memoryBytes: 1, memoryFreeBytes: 1, load: 0 }
const now = 1_000_000_000

function device(n: number, change: Partial<RouteDevice> = {}): RouteDevice {
  return {
    id: id(n),
    name: `Device ${n}`,
    kind: 'desktop',
    status: 'online',
    lastSeenAt: now,
    runtimes: [python],
    metrics,
    attached: true,
    executes: true,
    busyRuns: 0,
    ...change,
  }
}

function decide(devices: RouteDevice[], change: Partial<RouteInput['request']> = {}, holder?: DeviceId) {
  return route({ request: { language: 'python', requires: [], ...change }, devices, session: { holder }, now })
}

test('I11 the device that the user chose is never replaced: when it is offline the run waits', () => {
  const decision = decide([device(1), device(2, { status: 'offline', lastSeenAt: now - 5 * 60_000 })], { on: id(2) })
  assert.ok('wait' in decision)
  assert.match(decision.wait, /Device 2 is offline, last seen 5 min ago/)
})

test('a chosen device that is unknown, revoked, a phone or without the language is refused with a code', () => {
  const refusal = (devices: RouteDevice[]) => {
    const decision = decide(devices, { on: id(2) })
    return 'refuse' in decision ? decision.refuse : decision
  }
  assert.equal(refusal([device(1)]), 'NO_DEVICE')
  assert.equal(refusal([device(1), device(2, { status: 'revoked' })]), 'REVOKED')
  assert.equal(refusal([device(1), device(2, { kind: 'phone' })]), 'NO_DEVICE')
  assert.equal(refusal([device(1), device(2, { executes: false })]), 'NO_DEVICE')
  assert.equal(refusal([device(1), device(2, { runtimes: [] })]), 'KERNEL_MISSING')
})

test('the live holder of the session gets the run, however busy it is', () => {
  const decision = decide([device(1), device(2, { busyRuns: 9 })], {}, id(2))
  assert.ok('to' in decision)
  assert.equal(decision.to, id(2))
  assert.match(decision.reasons[0]!, /live session/)
})

test('a suspect holder is waited for; an offline one is passed over, and the reasons say that its variables are gone', () => {
  assert.ok('wait' in decide([device(1), device(2, { status: 'suspect' })], {}, id(2)))
  const decision = decide([device(1), device(2, { status: 'offline' })], {}, id(2))
  assert.ok('to' in decision)
  assert.equal(decision.to, id(1))
  assert.match(decision.reasons.join(' '), /do not have its variables/)
})

test('the choice of the user goes before the session, and the reasons say that the variables are elsewhere', () => {
  const decision = decide([device(1), device(2)], { on: id(1) }, id(2))
  assert.ok('to' in decision)
  assert.equal(decision.to, id(1))
  assert.match(decision.reasons.join(' '), /variables .* another device/)
})

test('what the notebook requires is obeyed: a GPU is found, and its absence refused', () => {
  const withGpu = device(2, { metrics: { ...metrics, cpu: 0.9, gpus: [gpu] } })
  const decision = decide([device(1), withGpu], { requires: ['gpu'] })
  assert.ok('to' in decision)
  assert.equal(decision.to, id(2))
  const refused = decide([device(1)], { requires: ['gpu'] })
  assert.ok('refuse' in refused)
  assert.match(refused.detail, /gpu, which Device 1 cannot offer/)
})

test('names of one language are one language: `py` runs on python, TypeScript on the JavaScript kernel', () => {
  assert.ok('to' in decide([device(1)], { language: 'py' }))
  assert.ok('to' in decide([device(1, { runtimes: [{ ...python, language: 'javascript' }] })], { language: 'ts' }))
  assert.ok('refuse' in decide([device(1)], { language: 'julia' }))
})

test('no computer, no project and nobody online each wait with what would unblock them', () => {
  const unblock = (devices: RouteDevice[]) => {
    const decision = decide(devices)
    return 'wait' in decision ? decision.unblock : decision
  }
  assert.match(String(unblock([])), /meshbook up/)
  assert.match(String(unblock([device(1, { kind: 'phone' })])), /meshbook up/)
  assert.match(String(unblock([device(1, { attached: false })])), /meshbook attach/)
  assert.match(
    String(unblock([device(1, { status: 'offline', lastSeenAt: 1 }), device(2, { status: 'offline', lastSeenAt: 2 })])),
    /Wake Device 2/,
  )
})

test('of several devices the least busy is taken, one with little battery last, and a tie goes by id', () => {
  const low = { ...metrics, cpu: 0, battery: { level: 0.1, charging: false } }
  const to = (devices: RouteDevice[]) => {
    const decision = decide(devices)
    return 'to' in decision ? decision.to : decision
  }
  assert.equal(to([device(1, { busyRuns: 2 }), device(2, { busyRuns: 1 })]), id(2))
  assert.equal(to([device(1, { metrics: low }), device(2, { busyRuns: 5 })]), id(2))
  assert.equal(to([device(2), device(1)]), id(1))
})

const anyDevice = (n: number): fc.Arbitrary<RouteDevice> =>
  fc.record({
    id: fc.constant(id(n)),
    name: fc.constant(`Device ${n}`),
    kind: fc.constantFrom('desktop', 'phone', 'server', 'worker'),
    status: fc.constantFrom('online', 'online', 'suspect', 'offline', 'revoked'),
    lastSeenAt: fc.nat(now),
    runtimes: fc.subarray([python, { ...python, language: 'bash' }, { ...python, language: 'javascript' }]),
    metrics: fc.option(
      fc.record({
        cpu: fc.constantFrom(0, 0.5, 1),
        memoryBytes: fc.nat(),
        memoryFreeBytes: fc.nat(),
        gpus: fc.constantFrom([], [gpu]),
      }),
    ),
    attached: fc.boolean(),
    executes: fc.boolean(),
    busyRuns: fc.nat(2),
  })

const anyInput: fc.Arbitrary<RouteInput> = fc.record({
  request: fc.record({
    language: fc.constantFrom('python', 'py', 'sh', 'ts', 'julia'),
    requires: fc.constantFrom([], [], ['gpu'], ['tpu']),
    on: fc.option(fc.nat(6).map(id), { nil: undefined }),
  }),
  devices: fc.nat(5).chain(count => fc.tuple(...Array.from({ length: count }, (_, n) => anyDevice(n)))),
  session: fc.option(fc.record({ holder: fc.option(fc.nat(6).map(id), { nil: undefined }) }), { nil: undefined }),
  now: fc.constant(now),
})

test('every decision has a reason, and only a device that is online, attached and allowed to run code is answered', () => {
  fc.assert(
    fc.property(anyInput, input => {
      const decision = route(input)
      assert.ok(decision.reasons.length > 0 && decision.reasons.every(reason => reason.length > 0))
      if (!('to' in decision)) return
      const device = input.devices.find(candidate => candidate.id === decision.to)!
      assert.ok(device.status === 'online' && device.attached && device.executes && device.kind !== 'phone')
      assert.ok(input.request.on === undefined || input.request.on === decision.to)
    }),
    { numRuns: 2000 },
  )
})

test('the order in which devices are listed decides nothing', () => {
  const shuffled = anyInput.chain(input =>
    fc
      .shuffledSubarray([...input.devices], { minLength: input.devices.length })
      .map(devices => [input, { ...input, devices }] as const),
  )
  const outcome = (input: RouteInput) => {
    const decision = route(input)
    return 'to' in decision ? decision : { ...decision, reasons: decision.reasons.length }
  }
  fc.assert(
    fc.property(shuffled, ([a, b]) => assert.deepEqual(outcome(a), outcome(b))),
    { numRuns: 2000 },
  )
})
