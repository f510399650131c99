import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MeshError } from '@meshbook/core/errors.ts'
import { foldWorkflow, stepAt } from '@meshbook/core/workflow/workflow-state.ts'
import { StepFailure } from './ports.ts'
import { type Behaviour, failing, WorkflowWorld, type WorldOptions } from './testing/workflow-world.ts'

function worldOf(steps: string, options: Partial<WorldOptions> & { head?: string } = {}): WorkflowWorld {
  const { head = '', files = {}, ...rest } = options
  const text = `meshbook: workflow/v1\nname: w\n${head}\nsteps:\n${steps.replace(/^/gm, '  ')}\n`
  return new WorkflowWorld({ files: { 'w.workflow.yaml': text, ...files }, ...rest })
}

function outputOf(world: WorkflowWorld): unknown {
  const { ended } = foldWorkflow(world.log)
  assert.ok(ended, 'it has not ended')
  const { output } = ended
  if (!output) return undefined
  return 'value' in output ? output.value : JSON.parse(Buffer.from(world.assets.get(output.asset)!).toString())
}

function outcomeOf(world: WorkflowWorld, path: string): string | undefined {
  const event = world.events.find(one => one.type === 'step-ended' && one.path === path)
  return event?.type === 'step-ended' ? event.outcome : undefined
}

function errorOf(world: WorkflowWorld, path: string): string | undefined {
  const event = world.events.find(one => one.type === 'step-ended' && one.path === path)
  return event?.type === 'step-ended' ? `${event.error?.code}: ${event.error?.message}` : undefined
}

test('WF30 needs give the order; what they do not forbid runs at once; results are there for those behind', async () => {
  const world = worldOf(`a: { notify: { title: A } }
b: { notify: { title: B } }
c: { needs: [a, b], transform: 'steps.a.output.title + steps.b.output.title' }`)
  const { status } = await world.start()
  assert.equal(status, 'ended')
  assert.deepEqual(outputOf(world), { a: { title: 'A' }, b: { title: 'B' }, c: 'AB' })
  assert.deepEqual(world.types().slice(0, 3), ['began', 'attempt-began', 'attempt-began'])
  assert.deepEqual(world.types().slice(-2), ['ended', 'completed'])
})

test('WF31 a step whose "if" is false is skipped, and what needs it goes on; a failed need blocks', async () => {
  const world = worldOf(
    `a: { if: 'inputs.n > 1', notify: { title: A } }
b: { needs: a, transform: 'steps.a.output == null' }
c: { notify: { title: C } }
d: { needs: c, notify: { title: D } }
e: { needs: d, notify: { title: E } }`,
    {
      head: 'inputs: { n: { type: number, default: 1 } }',
      behaviour: async ({ path }) => {
        if (path === 'c') throw new StepFailure('BAD_REQUEST', 'no', { known: true, mayRetry: false })
        return { output: null }
      },
    },
  )
  await world.start()
  assert.deepEqual(
    ['a', 'b', 'c', 'd', 'e'].map(id => outcomeOf(world, id)),
    ['skipped', 'succeeded', 'failed', 'blocked', 'blocked'],
  )
  assert.equal(world.types().at(-1), 'failed')
})

test('WF32 on_error: continue goes on without a result; a step that is the way out runs instead', async () => {
  const world = worldOf(
    `a: { on_error: continue, notify: { title: A } }
b: { needs: a, transform: 'steps.a.error.code' }
c: { on_error: mend, notify: { title: C } }
d: { needs: c, notify: { title: D } }
mend: { transform: 'steps.c.error.message' }
calm: { on_error: other, transform: '1' }
other: { transform: '2' }`,
    { behaviour: failing(2, new StepFailure('BAD_REQUEST', 'no', { known: true, mayRetry: false })) },
  )
  await world.start()
  assert.equal(world.types().at(-1), 'completed')
  assert.deepEqual(outputOf(world), { b: 'BAD_REQUEST', mend: 'no', calm: 1 })
  assert.equal(outcomeOf(world, 'd'), 'blocked')
  assert.equal(outcomeOf(world, 'other'), 'skipped')
})

test('WF33 retries wait with back-off and jitter; a known failure makes a new key, an unknown one keeps it', async () => {
  const step = `a: { retry: { attempts: 4, initial: 1s, jitter: false }, notify: { title: A } }`
  for (const known of [true, false]) {
    const world = worldOf(step, {
      behaviour: failing(3, new StepFailure('UNREACHABLE', 'x', { known, mayRetry: true })),
    })
    await world.start()
    assert.deepEqual(
      world.executions.map(({ key }) => key),
      known ? ['run_1/a/1', 'run_1/a/2', 'run_1/a/3', 'run_1/a/4'] : Array(4).fill('run_1/a/1'),
    )
    const waits = world.log.flatMap(event =>
      event.type === 'workflow' && event.event.type === 'attempt-failed' ? [event.event.retryAt - event.at] : [],
    )
    assert.deepEqual(waits, [1_000, 2_000, 4_000])
    assert.equal(world.types().at(-1), 'completed')
  }
})

test('WF33 backoff: constant, defaults.retry, and what need not be tried again', async () => {
  const constant = worldOf('a: { notify: { title: A } }', {
    head: 'defaults: { retry: { attempts: 3, backoff: constant, initial: 5s, jitter: true } }',
    behaviour: failing(5),
    random: () => 0,
  })
  await constant.start()
  const waits = constant.log.flatMap(event =>
    event.type === 'workflow' && event.event.type === 'attempt-failed' ? [event.event.retryAt - event.at] : [],
  )
  assert.deepEqual(waits, [2_500, 2_500])
  assert.equal(errorOf(constant, 'a'), 'UNREACHABLE: it is not there')
  const never = worldOf('a: { retry: { attempts: 3 }, notify: { title: A } }', {
    behaviour: failing(5, new StepFailure('BAD_REQUEST', 'x', { known: true, mayRetry: false })),
  })
  await never.start()
  assert.equal(never.executions.length, 1)
})

test('WF34 a step that takes too long is cut off, tried again with the same key, and fails', async () => {
  const world = worldOf('a: { timeout: 30s, retry: { attempts: 2 }, notify: { title: A } }', {
    behaviour: ({ signal }, { time }) => time.sleep(3_600_000, signal).then(() => ({ output: 1 })),
  })
  await world.start()
  assert.equal(errorOf(world, 'a'), 'TIMEOUT: it took longer than 30 s')
  assert.deepEqual(
    world.executions.map(({ key }) => key),
    ['run_1/a/1', 'run_1/a/1'],
  )
})

test('WF34 the time-out of a map ends all that goes on in it', async () => {
  const world = worldOf(
    'a: { timeout: 10s, on_error: continue, map: { over: [1, 2], steps: { b: { notify: { title: B } } } } }\nc: { needs: a, transform: steps.a.error.code }',
    {
      behaviour: ({ signal }, { time }) => time.sleep(3_600_000, signal).then(() => ({ output: 1 })),
    },
  )
  await world.start()
  assert.deepEqual(outputOf(world), { c: 'TIMEOUT' })
  assert.ok(world.executions.every(({ signal }) => signal.aborted))
})

test('WF35 map runs its steps for each item, no more at once than max_parallel, and keeps the order', async () => {
  let now = 0
  let most = 0
  const behaviour: Behaviour = async ({ input, signal }, { time }) => {
    most = Math.max(most, ++now)
    await time.sleep(100 - 10 * Number((input as { title: string }).title), signal)
    now--
    return { output: input }
  }
  const world = worldOf(
    `a: { map: { over: '\${{ inputs.l }}', max_parallel: 3, steps: { b: { notify: { title: '\${{ item }}', text: '\${{ index }}' } } }, output: '\${{ steps.b.output.title }}' } }`,
    { head: 'inputs: { l: { type: list } }', behaviour },
  )
  await world.start({ l: [0, 1, 2, 3, 4, 5, 6] })
  assert.deepEqual(outputOf(world), { a: [0, 1, 2, 3, 4, 5, 6] })
  assert.equal(most, 3)
  assert.deepEqual(world.executions[4]!.input, { title: 4, text: 4 })
  assert.ok(world.executions.every(({ path }) => /^a\[\d\]\.b$/.test(path)))
})

test('WF35 a map whose item fails begins no more items and fails; an empty list is an empty result', async () => {
  const world = worldOf('a: { map: { over: [1, 2, 3, 4], max_parallel: 2, steps: { b: { notify: { title: B } } } } }', {
    behaviour: async ({ path }) => {
      if (path === 'a[1].b') throw new StepFailure('BAD_REQUEST', 'no', { known: true, mayRetry: false })
      return { output: 1 }
    },
  })
  await world.start()
  assert.equal(errorOf(world, 'a'), 'BAD_REQUEST: a[1].b: no')
  assert.ok(!world.executions.some(({ path }) => path === 'a[3].b'))
  const empty = worldOf('a: { map: { over: [], steps: { b: { notify: { title: B } } } } }')
  await empty.start()
  assert.deepEqual(outputOf(empty), { a: [] })
})

test('WF36 repeat goes on until its condition holds, or fails after max rounds', async () => {
  const steps = (max: number) =>
    `a: { repeat: { max: ${max}, until: 'steps.b.output.title >= 3', steps: { b: { notify: { title: '\${{ round }}' } } }, output: '\${{ steps.b.output.title }}' } }`
  const world = worldOf(steps(5))
  await world.start()
  assert.deepEqual(outputOf(world), { a: 3 })
  assert.deepEqual(
    world.executions.map(({ path }) => path),
    ['a[0].b', 'a[1].b', 'a[2].b'],
  )
  const short = worldOf(steps(2))
  await short.start()
  assert.equal(errorOf(short, 'a'), 'NOT_REACHED: "until" was not true after 2 rounds')
})

test('WF37 a workflow is a step of another: its inputs are checked, its output is the result', async () => {
  const child = `meshbook: workflow/v1
name: child
inputs: { n: { type: number }, m: { type: number, default: 2 } }
steps: { x: { notify: { title: '\${{ inputs.n * inputs.m }}' } } }
output: '\${{ steps.x.output.title }}'`
  const world = worldOf(`a: { workflow: { file: child.yaml, inputs: { n: '\${{ 20 + 1 }}' } } }`, {
    files: { 'child.yaml': child },
  })
  await world.start()
  assert.deepEqual(outputOf(world), { a: 42 })
  assert.equal(world.executions[0]!.path, 'a.x')
  const wrong = worldOf('a: { workflow: { file: child.yaml, inputs: { n: many } } }', {
    files: { 'child.yaml': child },
  })
  await wrong.start()
  assert.equal(errorOf(wrong, 'a'), 'EXPRESSION: the input "n" of child is no number')
})

test('WF40 a gate shows its text with a digest; the first valid decision counts, others are dropped', async () => {
  const world = worldOf(
    `a: { gate: { ask: 'Go \${{ 1 + 1 }}?', show: all of it } }\nb: { needs: a, transform: steps.a.output }`,
  )
  const first = await world.start()
  assert.equal(first.status, 'waits')
  const opened = world.events.find(({ type }) => type === 'gate-opened')!
  assert.ok(opened.type === 'gate-opened')
  assert.equal(opened.shown, 'Go 2?\n\nall of it')
  const decision = {
    type: 'decide',
    gate: opened.gate,
    digest: opened.digest,
    by: 'ada',
    choice: null,
    form: null,
    comment: null,
  } as const
  world.send({ ...decision, digest: 'f'.repeat(64), verdict: 'rejected' })
  world.send({ ...decision, choice: 'red', verdict: 'approved' })
  world.send({ ...decision, verdict: 'approved' })
  world.send({ ...decision, verdict: 'rejected', by: 'bob' })
  const end = await world.resume()
  assert.equal(end.status, 'ended')
  assert.deepEqual(
    world.types().filter(type => type === 'dropped' || type === 'gate-decided'),
    ['dropped', 'dropped', 'gate-decided', 'dropped'],
  )
  assert.deepEqual((outputOf(world) as { b: unknown }).b, {
    decision: 'approved',
    by: 'ada',
    choice: null,
    form: null,
    comment: null,
  })
})

test('WF40 choices and forms are checked; a rejection fails the step', async () => {
  const choices = worldOf(`a: { gate: { ask: Which?, choices: [red, blue] } }`)
  await choices.start()
  const { digest } = choices.events.find(({ type }) => type === 'gate-opened') as { digest: string }
  const decision = { type: 'decide', gate: 'gate_1', digest, by: null, form: null, comment: null } as const
  choices.send({ ...decision, verdict: 'approved', choice: null })
  choices.send({ ...decision, verdict: 'approved', choice: 'green' })
  choices.send({ ...decision, verdict: 'approved', choice: 'blue' })
  await choices.resume()
  assert.equal((outputOf(choices) as { a: { choice: string } }).a.choice, 'blue')
  const form = worldOf(
    `a: { gate: { ask: How many?, form: { type: object, required: [n], properties: { n: { type: integer } } } } }`,
  )
  await form.start()
  const asked = form.events.find(({ type }) => type === 'gate-opened') as { digest: string }
  const answer = { ...decision, digest: asked.digest, verdict: 'approved', choice: null } as const
  form.send({ ...answer, form: { n: 'x' } })
  form.send({ ...answer, form: { n: 3 } })
  await form.resume()
  assert.deepEqual((outputOf(form) as { a: { form: unknown } }).a.form, { n: 3 })
  const no = worldOf(`a: { gate: { ask: Go? } }`)
  await no.start()
  const shown = no.events.find(({ type }) => type === 'gate-opened') as { digest: string }
  no.send({ ...decision, digest: shown.digest, verdict: 'rejected', choice: null, comment: 'too early' })
  await no.resume()
  assert.equal(errorOf(no, 'a'), 'GATE_REJECTED: rejected: too early')
})

test('WF41 a gate that nobody decides in time is rejected, approved or failed, as the file says, after a restart too', async () => {
  const expected = {
    reject: 'GATE_REJECTED: nobody decided in time',
    fail: 'GATE_EXPIRED: nobody decided in time',
    approve: undefined,
  }
  for (const [policy, error] of Object.entries(expected)) {
    const world = worldOf(`a: { gate: { ask: Go?, timeout: 24h, on_timeout: ${policy} } }`)
    await world.start()
    const { status } = await world.resume({ waiting: 'stay' })
    assert.equal(status, 'ended')
    assert.ok(world.time.clock() >= 24 * 3_600_000)
    if (error) assert.equal(errorOf(world, 'a'), error)
    else assert.equal((outputOf(world) as { a: { decision: string } }).a.decision, 'approved')
  }
})

test('WF42 wait: for a time, for a signal, for a signal within a time; a signal is heard once', async () => {
  const world = worldOf(`a: { wait: { for: 7d } }
b: { needs: a, wait: { signal: go } }
c: { needs: a, wait: { signal: go } }
d: { on_error: continue, wait: { signal: never, for: 1h } }
e: { needs: d, transform: steps.d.error.code }`)
  world.send({ type: 'signal', name: 'go', value: 1 })
  world.send({ type: 'signal', name: 'go', value: 2 })
  await world.start({}, { waiting: 'stay' })
  assert.deepEqual(outputOf(world), { a: null, b: 1, c: 2, e: 'TIMEOUT' })
  assert.ok(world.time.clock() >= 7 * 86_400_000)
})

test('WF42 no timer is longer than a system takes: months are waited for in pieces', async () => {
  const world = worldOf('a: { wait: { for: 40d } }\nb: { timeout: 40d, notify: { title: B } }')
  const asked: number[] = []
  const sleep = world.time.sleep
  world.time.sleep = (ms, signal) => {
    asked.push(ms)
    return sleep(ms, signal)
  }
  await world.start()
  assert.ok(world.time.clock() >= 40 * 86_400_000)
  assert.ok(Math.max(...asked) < 2 ** 31)
})

test('WF43 cancelling ends the whole tree with one terminal event', async () => {
  const world = worldOf(
    'a: { map: { over: [1, 2, 3], steps: { b: { repeat: { max: 2, until: "true", steps: { c: { notify: { title: C } } } } } } } }\nd: { needs: a, notify: { title: D } }',
    {
      behaviour: async ({ signal, path }, { time }) => {
        if (path === 'a[1].b[0].c') world.send({ type: 'cancel', by: 'ada', reason: 'enough' })
        await time.sleep(60_000, signal)
        return { output: 1 }
      },
    },
  )
  const { status } = await world.start({}, { waiting: 'stay' })
  assert.equal(status, 'ended')
  assert.deepEqual(world.types().slice(-2), ['ended', 'cancelled'])
  assert.ok(world.executions.every(({ signal }) => signal.aborted))
  assert.equal(world.types().filter(type => type === 'cancelled').length, 1)
})

const priced: Pick<WorldOptions, 'estimate' | 'behaviour'> = {
  estimate: () => 1_000_000,
  behaviour: async (_execution, { time }) => {
    await time.sleep(10, new AbortController().signal)
    return { output: 1, microUsd: 400_000 }
  },
}
const five = ['a', 'b', 'c', 'd', 'e'].map(id => `${id}: { notify: { title: ${id} } }`).join('\n')

test('WF50 a budget is held before a call: what others hold may come back, what is spent does not', async () => {
  const world = worldOf(five, { head: 'budget: { usd: 2 }', ...priced })
  await world.start()
  const state = foldWorkflow(world.log)
  assert.ok(state.spent <= 2_000_000)
  assert.equal(world.executions.length, 3)
  assert.equal(state.spent, 1_200_000)
  assert.match(errorOf(world, 'd')!, /^BUDGET_REACHED: it may cost \$1\.00, and \$0\.80 of \$2\.00 are left$/)
})

test('WF51 on_exceed: pause waits until the budget is raised; warn goes on and says so', async () => {
  const paused = worldOf(five, { head: 'budget: { usd: 2, on_exceed: pause }', ...priced })
  const first = await paused.start()
  assert.ok(first.status === 'waits')
  assert.deepEqual(first.waits, ['budget'])
  paused.send({ type: 'budget', microUsd: 5_000_000, by: 'ada' })
  assert.equal((await paused.resume()).status, 'ended')
  assert.equal(foldWorkflow(paused.log).spent, 2_000_000)
  const warned = worldOf(five, { head: 'budget: { usd: 2, on_exceed: warn }', ...priced })
  await warned.start()
  assert.equal(warned.executions.length, 5)
  assert.ok(warned.types().includes('notice'))
})

test('WF52 with a budget, what nobody knows the price of is refused; without one it is not', async () => {
  const unknown = worldOf('a: { notify: { title: A } }', { head: 'budget: { usd: 2 }', estimate: () => 'unknown' })
  await unknown.start()
  assert.match(errorOf(unknown, 'a')!, /^BUDGET_REACHED/)
  const free = worldOf('a: { notify: { title: A } }', { estimate: () => 'unknown' })
  await free.start()
  assert.equal(outcomeOf(free, 'a'), 'succeeded')
})

test('WF53 concurrency: the key is evaluated and entered before the first step; a refusal ends the run', async () => {
  const asked: unknown[] = []
  const head = `inputs: { r: { type: string } }\nconcurrency: { key: 'k-\${{ inputs.r }}', limit: 2, on_conflict: reject }`
  const options = (answer: 'entered' | 'refused'): Partial<WorldOptions> & { head: string } => ({
    head,
    concurrency: {
      enter: async place => {
        asked.push(place)
        return answer
      },
    },
  })
  const entered = worldOf('a: { notify: { title: A } }', options('entered'))
  await entered.start({ r: 'eu' })
  assert.deepEqual(asked[0], { key: 'w/k-eu', limit: 2, onConflict: 'reject' })
  assert.deepEqual(entered.types().slice(0, 4), ['began', 'queued', 'admitted', 'attempt-began'])
  const refused = worldOf('a: { notify: { title: A } }', options('refused'))
  await refused.start({ r: 'eu' })
  assert.equal(refused.executions.length, 0)
  assert.equal(refused.types().at(-1), 'failed')
})

test('WF53 a run that is cancelled while it waits for its place ends, and waits no longer', async () => {
  let waited: AbortSignal | undefined
  const world = worldOf('a: { notify: { title: A } }', {
    head: 'concurrency: { key: k }',
    concurrency: {
      enter: (_place, signal) => {
        waited = signal
        world.send({ type: 'cancel', by: null, reason: 'enough' })
        return new Promise(() => undefined)
      },
    },
  })
  await world.start()
  assert.equal(world.types().at(-1), 'cancelled')
  assert.ok(waited?.aborted)
})

test('WF60 inputs stand in the log, so they are small', async () => {
  const child =
    'meshbook: workflow/v1\nname: child\ninputs: { t: { type: string } }\nsteps: { x: { transform: inputs.t } }'
  const steps = `a: { notify: { title: A } }\nb: { needs: a, workflow: { file: child.yaml, inputs: { t: '\${{ steps.a.output }}' } } }`
  const world = worldOf(steps, {
    files: { 'child.yaml': child },
    behaviour: async () => ({ output: 'x'.repeat(100_000) }),
  })
  await world.start()
  assert.equal(errorOf(world, 'b'), 'EXPRESSION: the inputs of child are larger than 64 KiB')
})

test('WF60 a result above 64 KiB is an asset, and is there for expressions after a restart', async () => {
  const world = worldOf(
    `a: { notify: { title: A } }\nb: { needs: a, gate: { ask: Go? } }\nc: { needs: b, transform: 'size(steps.a.output)' }`,
    {
      behaviour: async () => ({ output: 'x'.repeat(100_000) }),
    },
  )
  await world.start()
  const ended = world.events.find(one => one.type === 'step-ended')!
  assert.ok(ended.type === 'step-ended' && ended.output && 'asset' in ended.output)
  const { digest } = world.events.find(({ type }) => type === 'gate-opened') as { digest: string }
  world.send({
    type: 'decide',
    gate: 'gate_1',
    digest,
    verdict: 'approved',
    by: null,
    choice: null,
    form: null,
    comment: null,
  })
  await world.resume()
  assert.equal((outputOf(world) as { c: number }).c, 100_000)
})

test('WF61 what was interrupted is begun again with its key, and costs what was held; ten times is enough', async () => {
  const world = worldOf('a: { notify: { title: A } }', { ...priced, head: 'budget: { usd: 20 }' })
  for (let i = 0; i < 10; i++) {
    world.crashAfter = 2
    await assert.rejects(i === 0 ? world.start() : world.resume())
    world.crashAfter = Number.POSITIVE_INFINITY
  }
  await world.resume()
  const state = foldWorkflow(world.log)
  assert.ok(new Set(world.executions.map(({ key }) => key)).size === 1)
  assert.equal(errorOf(world, 'a'), 'INTERRUPTED: it was interrupted 10 times')
  assert.equal(state.spent, 10_000_000)
})

test('WF62 a fork keeps results, and does the rest', async () => {
  const world = worldOf(`a: { notify: { title: A } }\nb: { needs: a, transform: steps.a.output }`)
  world.log.push(
    {
      type: 'workflow',
      at: 1,
      event: {
        type: 'began',
        name: 'w',
        definition: world.definitions.hash,
        children: [],
        inputs: {},
        forkedFrom: { run: 'run_0', step: 'b' },
      },
    },
    { type: 'workflow', at: 1, event: { type: 'kept', path: 'a', outcome: 'succeeded', output: { value: 7 } } },
  )
  await world.resume()
  assert.deepEqual(outputOf(world), { a: 7, b: 7 })
  assert.equal(world.executions.length, 0)
  assert.equal(stepAt(foldWorkflow(world.log), 'a')!.status, 'ended')
})

test('WF63 what a step prints is in the log; what comes after its end is not', async () => {
  const world = worldOf('a: { notify: { title: A } }', {
    behaviour: async ({ emit }) => {
      emit('half way')
      setTimeout(() => emit('too late'), 20)
      return { output: 1 }
    },
  })
  await world.start()
  await new Promise(resolve => setTimeout(resolve, 40))
  assert.deepEqual(
    world.events.flatMap(one => (one.type === 'printed' ? [one.text] : [])),
    ['half way'],
  )
})

test('WF66 an attempt whose work goes on elsewhere is the same attempt for whoever goes on, with what is left of its time', async () => {
  const reasons: unknown[] = []
  const world = worldOf(
    'each: { map: { over: [1], steps: { a: { timeout: 10s, cell: { language: x, code: y } } } } }',
    {
      goesOn: kind => kind === 'cell',
      estimate: () => 100,
      behaviour: async ({ signal }, { time, executions }) => {
        signal.addEventListener('abort', () => reasons.push((signal.reason as MeshError).code))
        await time.sleep(executions.length < 3 ? 60_000 : 1_000, signal)
        return { output: 'done', microUsd: 40 }
      },
    },
  )
  for (let life = 0; life < 2; life++) {
    const stop = new AbortController()
    const running = life === 0 ? world.start({}, { signal: stop.signal }) : world.resume({ signal: stop.signal })
    world.time.sleep(2_000, stop.signal).then(
      () => stop.abort(),
      () => undefined,
    )
    assert.equal((await running).status, 'stopped')
  }
  assert.deepEqual(reasons, ['SHUTTING_DOWN', 'SHUTTING_DOWN'])
  assert.equal((await world.resume()).status, 'ended')
  const [first, second, third] = world.executions
  assert.deepEqual(
    [first, second, third].map(one => [one!.path, one!.attempt]),
    Array.from({ length: 3 }, () => ['each[0].a', 1]),
  )
  assert.equal(first!.timeoutMs, 10_000)
  assert.ok(second!.timeoutMs <= 8_000 && third!.timeoutMs <= 6_000)
  assert.equal(world.types().filter(type => type === 'attempt-began').length, 1)
  assert.ok(!world.types().includes('attempt-interrupted'))
  const spent = world.events.reduce((sum, event) => sum + ('microUsd' in event ? (event.microUsd ?? 0) : 0), 0)
  assert.equal(spent, 40)
})

test('WF64 when the engine is stopped nothing is lost: the run goes on from its log', async () => {
  const world = worldOf('a: { notify: { title: A } }\nb: { needs: a, notify: { title: B } }', {
    behaviour: async ({ signal, input }, { time }) => {
      await time.sleep(50, signal)
      return { output: input }
    },
  })
  const stop = new AbortController()
  const running = world.start({}, { signal: stop.signal })
  setImmediate(() => stop.abort())
  assert.equal((await running).status, 'stopped')
  assert.equal((await world.resume()).status, 'ended')
  assert.equal(world.types().filter(type => type === 'step-ended').length, 2)
})
