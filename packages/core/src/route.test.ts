import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, battery, device, gpu, id, metrics, now, python } from '../../../tests/arbitrary/route-inputs.ts'
import type { RouteDecision, RouteDevice, RouteRequest } from './route.ts'
import { route } from './route.ts'

const decide = (...question: Parameters<typeof ask>): RouteDecision => route(ask(...question))
const target = (decision: RouteDecision) => ('to' in decision ? decision.to : decision)
const to = (...question: Parameters<typeof ask>) => target(decide(...question))
const said = ({ reasons }: RouteDecision): string => reasons.join(' ')
const refusal = (decision: RouteDecision) => ('refuse' in decision ? decision.refuse : decision)
const withGpu = { ...metrics, gpus: [gpu] }

test('RT1 I11 the device that the user chose is never replaced: when it is offline the run waits', () => {
  const away = device(2, { status: 'offline', lastSeenAt: now - 5 * 60_000 })
  const decision = decide([device(1), away], { on: id(2) })
  assert.ok('wait' in decision)
  assert.match(decision.wait, /Device 2 is offline, last seen 5 min ago/)
  assert.match(decision.unblock, /Wake Device 2/)
})

test('RT1 a chosen device that is unknown, revoked, a phone or without the language is refused with a code', () => {
  const chosen = (...devices: RouteDevice[]) => refusal(decide(devices, { on: id(2) }))
  assert.equal(chosen(device(1)), 'NO_DEVICE')
  assert.equal(chosen(device(1), device(2, { status: 'revoked' })), 'REVOKED')
  assert.equal(chosen(device(1), device(2, { kind: 'phone' })), 'NO_DEVICE')
  assert.equal(chosen(device(1), device(2, { policy: { executes: false } })), 'NO_DEVICE')
  assert.equal(chosen(device(1), device(2, { runtimes: [] })), 'KERNEL_MISSING')
})

test('RT1 the choice of the user goes before the session, and the reasons say that the variables are elsewhere', () => {
  const decision = decide([device(1), device(2)], { on: id(1) }, { holder: id(2) })
  assert.equal(target(decision), id(1))
  assert.match(said(decision), /variables .* another device, Device 2\. .* on Device 1: its variables will be empty/)
})

test('RT2 `runs-on` of the notebook binds like a choice, by name in any case or by id, and the user goes before it', () => {
  const devices = [device(1), device(2, { name: 'Studio', status: 'offline' })]
  for (const runsOn of ['studio', ' Studio ', String(id(2))]) {
    const decision = decide(devices, { runsOn }, { holder: id(1) })
    assert.ok('wait' in decision)
    assert.match(said(decision), /The notebook says that it runs on .*Studio is offline|The notebook says/)
  }
  assert.equal(to(devices, { runsOn: 'Studio', on: id(1) }), id(1))
})

test('RT2 a name that no device has is refused; of several of one name the best is taken, and no other', () => {
  const decision = decide([device(1)], { runsOn: 'Studio' })
  assert.equal(refusal(decision), 'NO_DEVICE')
  assert.match(said(decision), /asks for Studio, and no device has this name/)
  const twins = [device(1), device(2, { name: 'Twin', busyRuns: 3 }), device(3, { name: 'Twin', busyRuns: 1 })]
  assert.equal(to(twins, { runsOn: 'Twin' }), id(3))
  assert.equal(to(twins, { runsOn: 'Twin' }, { holder: id(2) }), id(2))
})

test('RT3 the live holder of the session gets the run, however busy it is', () => {
  const decision = decide([device(1), device(2, { busyRuns: 9 })], {}, { holder: id(2) })
  assert.equal(target(decision), id(2))
  assert.match(decision.reasons[0]!, /live session/)
})

test('RT3 a suspect holder is waited for; an offline one is passed over, and the reasons say that its variables are gone', () => {
  assert.ok('wait' in decide([device(1), device(2, { status: 'suspect' })], {}, { holder: id(2) }))
  const decision = decide([device(1), device(2, { status: 'offline' })], {}, { holder: id(2) })
  assert.equal(target(decision), id(1))
  assert.match(said(decision), /do not have its variables.*its variables will be empty/)
})

test('RT3 a holder that may not run this is passed over, and the reasons say why', () => {
  const decision = decide([device(1, { metrics: withGpu }), device(2)], { requires: ['gpu'] }, { holder: id(2) })
  assert.equal(target(decision), id(1))
  assert.match(
    said(decision),
    /Device 2 has the session but cannot run this\. .*cannot offer.*another device, Device 2/,
  )
})

test('RT4 a phone, a revoked device and one that is set to run no code get nothing', () => {
  for (const other of [
    device(1, { kind: 'phone' }),
    device(1, { status: 'revoked' }),
    device(1, { policy: { executes: false } }),
  ]) {
    assert.equal(to([other, device(2, { busyRuns: 9 })]), id(2))
    assert.ok('wait' in decide([other]))
  }
  assert.match(said(decide([device(1, { policy: { executes: false } })])), /Device 1 is set to run no code/)
})

test('RT5 a device takes runs of others as its policy says', () => {
  const of = (runsOfOthers: 'allow' | 'owned' | 'never', request: Partial<RouteRequest>) =>
    'to' in decide([device(1, { owner: 'ada', policy: { runsOfOthers } })], request)
  assert.equal(of('never', { by: 'ada' }), true)
  assert.equal(of('never', { by: 'bob', projectOwner: 'ada' }), false)
  assert.equal(of('owned', { by: 'bob', projectOwner: 'ada' }), true)
  assert.equal(of('owned', { by: 'bob', projectOwner: 'bob' }), false)
  assert.equal(of('allow', { by: 'bob', projectOwner: 'bob' }), true)
  assert.match(said(decide([device(1, { owner: 'ada' })], { by: 'bob' })), /takes no runs of other people/)
})

test('RT6 what the notebook requires is obeyed: a GPU is found, its absence refused, and so is what nobody knows', () => {
  const strong = device(2, { metrics: { ...withGpu, cpu: 0.9 } })
  assert.equal(to([device(1), strong], { requires: ['GPU'] }), id(2))
  const refused = decide([device(1)], { requires: ['gpu'] })
  assert.match(said(refused), /gpu, which Device 1 cannot offer/)
  assert.match(said(decide([device(1)], { requires: ['tpu'] })), /tpu, which Meshbook does not know/)
  assert.equal(refusal(decide([device(1)], { requires: ['gpu'], on: id(1) })), 'NO_DEVICE')
})

test('RT6 a device that is away and was never measured may have the GPU: it is waited for', () => {
  const away = device(2, { status: 'offline', metrics: null })
  assert.match(said(decide([device(1), away], { requires: ['gpu'] })), /Device 2 is offline/)
})

test('RT7 names of one language are one language: `py` runs on python, TypeScript on the JavaScript kernel', () => {
  assert.ok('to' in decide([device(1)], { language: 'py' }))
  assert.ok('to' in decide([device(1, { runtimes: [{ ...python, language: 'javascript' }] })], { language: 'ts' }))
  assert.equal(refusal(decide([device(1)], { language: 'julia' })), 'KERNEL_MISSING')
})

test('RT4 RT8 RT17 no computer, no project and nobody online each wait with what would unblock them', () => {
  const unblock = (devices: RouteDevice[]) => {
    const decision = decide(devices)
    return 'wait' in decision ? decision.unblock : String(decision)
  }
  assert.match(unblock([]), /meshbook up/)
  assert.match(unblock([device(1, { kind: 'phone' })]), /meshbook up/)
  assert.match(unblock([device(1, { attached: false })]), /meshbook attach/)
  const seen = (n: number, lastSeenAt: number) => device(n, { status: 'offline', lastSeenAt })
  assert.match(unblock([seen(1, 1), seen(2, 2)]), /Wake Device 2/)
})

test('RT9 with `never`, nothing begins on battery or on a metered network: elsewhere if possible, else it waits', () => {
  const drained = device(1, { metrics: battery(0.9), policy: { battery: 'never' } })
  const costly = device(2, { metrics: { ...metrics, metered: true }, policy: { metered: 'never' } })
  assert.equal(to([drained, costly, device(3, { busyRuns: 5 })]), id(3))
  assert.match(said(decide([drained])), /Device 1 runs on battery, and is set not to run code then/)
  assert.match(said(decide([costly])), /metered network/)
  for (const decision of [
    decide([drained, device(3)], { on: id(1) }),
    decide([drained, device(3)], {}, { holder: id(1) }),
  ]) {
    assert.ok('wait' in decision)
    assert.match(decision.unblock, /Plug Device 1 in/)
  }
})

test('RT50 a device that has the packages of the lock file is preferred; without one it is said what is missing', () => {
  const has = (state: 'ready' | 'own' | 'missing' | 'making' | 'failed') => ({
    environments: [{ language: 'python' as const, file: 'uv.lock' as const, state }],
  })
  for (const state of ['ready', 'own'] as const) {
    const decision = decide([device(1, has('missing')), device(2, { ...has(state), busyRuns: 5 })], { language: 'py' })
    assert.equal(target(decision), id(2))
    assert.match(said(decision), /Device 2 has the project's packages/)
  }
  for (const state of ['missing', 'making', 'failed'] as const)
    assert.match(said(decide([device(1, has(state))])), /Device 1 does not have the packages of uv.lock yet/)
  const ofAnother = {
    environments: [{ language: 'r' as const, file: 'renv.lock' as const, state: 'missing' as const }],
  }
  assert.equal(to([device(1, ofAnother), device(2, { ...has('ready'), busyRuns: 5 })]), id(1))
})

test('RT10 imports that want a GPU prefer a device with one, say so, and run without one if there is none', () => {
  const strong = device(2, { metrics: withGpu, busyRuns: 5 })
  for (const [language, name] of [
    ['python', 'torch.nn'],
    ['py', 'numba.cuda'],
    ['julia', 'CUDA.CURAND'],
    ['r', 'torch'],
  ] as const) {
    const runtimes = [{ ...python, language: language === 'py' ? 'python' : language }]
    const decision = decide([device(1, { runtimes }), { ...strong, runtimes }], { language, imports: [name] })
    assert.equal(target(decision), id(2), name)
    assert.match(said(decision), /Device 2 has a GPU.*The cell imports/)
  }
  assert.equal(to([device(1), strong], { imports: ['numba', 'torchlight', 'os'] }), id(1))
  assert.match(said(decide([device(1)], { imports: ['torch'] })), /imports torch, but no device .* has a GPU/)
})

test('RT11 a device on the network of the one who asks is preferred', () => {
  const devices = [device(1, { networks: ['work'] }), device(2, { networks: ['home', 'vpn'], busyRuns: 2 })]
  assert.equal(to(devices, { networks: ['home'] }), id(2))
  assert.equal(to(devices, { networks: ['elsewhere'] }), id(1))
  assert.equal(to(devices), id(1))
})

test('RT12 a cell that took more than 30 s prefers a device that is always on, and says so', () => {
  const devices = [device(1), device(2, { kind: 'server', busyRuns: 2 })]
  const decision = decide(devices, { tookMs: 5 * 60_000 })
  assert.equal(target(decision), id(2))
  assert.match(said(decision), /Device 2 is always on.*took 5 min before, so a device that is always on is preferred/)
  assert.equal(to(devices, { tookMs: 30_000 }), id(1))
  assert.match(said(decide([device(1)], { tookMs: 31_000 })), /took 31 s before, but no device that is always on/)
})

test('RT13 battery and metered network are avoided if the policy says so, little battery in any case', () => {
  const busy = device(2, { busyRuns: 5 })
  assert.equal(to([device(1, { metrics: battery(0.9) }), busy]), id(2))
  assert.equal(to([device(1, { metrics: battery(0.9), policy: { battery: 'allow' } }), busy]), id(1))
  assert.equal(to([device(1, { metrics: battery(0.1), policy: { battery: 'allow' } }), busy]), id(2))
  const metered = { ...metrics, metered: true }
  assert.equal(to([device(1, { metrics: metered }), busy]), id(2))
  assert.equal(to([device(1, { metrics: metered, policy: { metered: 'allow' } }), busy]), id(1))
  assert.match(said(decide([device(1, { metrics: metered })])), /Device 1 is on a metered network; nothing better/)
})

test('RT14 of several devices the one with fewest runs is taken, then by memory, then by load in steps', () => {
  assert.equal(to([device(1, { busyRuns: 2 }), device(2, { busyRuns: 1 })]), id(2))
  assert.equal(to([device(1, { metrics: { ...metrics, memoryFreeBytes: 9 } }), device(2)]), id(2))
  assert.equal(to([device(1, { metrics: { ...metrics, cpu: 0.6 } }), device(2)]), id(2))
  assert.equal(to([device(1, { metrics: { ...metrics, cpu: 0.3 } }), device(2)]), id(1))
})

test('RT15 of equal devices the cheaper is taken', () => {
  const decision = decide([device(1, { policy: { costPerHour: 2 } }), device(2, { policy: { costPerHour: 1 } })])
  assert.equal(target(decision), id(2))
  assert.match(said(decision), /Of the 2 devices that can run it, Device 2 costs the least/)
})

test('RT16 a tie goes by id, and what decided among those left is said in its order', () => {
  assert.equal(to([device(2), device(1)]), id(1))
  const devices = [
    device(1),
    device(2, { metrics: withGpu, busyRuns: 1 }),
    device(3, { metrics: withGpu, busyRuns: 2 }),
  ]
  assert.match(
    said(decide(devices, { imports: ['jax'] })),
    /Of the 3 devices that can run it, Device 2 has a GPU; among those left it is the least busy\./,
  )
})

test('RT18 a worker that can be had takes what no device can, but never what was chosen or is held', () => {
  const worker = { languages: ['python'], gpu: false }
  const withWorker = (...question: Parameters<typeof ask>) => route({ ...ask(...question), worker })
  const away = device(1, { status: 'offline' })
  assert.ok('worker' in withWorker([]))
  assert.ok('worker' in withWorker([away]))
  assert.match(withWorker([away]).reasons.join(' '), /Device 1 is offline.*cloud worker.*variables will be empty/)
  assert.ok('to' in withWorker([device(1)]))
  assert.ok('wait' in withWorker([away], { on: id(1) }))
  assert.ok('wait' in withWorker([away], { runsOn: 'Device 1' }))
  assert.ok('wait' in withWorker([device(1, { status: 'suspect' })], {}, { holder: id(1) }))
  assert.ok('refuse' in withWorker([device(1)], { requires: ['gpu'] }))
  assert.ok('worker' in route({ ...ask([device(1)], { requires: ['gpu'] }), worker: { ...worker, gpu: true } }))
  assert.ok('refuse' in withWorker([device(1)], { language: 'julia' }))
})

test('RT18 CP44 a worker says what becomes of the variables, and how they could come along', () => {
  const worker = { languages: ['python'], gpu: false }
  const words = (restores: boolean | undefined, hasRun: boolean): string =>
    route({
      ...ask([], {}, { hasRun }),
      worker: restores === undefined ? worker : { ...worker, restores },
    }).reasons.join(' ')
  assert.match(words(undefined, true), /starts anew there: its variables will be empty\.$/)
  assert.match(words(true, false), /will be empty\.$/)
  assert.match(words(true, true), /goes on there from what was saved of it, if something was\.$/)
  assert.match(words(false, true), /will be empty\. .*`meshbook compute restoring on`\.$/)
})

test('RT19 who gets a run without the variables of its session is said to have none', () => {
  assert.match(said(decide([device(1)])), /first run of its session/)
  assert.match(said(decide([device(1)], {}, { hasRun: true })), /starts anew on Device 1: its variables will be empty/)
  assert.doesNotMatch(said(decide([device(1)], {}, { holder: id(1), hasRun: true })), /empty/)
})
