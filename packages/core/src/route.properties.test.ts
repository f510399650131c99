import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyDevice, anyInput, id } from '../../../tests/arbitrary/route-inputs.ts'
import { gpuImports, hasGpu, offersAll } from './route/hardware.ts'
import { isMetered, onBattery } from './route/rules.ts'
import { type RouteDecision, type RouteDevice, type RouteInput, route } from './route.ts'

const chosen = (decision: RouteDecision) => ('to' in decision ? decision.to : undefined)
const found = ({ devices }: RouteInput, decision: RouteDecision) =>
  devices.find(device => device.id === chosen(decision))

test('RT20 every decision has its reasons, and every one that places nothing says what would unblock it', () => {
  fc.assert(
    fc.property(anyInput, input => {
      const decision = route(input)
      assert.ok(decision.reasons.length > 0)
      for (const reason of decision.reasons) assert.match(reason, /^\p{Lu}.*\.$/u)
      if (!('to' in decision)) assert.match(decision.unblock, /^\p{Lu}.*\.$/u)
      assert.equal(new Set(decision.reasons).size, decision.reasons.length)
    }),
    { numRuns: 5_000 },
  )
})

test('RT4–RT9 never a device that is away, revoked, a phone, or that refuses or lacks what is demanded', () => {
  fc.assert(
    fc.property(anyInput, input => {
      const decision = route(input)
      if (!('to' in decision)) return
      const to = found(input, decision)!
      const { by, projectOwner, requires } = input.request
      assert.equal(to.status, 'online')
      assert.ok(to.attached && to.policy.executes && to.kind !== 'phone')
      assert.ok(offersAll(to, requires) && to.runtimes.length > 0)
      assert.ok(!(to.policy.battery === 'never' && onBattery(to)) && !(to.policy.metered === 'never' && isMetered(to)))
      const isOwn = by === undefined || to.owner === undefined || to.owner === by
      if (!isOwn) assert.notEqual(to.policy.runsOfOthers, 'never')
      if (!isOwn && to.policy.runsOfOthers === 'owned') assert.equal(to.owner, projectOwner)
    }),
    { numRuns: 6_000 },
  )
})

test('RT1 RT2 I11 what the user or the notebook chose is obeyed or nothing is placed', () => {
  fc.assert(
    fc.property(anyInput, input => {
      const { on, runsOn } = input.request
      const to = found(input, route(input))
      if (to && on !== undefined) assert.equal(to.id, on)
      else if (to && runsOn !== undefined) assert.equal(to.name.toLowerCase(), runsOn.toLowerCase())
    }),
    { numRuns: 3_000 },
  )
})

test('RT21 the order of the devices changes neither the choice nor a word of it', () => {
  const shuffled = anyInput.chain(input =>
    fc
      .shuffledSubarray([...input.devices], { minLength: input.devices.length })
      .map(devices => [input, { ...input, devices }] as const),
  )
  fc.assert(
    fc.property(shuffled, ([a, b]) => assert.deepEqual(route(a), route(b))),
    { numRuns: 4_000 },
  )
})

test('RT21 one more device of any kind is chosen itself or changes nothing', () => {
  fc.assert(
    fc.property(anyInput, anyDevice(99), (input, more) => {
      // A second device of one name is another question: the notebook's name means both then.
      fc.pre(input.request.runsOn?.toLowerCase() !== more.name.toLowerCase())
      const before = chosen(route(input))
      const after = chosen(route({ ...input, devices: [...input.devices, more] }))
      assert.ok(after === before || after === more.id, `${before} became ${after}`)
    }),
    { numRuns: 4_000 },
  )
})

/** The same device, or one that is worse in any of what the router compares. */
function worse(best: RouteDevice, by: number): RouteDevice {
  const metrics = best.metrics ?? { cpu: 1, memoryBytes: 100, memoryFreeBytes: 0, gpus: [] }
  return {
    ...best,
    id: id(90),
    name: 'Worse',
    busyRuns: best.busyRuns + (by & 1),
    networks: by & 2 ? [] : best.networks,
    metrics: {
      ...metrics,
      cpu: by & 4 ? 1 : metrics.cpu,
      gpus: by & 8 ? [] : metrics.gpus,
      memoryFreeBytes: by & 16 ? 0 : metrics.memoryFreeBytes,
      ...(by & 32 && { battery: { level: 0.1, charging: false } }),
    },
    policy: {
      ...best.policy,
      alwaysOn: by & 64 ? false : best.policy.alwaysOn,
      costPerHour: best.policy.costPerHour + (by & 128),
    },
  }
}

test('RT21 one more device that is worse in everything changes no choice', () => {
  const open = anyInput.map(input => ({
    ...input,
    request: { ...input.request, on: undefined, runsOn: undefined, requires: [], language: 'python' },
  }))
  fc.assert(
    fc.property(open, fc.nat(255), (input, by) => {
      const decision = route(input)
      const best = found(input, decision)
      fc.pre(best !== undefined)
      const after = route({ ...input, devices: [worse(best, by), ...input.devices] })
      assert.equal(chosen(after), best.id)
    }),
    { numRuns: 4_000 },
  )
})

test('RT10 a device without a GPU is taken for such imports only where none with one could be', () => {
  fc.assert(
    fc.property(anyInput, input => {
      const { on, runsOn, language, imports = [] } = input.request
      fc.pre(on === undefined && runsOn === undefined && gpuImports(language, imports).length > 0)
      const bare: RouteInput = { ...input, session: undefined }
      const to = found(bare, route(bare))
      if (!to || hasGpu(to)) return
      const others = bare.devices.filter(hasGpu).map(device => route({ ...bare, devices: [device] }))
      assert.ok(others.every(decision => !('to' in decision)))
    }),
    { numRuns: 2_000 },
  )
})

type Event =
  | { type: 'status'; device: number; status: RouteDevice['status'] }
  | { type: 'run'; on: number | undefined }
  | { type: 'pass'; ms: number }

const leaseMs = 60
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    type: fc.constant('status' as const),
    device: fc.nat(3),
    status: fc.constantFrom('online', 'online', 'suspect', 'offline', 'revoked'),
  }),
  fc.record({ type: fc.constant('run' as const), on: fc.option(fc.nat(3), { nil: undefined, freq: 5 }) }),
  fc.record({ type: fc.constant('pass' as const), ms: fc.nat(80) }),
)

/** One session on four devices, as a hub keeps it: the newest fence has a holder until its lease runs out. */
function play(devices: readonly RouteDevice[], events: readonly Event[]): void {
  const status = new Map(devices.map(device => [device.id, device.status]))
  let head: { holder: RouteDevice['id']; until: number } | undefined
  let now = 0
  for (const event of events) {
    if (event.type === 'pass') now += event.ms
    else if (event.type === 'status') {
      if (status.get(id(event.device)) !== 'revoked') status.set(id(event.device), event.status)
      if (event.status === 'revoked' && head?.holder === id(event.device)) head = undefined
    } else {
      const holder = head?.holder
      const relies = head !== undefined && head.until > now
      const as = (device: RouteDevice): RouteDevice['status'] => {
        const known = status.get(device.id)!
        return known === 'offline' && relies && device.id === holder ? 'suspect' : known
      }
      const decision = route({
        request: { language: 'python', requires: [], on: event.on === undefined ? undefined : id(event.on) },
        devices: devices.map(device => ({ ...device, status: as(device) })),
        session: { holder },
        now,
      })
      if (!('to' in decision)) continue
      assert.equal(status.get(decision.to), 'online')
      const isAnswering = holder !== undefined && status.get(holder) === 'online'
      if (decision.to !== holder && event.on === undefined && relies) assert.ok(isAnswering, 'a second holder')
      head = { holder: decision.to, until: now + leaseMs }
    }
  }
}

test('RT22 I4 over any sequence of events a session has one holder: nobody else while it is silent and may be at work', () => {
  const devices = fc.tuple(anyDevice(0), anyDevice(1), anyDevice(2), anyDevice(3))
  fc.assert(fc.property(devices, fc.array(anyEvent, { maxLength: 30 }), play), { numRuns: 3_000 })
})
