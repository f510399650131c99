import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { type TaskEvent, taskEventSchema } from '@meshbook/core/task-events.ts'
import fc from 'fast-check'
import * as v from 'valibot'
import { questionOf } from './approval.ts'
import { Controls } from './controls.ts'
import { conversation, fold } from './fold.ts'
import { ModelError, type ModelRequest } from './model.ts'
import { mayHaveHappened, runAgent } from './run-agent.ts'
import { lastResults, quickTime, type Said, type Scene, scene, textTool, turnOf } from './testing/agent-scene.ts'

const echo = () => textTool('echo', text => ({ ok: true, content: `echo ${text}` }))
const call = (tool: string, text: string) => ({ tool, input: JSON.stringify({ text }) })
const types = (events: readonly TaskEvent[]) => events.map(({ type }) => type)

/** Goes on from what is in the log of a scene, as another worker would. */
function again(before: Scene, events: readonly TaskEvent[] = before.log.events): Scene {
  const next = scene(() => ({}), { ...before, events, controls: new Controls() })
  return Object.assign(next, { assets: before.assets, model: before.model, chain: before.chain })
}

test('it asks, runs tools, appends, and repeats until it is done', async () => {
  const tool = echo()
  const s = scene(
    request =>
      turnOf(request) === 0
        ? { say: 'Look.', calls: [call('echo', 'a'), call('echo', 'b')] }
        : { say: lastResults(request).join() },
    { tools: [tool] },
  )
  assert.deepEqual(await runAgent(s), { as: 'done', text: 'echo a,echo b' })
  assert.deepEqual(types(s.log.events), [
    ...['heard', 'turn-began', 'said', 'turn-ended'],
    ...['tool-began', 'tool-ended', 'tool-began', 'tool-ended'],
    ...['turn-began', 'said', 'turn-ended'],
  ])
  for (const event of s.log.events) v.parse(taskEventSchema, event)
})

test('AL1 the log cut anywhere, folded and gone on from ends as if it had not been cut', async () => {
  const turns = fc.array(fc.record({ say: fc.string(), calls: fc.array(fc.string(), { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(turns, fc.nat(), fc.nat(), async (plan, first, second) => {
      const script = (request: ModelRequest): Said => {
        const turn = plan[turnOf(request)]
        return turn ? { say: turn.say, calls: turn.calls.map(text => call('echo', text)) } : { say: 'end' }
      }
      const whole = scene(script, { tools: [echo()] })
      const end = await runAgent(whole)
      let events: readonly TaskEvent[] = whole.log.events
      for (const at of [first, second]) {
        const kept = events.slice(0, at % (events.length + 1))
        const next = again(whole, kept)
        assert.deepEqual(await runAgent(next), end)
        events = [...kept, ...next.log.events]
        const [one, other] = [fold(whole.log.events, new Map()), fold(events, new Map())]
        assert.deepEqual({ ...other, model: '' }, { ...one, model: '' })
      }
    }),
    { numRuns: 60 },
  )
})

test('AL2 an answer whose tools did not all end goes on from the first that has not, and is not paid again', async () => {
  const tool = echo()
  const s = scene(
    request =>
      turnOf(request) === 0
        ? { calls: ['a', 'b', 'c'].map(text => call('echo', text)) }
        : { say: lastResults(request).join() },
    { tools: [tool] },
  )
  await runAgent(s)
  const cut = s.log.events.findIndex(event => event.type === 'tool-ended') + 1
  const next = again(s, s.log.events.slice(0, cut))
  assert.deepEqual(await runAgent(next), { as: 'done', text: 'echo a,echo b,echo c' })
  assert.deepEqual(
    tool.ran,
    [0, 1, 2, 1, 2].map(at => questionOf(1, `call_0_${at}`)),
  )
  assert.equal(s.model.requests.length, 3)
})

test('AL3 a turn that did not end is asked again under its number', async () => {
  const s = scene(() => ({ say: 'whole' }))
  s.log.onWrite = event => {
    if (event.type === 'said') throw new Error('the worker is gone')
  }
  await assert.rejects(runAgent(s), /gone/)
  const next = again(s)
  assert.deepEqual(await runAgent(next), { as: 'done', text: 'whole' })
  assert.deepEqual(
    next.log.events.map(event => ('turn' in event ? event.turn : 0)),
    [1, 1, 1],
  )
  assert.deepEqual(conversation(fold([...s.log.events, ...next.log.events], new Map())).length, 2)
})

test('AL4 a call with effects that was cut is not run again, and the model is told', async () => {
  const s = scene(request =>
    turnOf(request) === 0 ? { calls: [call('act', 'a')] } : { say: lastResults(request).join() },
  )
  const act = textTool('act', () => assert.fail('the worker is gone'), { hasEffects: true })
  s.tools = [act]
  s.log.onWrite = event => {
    if (event.type === 'tool-ended') throw new Error('the worker is gone')
  }
  await assert.rejects(runAgent(s), /gone/)
  const next = again(
    s,
    s.log.events.filter(({ type }) => type !== 'tool-ended'),
  )
  assert.deepEqual(await runAgent(next), { as: 'done', text: mayHaveHappened })
  assert.equal(act.ran.length, 1)
})

test('AL4, AL47 a call that goes on outside is asked for again under the same question, and nobody is asked again', async () => {
  const s = scene(request =>
    turnOf(request) === 0 ? { calls: [call('cell', 'a')] } : { say: lastResults(request).join() },
  )
  const cell = textTool('cell', text => ({ ok: true, content: `ran ${text}` }), {
    ...{ hasEffects: true, resumes: true, rule: 'ask' },
  })
  s.tools = [cell]
  await runAgent(s)
  assert.equal(s.people.asked.length, 1)
  const events = s.log.events.slice(
    0,
    s.log.events.findIndex(({ type }) => type === 'tool-ended'),
  )
  const next = again(s, events)
  assert.deepEqual(await runAgent(next), { as: 'done', text: 'ran a' })
  assert.deepEqual(cell.ran, [questionOf(1, 'call_0_0'), questionOf(1, 'call_0_0')])
  assert.equal(next.people.asked.length, 0)
  // One that had not begun was not agreed to as far as the log says.
  const before = again(
    s,
    events.slice(
      0,
      events.findIndex(({ type }) => type === 'tool-began'),
    ),
  )
  await runAgent(before)
  assert.equal(before.people.asked.length, 1)
})

test('AL5 what led to an effect is durable before it happens', async () => {
  const s = scene(request => (turnOf(request) === 0 ? { calls: [call('act', 'a')] } : { say: 'ok' }))
  const durable: number[] = []
  s.tools = [
    textTool(
      'act',
      () => {
        durable.push(s.log.durable - s.log.events.length)
        return { ok: true, content: '' }
      },
      { hasEffects: true },
    ),
  ]
  await runAgent(s)
  assert.deepEqual(durable, [0])
})

test('AL6 a large answer is an asset, and a fold without it fails', async () => {
  const s = scene(
    request => (turnOf(request) === 0 ? { say: 'x'.repeat(300_000), calls: [call('echo', 'a')] } : { say: 'ok' }),
    { tools: [echo()] },
  )
  await runAgent(s)
  assert.equal(s.assets.stored.size, 1)
  assert.throws(() => fold(s.log.events, new Map()), { code: 'NOT_FOUND' })
  const cut = s.log.events.findIndex(({ type }) => type === 'turn-ended') + 1
  assert.deepEqual(await runAgent(again(s, s.log.events.slice(0, cut))), { as: 'done', text: 'ok' })
})

test('AL12, AL14 each try is in the log with its model, and why there was another', async () => {
  let tries = 0
  const s = scene(() => {
    if (tries++ < 2) throw new ModelError('busy', 'Overloaded', { retryAfterMs: 9_000 })
    return { say: 'ok' }
  })
  await runAgent(s)
  assert.deepEqual(types(s.log.events), [
    'heard',
    'turn-began',
    'notice',
    'turn-began',
    'notice',
    'turn-began',
    'said',
    'turn-ended',
  ])
  assert.ok(
    s.log.events.some(event => event.type === 'notice' && /Overloaded; m is asked again in 9 s/.test(event.text)),
  )
})

test('AL12 a model that stays broken fails the task with what it said', async () => {
  const s = scene(() => {
    throw new ModelError('busy', 'Overloaded')
  })
  const end = await runAgent(s)
  assert.ok(end.as === 'failed' && /Overloaded/.test(end.error.message))
  assert.equal(s.model.requests.length, limits.modelTries)
})

test('AL13 a budget that is used up at the provider is a limit', async () => {
  const s = scene(() => {
    throw new ModelError('budget', 'The budget of this task is used up.')
  })
  assert.deepEqual(await runAgent(s), { as: 'limit', limit: 'cost', reason: 'The budget of this task is used up.' })
})

test('AL17 an answer that was cut at its length is kept, and goes on', async () => {
  const s = scene(request => (turnOf(request) === 0 ? { say: 'half', stop: 'length' } : { say: 'rest' }))
  assert.deepEqual(await runAgent(s), { as: 'done', text: 'rest' })
  assert.deepEqual(
    s.model.requests[1]!.messages.map(({ role }) => role),
    ['user', 'agent', 'user'],
  )
})

const forever =
  (change: Partial<Said> = {}) =>
  (request: ModelRequest) => ({ calls: [call('echo', `${turnOf(request)}`)], ...change })

for (const [limit, budget] of [
  ['turns', { turns: 3 }],
  ['tokens', { tokens: 100 }],
  ['cost', { microUsd: 25 }],
] as const)
  test(`AL20 ${limit} have a limit, also after a restart`, async () => {
    const s = scene(forever(), { tools: [echo()], budget })
    const end = await runAgent(s)
    assert.ok(end.as === 'limit' && end.limit === limit)
    const asked = s.model.requests.length
    assert.deepEqual(await runAgent(again(s)), end)
    assert.equal(s.model.requests.length, asked)
  })

test('AL20 time ends a tool that is going on', async () => {
  const slow = textTool('slow', async (_, { signal }) => {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    return { ok: true, content: '' }
  })
  const time = {
    ...quickTime(),
    sleep: async (ms: number) => void (await new Promise(resolve => setTimeout(resolve, ms / 1_000))),
  }
  const s = scene(() => ({ calls: [call('slow', 'a')] }), { tools: [slow], budget: { minutes: 1 }, time })
  const end = await runAgent(s)
  assert.ok(end.as === 'limit' && end.limit === 'time')
  assert.equal(s.log.events.at(-1)?.type, 'tool-ended')
})

for (const circle of [1, 2, 3])
  test(`AL21 a circle of ${circle} is told the third time and ends the fifth`, async () => {
    const tool = echo()
    const s = scene(request => ({ calls: [call('echo', `${turnOf(request) % circle}`)] }), { tools: [tool] })
    const end = await runAgent(s)
    assert.ok(end.as === 'limit' && end.limit === 'loop')
    assert.equal(tool.ran.length, circle * 5)
    const told = s.log.events.filter(event => event.type === 'tool-ended' && event.content.includes('same result'))
    assert.ok(told.length >= 2 * circle && told.length <= 2 * circle + 1, `${told.length}`)
  })

test('AL21 the same call with another result is no circle', async () => {
  const tool = textTool('echo', (_, __, times) => ({ ok: true, content: `${times}` }))
  const s = scene(request => (turnOf(request) < 8 ? { calls: [call('echo', 'same')] } : { say: 'ok' }), {
    tools: [tool],
  })
  assert.equal((await runAgent(s)).as, 'done')
})

test('AL22 a conversation that nears the window is summed up, and the log stays whole', async () => {
  const tool = textTool('echo', text => ({ ok: true, content: `${text} ${'x'.repeat(3_000)}` }))
  const s = scene(
    request => {
      if (request.system.includes('sum up')) return { say: 'SUMMARY' }
      const isSummed = JSON.stringify(request.messages).includes('SUMMARY')
      return isSummed ? { say: 'ok' } : { calls: [call('echo', `${turnOf(request)}`)] }
    },
    { tools: [tool] },
  )
  s.chain = [{ model: s.model, name: 'm', windowTokens: 10_000, maxOutputTokens: 1_000 }]
  assert.deepEqual(await runAgent(s), { as: 'done', text: 'ok' })
  const last = s.model.requests.at(-1)!.messages
  assert.equal(last.length, 1)
  assert.match(JSON.stringify(last), /Mend it\..*SUMMARY/)
  assert.equal(s.log.events.filter(({ type }) => type === 'compacted').length, 1)
  assert.ok(s.log.events.filter(({ type }) => type === 'turn-ended').length > 3)
})

test('AL22 a model that finds the request too long is asked again with a summary, once', async () => {
  let refused = 0
  const s = scene(
    request => {
      if (request.system.includes('sum up')) return { say: 'SUMMARY' }
      if (turnOf(request) === 0 && !JSON.stringify(request.messages).includes('SUMMARY'))
        return { calls: [call('echo', 'a')] }
      refused++
      throw new ModelError('too-long', 'prompt is too long')
    },
    { tools: [echo()] },
  )
  const end = await runAgent(s)
  assert.ok(end.as === 'failed' && refused === 2)
})

test('AL30 a message is heard at the next turn, once, also one that comes with the last answer', async () => {
  const s = scene(
    request => {
      const turn = turnOf(request)
      if (turn === 1) for (let n = 0; n < 2; n++) s.controls.message({ id: 'm1', by: 'eve', text: 'And the docs.' })
      return turn === 0 ? { calls: [call('echo', 'a')] } : { say: `turn ${turn}` }
    },
    { tools: [echo()] },
  )
  assert.deepEqual(await runAgent(s), { as: 'done', text: 'turn 2' })
  assert.deepEqual(
    s.log.events.flatMap(event => (event.type === 'heard' ? [event.id] : [])),
    ['first', 'm1'],
  )
  const next = again(s)
  next.controls.message({ id: 'm1', by: 'eve', text: 'And the docs.' })
  assert.equal((await runAgent(next)).as, 'done')
  assert.deepEqual(next.log.events, [])
})

test('AL31 interrupt cuts an answer, waits for a message, and goes on with it', async () => {
  const s = scene(async (request, signal) => {
    if (JSON.stringify(request.messages).includes('Otherwise')) return { say: 'so be it' }
    setTimeout(() => s.controls.interrupt('ada'), 10)
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    return {}
  })
  s.log.onWrite = event => {
    if (event.type === 'paused') setTimeout(() => s.controls.message({ id: 'm1', by: 'ada', text: 'Otherwise.' }), 10)
  }
  assert.deepEqual(await runAgent(s), { as: 'done', text: 'so be it' })
  assert.deepEqual(types(s.log.events), [
    'heard',
    'turn-began',
    'paused',
    'unpaused',
    'heard',
    'turn-began',
    'said',
    'turn-ended',
  ])
})

test('AL31 interrupt cuts a tool, and what was not begun is answered as not done', async () => {
  const slow = textTool('slow', async (_, { signal }) => {
    s.controls.interrupt('ada')
    s.controls.message({ id: 'm1', by: 'ada', text: 'No.' })
    await new Promise((_, reject) =>
      signal.aborted ? reject(signal.reason) : signal.addEventListener('abort', () => reject(signal.reason)),
    )
    return { ok: true, content: '' }
  })
  const s: Scene = scene(
    request =>
      turnOf(request) === 0
        ? { calls: [call('slow', 'a'), call('slow', 'b')] }
        : { say: lastResults(request).join('|') },
    { tools: [slow] },
  )
  const end = await runAgent(s)
  assert.ok(end.as === 'done')
  assert.match(end.text, /^Cut in its middle: interrupted by ada.*\|Not done: interrupted by ada\.$/)
})

test('AL31 pause lets the step end and waits for continue, also in another worker', async () => {
  const s = scene(
    request => {
      if (turnOf(request) === 0) s.controls.pause('ada')
      return turnOf(request) === 0 ? { calls: [call('echo', 'a')] } : { say: 'ok' }
    },
    { tools: [echo()] },
  )
  s.log.onWrite = event => {
    if (event.type === 'paused') s.controls.stop('the worker')
  }
  assert.equal((await runAgent(s)).as, 'stopped')
  const next = again(s)
  next.controls.message({ id: 'm1', by: 'ada', text: 'Still here?' })
  setTimeout(() => next.controls.continue('ada'), 30)
  assert.equal((await runAgent(next)).as, 'done')
  assert.deepEqual(types(next.log.events).slice(0, 3), ['unpaused', 'tool-began', 'tool-ended'])
})

test('AL32 stop ends what is going on, and the loop', async () => {
  const s = scene(async (_, signal) => {
    setTimeout(() => s.controls.stop('ada'), 10)
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    return {}
  })
  assert.deepEqual(await runAgent(s), { as: 'stopped', by: 'ada' })
})

test('AL33 a tool that is never allowed is not offered, and refused if it is called', async () => {
  const tool = echo()
  const s = scene(
    request => (turnOf(request) === 0 ? { calls: [call('echo', 'a')] } : { say: lastResults(request)[0]! }),
    { tools: [tool], rules: { echo: 'never' } },
  )
  assert.deepEqual(await runAgent(s), { as: 'done', text: 'echo is not allowed in this task.' })
  assert.deepEqual([s.model.requests[0]!.tools, tool.ran], [[], []])
})

for (const [what, decided, said] of [
  [
    'a refusal with its comment',
    { decision: 'rejected', comment: 'not on a Friday' },
    /Refused by ada: not on a Friday/,
  ],
  ['a decision that never came', { decision: 'expired' }, /Nobody decided/],
  ['a decision about other bytes', { digest: '0'.repeat(64) }, /about something else/],
] as const)
  test(`AL34 ${what} is told to the model, and nothing happens`, async () => {
    const tool = echo()
    const s = scene(
      request => (turnOf(request) === 0 ? { calls: [call('echo', 'a')] } : { say: lastResults(request)[0]! }),
      { tools: [tool], rules: { echo: 'ask' } },
    )
    s.people.decide = () => decided
    const end = await runAgent(s)
    assert.ok(end.as === 'done')
    assert.match(end.text, said)
    assert.deepEqual(tool.ran, [])
    assert.equal(s.people.asked[0]!.shown, '{\n  "text": "a"\n}')
  })

test('AL34 what is approved is done; what is too long to be shown whole is refused', async () => {
  const tool = echo()
  const long = 'x'.repeat(limits.gateShownBytes)
  const s = scene(
    request =>
      turnOf(request) === 0
        ? { calls: [call('echo', 'a'), call('echo', long)] }
        : { say: lastResults(request).join('|') },
    { tools: [tool], rules: { echo: 'ask' } },
  )
  const end = await runAgent(s)
  assert.ok(end.as === 'done' && /^echo a\|.*too long to be shown whole/.test(end.text), JSON.stringify(end))
  assert.equal(s.people.asked.length, 1)
})

test('AL34 an approval that waits ends with an interrupt, and nothing happens', async () => {
  const tool = echo()
  const s = scene(
    request => (turnOf(request) === 0 ? { calls: [call('echo', 'a')] } : { say: lastResults(request)[0]! }),
    { tools: [tool], rules: { echo: 'ask' } },
  )
  s.people.decide = (_, signal) => {
    setTimeout(() => s.controls.interrupt('ada'), 5)
    setTimeout(() => s.controls.continue('ada'), 30)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  assert.deepEqual(await runAgent(s), { as: 'done', text: 'Not done: interrupted by ada.' })
  assert.deepEqual(tool.ran, [])
})

test('AL43 long output is shown as beginning and end, and kept whole', async () => {
  const text = `begin ${'ä'.repeat(limits.toolOutputBytes)} end`
  const s = scene(request => (turnOf(request) === 0 ? { calls: [call('echo', 'a')] } : { say: 'ok' }), {
    tools: [textTool('echo', () => ({ ok: true, content: text }))],
  })
  await runAgent(s)
  const ended = s.log.events.find(event => event.type === 'tool-ended')!
  assert.ok(Buffer.byteLength(ended.content) <= limits.toolOutputBytes && !ended.content.includes('\ufffd'))
  assert.match(ended.content, /^begin ä[\s\S]*bytes are left out here[\s\S]*ä end$/)
  assert.equal(Buffer.from(s.assets.stored.get(ended.asset!)!).toString(), text)
})

test('AL44 input that does not fit, a tool that throws and a tool that is not there end no loop', async () => {
  const boom = textTool('boom', () => {
    throw new Error('boom')
  })
  const slow = textTool(
    'slow',
    async (_, { signal }) => {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      return { ok: true, content: '' }
    },
    { mostMs: 20 },
  )
  const calls = [
    { tool: 'boom', input: '{"text": ' },
    { tool: 'boom', input: '{"text":1}' },
    call('boom', 'a'),
    call('gone', 'a'),
    call('slow', 'a'),
  ]
  const s = scene(request => (turnOf(request) === 0 ? { calls } : { say: lastResults(request).join('|') }), {
    tools: [boom, slow],
  })
  const end = await runAgent(s)
  assert.ok(end.as === 'done')
  assert.match(
    end.text,
    /is no JSON.*\|The input does not fit\.\ntext: .*\|boom\|There is no tool gone.*\|It took longer than 0.02 s\./,
  )
})

test('a log that cannot be written ends the worker and not the task', async () => {
  const s = scene(() => ({ say: 'ok' }))
  s.log.flush = async () => {
    throw new Error('the lease is lost')
  }
  await assert.rejects(runAgent(s), /lease is lost/)
})

test('a turn is handed over when all of its tools have ended, once', async () => {
  const turns: number[] = []
  const s = scene(request => (turnOf(request) < 2 ? { calls: [call('echo', `${turnOf(request)}`)] } : { say: 'ok' }), {
    tools: [echo()],
    afterTurn: async (turn, write) => {
      turns.push(turn)
      write({ type: 'checkpoint', turn, commit: 'a'.repeat(40), files: 1, added: 1, removed: 0 })
    },
  })
  await runAgent(s)
  await runAgent(again(s))
  assert.deepEqual(turns, [1, 2, 3])
})

test('AL34 a decision is about one call, also where the model uses an id again', async () => {
  const again = { ...call('echo', 'same'), id: 'call_0' }
  const s = scene(request => (turnOf(request) < 2 ? { calls: [again] } : { say: 'ok' }), {
    tools: [echo()],
    rules: { echo: 'ask' },
  })
  await runAgent(s)
  assert.equal(new Set(s.people.asked.map(question => question.call)).size, 2)
})
