/** Devices and questions for tests of the router: one of each, and arbitrary ones. */

import { policyOf } from '@meshbook/core/device-policy.ts'
import type { DeviceId } from '@meshbook/core/ids.ts'
import type { RouteDevice, RouteInput, RouteRequest } from '@meshbook/core/route/input.ts'
import * as fc from 'fast-check'

export const id = (n: number): DeviceId => `dev_${String(n).padStart(26, '0')}` as unknown as DeviceId
export const python = { language: 'python', kernel: 'python', version: '3.12' }
export const metrics = { cpu: 0.1, memoryBytes: 100, memoryFreeBytes: 50, gpus: [] }
export const gpu = { name: 'A', memoryBytes: 1, memoryFreeBytes: 1, load: 0 }
export const battery = (level: number) => ({ ...metrics, battery: { level, charging: false } })
export const now = 1_000_000_000

export type Change = Partial<Omit<RouteDevice, 'policy'>> & { policy?: Partial<RouteDevice['policy']> }

export function device(n: number, { policy, ...change }: Change = {}): RouteDevice {
  const kind = change.kind ?? 'desktop'
  return {
    id: id(n),
    name: `Device ${n}`,
    kind,
    status: 'online',
    lastSeenAt: now,
    runtimes: [python],
    metrics,
    policy: policyOf(kind, policy ?? {}),
    attached: true,
    busyRuns: 0,
    ...change,
  }
}

export function ask(
  devices: RouteDevice[],
  request: Partial<RouteRequest> = {},
  session: RouteInput['session'] = undefined,
): RouteInput {
  return { request: { language: 'python', requires: [], ...request }, devices, session, now }
}

const powerRule = fc.constantFrom('allow' as const, 'avoid' as const, 'never' as const)

const anyMetrics = fc.record(
  {
    cpu: fc.constantFrom(0, 0.5, 0.95),
    memoryBytes: fc.constant(100),
    memoryFreeBytes: fc.constantFrom(1, 50),
    gpus: fc.constantFrom([], [gpu]),
    battery: fc.record({ level: fc.constantFrom(0.1, 0.9), charging: fc.boolean() }),
    metered: fc.boolean(),
  },
  { requiredKeys: ['cpu', 'memoryBytes', 'memoryFreeBytes', 'gpus'] },
)

export const anyDevice = (n: number): fc.Arbitrary<RouteDevice> =>
  fc
    .record({
      id: fc.constant(id(n)),
      name: fc.constantFrom(`Device ${n}`, `Device ${n}`, 'Twin'),
      kind: fc.constantFrom('desktop', 'desktop', 'server', 'worker', 'phone'),
      status: fc.constantFrom('online', 'online', 'online', 'suspect', 'offline', 'revoked'),
      lastSeenAt: fc.nat(now),
      runtimes: fc.constantFrom<RouteDevice['runtimes'][]>(
        [python],
        [python],
        [python, { ...python, language: 'javascript' }],
        [],
      ),
      metrics: fc.option(anyMetrics, { freq: 6 }),
      policy: fc.record({
        executes: fc.constantFrom(true, true, true, false),
        battery: powerRule,
        metered: powerRule,
        alwaysOn: fc.boolean(),
        costPerHour: fc.constantFrom(0, 1, 5),
        runsOfOthers: fc.constantFrom('allow', 'owned', 'never'),
        environments: fc.constantFrom('ask', 'automatic'),
        idleMinutes: fc.constant(0),
        memoryBytes: fc.constant(0),
        runMinutes: fc.constant(0),
      }),
      attached: fc.constantFrom(true, true, true, false),
      busyRuns: fc.nat(2),
      environments: fc.constantFrom(
        undefined,
        [],
        [{ language: 'python', file: 'uv.lock', state: 'ready' }],
        [{ language: 'python', file: 'uv.lock', state: 'missing' }],
      ),
      owner: fc.constantFrom(undefined, 'ada', 'bob'),
      networks: fc.constantFrom([], ['home'], ['home', 'work']),
    })
    .map(any => any as RouteDevice)

export const anyInput: fc.Arbitrary<RouteInput> = fc
  .record({
    request: fc.record({
      language: fc.constantFrom('python', 'py', 'python3', 'ts', 'julia'),
      requires: fc.constantFrom([], [], [], ['gpu'], ['GPU'], ['tpu']),
      on: fc.option(fc.nat(6).map(id), { nil: undefined, freq: 2 }),
      runsOn: fc.constantFrom(undefined, undefined, undefined, 'Twin', 'device 2', 'Nobody'),
      imports: fc.constantFrom([], ['os'], ['torch.nn'], ['numba.cuda', 'jax']),
      tookMs: fc.constantFrom(undefined, 1_000, 100_000),
      by: fc.constantFrom(undefined, 'ada', 'bob'),
      projectOwner: fc.constantFrom(undefined, 'ada'),
      networks: fc.constantFrom(undefined, ['home'], ['elsewhere']),
    }),
    devices: fc.nat(5).chain(count => fc.tuple(...Array.from({ length: count }, (_, n) => anyDevice(n)))),
    session: fc.option(fc.record({ holder: fc.option(fc.nat(6).map(id), { nil: undefined }), hasRun: fc.boolean() }), {
      nil: undefined,
    }),
    now: fc.constant(now),
  })
  .map(any => any as RouteInput)
