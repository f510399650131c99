import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { startModelServer } from '../../../../../tests/model-server/model-server.ts'
import { inOrder, type Says, type Script } from '../../../../../tests/model-server/script.ts'
import { type Answer, type Message, type Model, ModelError, type Piece } from '../model.ts'
import { AnthropicModel } from './anthropic-model.ts'
import { OpenAiModel } from './openai-model.ts'
import { askPatiently, type ModelChoice, type PatientPart } from './patient-asking.ts'

const wires = ['anthropic', 'openai'] as const
type Wire = (typeof wires)[number]

async function scene(t: TestContext, wire: Wire, script: Script, models?: string[]) {
  const server = await startModelServer({ script, ...(models ? { models } : {}) })
  t.after(() => server.close())
  const options = { fetch, key: server.key, clock: () => 0 }
  const model: Model =
    wire === 'anthropic'
      ? new AnthropicModel({ ...options, baseUrl: server.url })
      : new OpenAiModel({ ...options, baseUrl: `${server.url}/v1` })
  return { server, model }
}

const user: Message = { role: 'user', text: 'Hello' }
const tools = [
  { name: 'read', description: 'Reads.', schema: { type: 'object', properties: { path: { type: 'string' } } } },
]

function question(messages: Message[] = [user], model = 'm') {
  return { model, system: 'You work.', messages, tools, maxOutputTokens: 1_000 }
}

async function ask(model: Model, messages?: Message[], signal = new AbortController().signal) {
  const pieces: Piece[] = []
  let answer: Answer | undefined
  for await (const part of model.stream(question(messages), signal))
    if (part.type === 'answer') answer = part.answer
    else if (part.type === 'piece') pieces.push(part)
  return { pieces, answer: answer! }
}

async function faultOf(model: Model): Promise<string> {
  const pieces: string[] = []
  try {
    for await (const part of model.stream(question(), new AbortController().signal)) pieces.push(part.type)
  } catch (error) {
    assert.ok(error instanceof ModelError, String(error))
    assert.ok(!pieces.includes('answer'))
    return error.fault
  }
  return assert.fail('it answered')
}

const answer: Says = {
  say: 'I look.',
  calls: [
    { tool: 'read', input: { path: 'ä"\n.ts' } },
    { tool: 'read', input: {} },
  ],
}

for (const wire of wires) {
  test(`AL10 ${wire}: pieces, then the whole answer with usage and stop; the conversation goes on from it`, async t => {
    const { server, model } = await scene(t, wire, inOrder(answer, { say: 'Done.' }))
    const first = await ask(model)
    assert.equal(first.pieces.map(({ text }) => text).join(''), 'I look.')
    assert.equal(first.answer.stop, 'tools')
    const calls = first.answer.blocks.filter(block => block.type === 'tool-call')
    assert.deepEqual(
      calls.map(({ input }) => JSON.parse(input)),
      [{ path: 'ä"\n.ts' }, {}],
    )
    const billed = server.billed[0]!
    const { whole: _, wire: __, model: ___, ...usage } = billed
    assert.deepEqual(first.answer.usage, usage)
    const results = calls.map(({ id }, at) => ({ call: id, ok: at === 0, content: at === 0 ? '' : 'no such file' }))
    const second = await ask(model, [
      user,
      { role: 'agent', model: 'm', blocks: first.answer.blocks },
      { role: 'tools', results },
      { role: 'user', text: 'Go on' },
    ])
    assert.equal(second.answer.stop, 'done')
    assert.deepEqual(server.refused, [])
    assert.deepEqual(
      server.asked[1]!.messages.map(({ role }) => role),
      ['user', 'agent', 'tool', 'tool', 'user'],
    )
  })

  const broken = [
    ['cut', 'cut'],
    ['malformed', 'cut'],
    ['ends-early', 'cut'],
    ['error-event', 'busy'],
  ] as const
  for (const [fault, expected] of broken)
    test(`AL11 ${wire}: a stream that is broken (${fault}), at any of its events, is no answer`, async t => {
      const { server, model } = await scene(t, wire, ({ number }) => ({ fault, after: number - 1, answer }))
      for (let after = 0; after < 9; after++) assert.equal(await faultOf(model), expected, `after ${after}`)
      assert.ok(server.billed.every(({ whole }) => !whole))
    })

  test(`AL11 ${wire}: an answer that says nothing for too long is given up`, async t => {
    const { model } = await scene(t, wire, () => ({ fault: 'silent', after: 2, answer }))
    const chain = [{ model, name: 'm', windowTokens: 1_000, maxOutputTokens: 100 }]
    await assert.rejects(parts(chain, { silentMs: 100, tries: 1 }), /silent for 0.1 s/)
  })

  const statuses = [
    ['overloaded', 'busy'],
    ['server-error', 'busy'],
    ['rate-limited', 'busy'],
    ['budget', 'budget'],
    ['bad-key', 'refused'],
    ['too-long', 'too-long'],
  ] as const
  for (const [fault, expected] of statuses)
    test(`AL12, AL13 ${wire}: ${fault} is told from other errors`, async t => {
      const { model } = await scene(t, wire, () => ({ fault }))
      assert.equal(await faultOf(model), expected)
    })

  test(`AL12 ${wire}: retry-after is kept to, and a try that failed leaves nothing behind`, async t => {
    const { model } = await scene(t, wire, ({ number }) => {
      if (number === 1) return { fault: 'rate-limited', retryAfterSeconds: 7 }
      return number === 2 ? { fault: 'cut', after: 4, answer: { say: 'half of it' } } : { say: 'whole' }
    })
    const { all, waits } = await parts([{ model, name: 'm', windowTokens: 1_000, maxOutputTokens: 100 }])
    assert.equal(waits[0], 7_000)
    assert.equal(all.filter(({ type }) => type === 'asking').length, 3)
    assert.deepEqual(all.findLast(part => part.type === 'answer')?.answer.blocks, [{ type: 'text', text: 'whole' }])
  })

  test(`AL12 ${wire}: a model that stays busy gives way to the next after half of its tries; one that is unknown at once`, async t => {
    const { server, model } = await scene(
      t,
      wire,
      ask => (ask.model === 'a' ? { fault: 'overloaded' } : { say: 'b' }),
      ['a', 'b'],
    )
    const chain = ['a', 'x', 'b'].map(name => ({ model, name, windowTokens: 1_000, maxOutputTokens: 100 }))
    const { all } = await parts(chain)
    assert.deepEqual(
      all.flatMap(part => (part.type === 'asking' ? [part.model] : [])),
      ['a', 'a', 'a', 'x', 'b'],
    )
    assert.deepEqual(
      server.asked.map(ask => ask.model),
      ['a', 'a', 'a', 'b'],
    )
  })

  test(`AL12 ${wire}: what cannot get better is asked once`, async t => {
    const { server, model } = await scene(t, wire, () => ({ fault: 'bad-key' }))
    await assert.rejects(parts([{ model, name: 'm', windowTokens: 1_000, maxOutputTokens: 100 }]), { fault: 'refused' })
    assert.equal(server.asked.length, 1)
  })

  test(`AL31 ${wire}: an abort ends the answer with the reason of the abort`, async t => {
    const { model } = await scene(t, wire, () => ({ say: 'slow answer of several pieces', slowMs: 50 }))
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('stopped here')), 120)
    await assert.rejects(ask(model, undefined, stop.signal), /stopped here/)
  })
}

test('AL16 a thought goes back to its model with its signature, and not to another', async t => {
  const { server, model } = await scene(t, 'anthropic', inOrder({ think: 'let me see', say: 'Hm.' }, { say: 'ok' }))
  const { answer } = await ask(model)
  for (const by of ['m', 'other'])
    await ask(model, [user, { role: 'agent', model: by, blocks: answer.blocks }, { role: 'user', text: 'on' }])
  assert.deepEqual(server.refused, [])
  assert.match(JSON.stringify(server.asked[1]!.body), /"thinking":"let me see"/)
  assert.doesNotMatch(JSON.stringify(server.asked[2]!.body), /let me see/)
})

test('AL15 what was sent before is read from the cache', async t => {
  const { server, model } = await scene(t, 'anthropic', inOrder({ say: 'a' }, { say: 'b' }, { say: 'c' }))
  const messages: Message[] = [{ role: 'user', text: 'x'.repeat(5_000) }]
  for (let turn = 0; turn < 3; turn++) {
    const { answer } = await ask(model, messages)
    messages.push({ role: 'agent', model: 'm', blocks: answer.blocks }, { role: 'user', text: 'on' })
  }
  assert.ok(
    server.billed.slice(1).every(({ cacheReadTokens, inputTokens }) => cacheReadTokens > 1_200 && inputTokens === 0),
  )
})

test('AL10 a Unix socket carries the requests where the fetch is one', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'models-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const socket = join(folder, 's')
  const server = await startModelServer({ script: () => ({ say: 'over a socket' }), socket })
  t.after(() => server.close())
  const overSocket = (async (url: string, init: RequestInit) => {
    const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      const headers = Object.fromEntries(new Headers(init.headers))
      const asked = request(
        { socketPath: socket, path: new URL(url).pathname, method: init.method ?? 'GET', headers },
        resolve,
      )
      asked.on('error', reject).end(init.body)
    })
    const headers = new Headers(Object.entries(answer.headers) as [string, string][])
    return new Response(Readable.toWeb(answer) as ReadableStream, { status: answer.statusCode ?? 0, headers })
  }) as typeof fetch
  const model = new AnthropicModel({ fetch: overSocket, baseUrl: 'http://models', key: server.key, clock: () => 0 })
  assert.deepEqual((await ask(model)).answer.blocks, [{ type: 'text', text: 'over a socket' }])
})

test('AL35 a key in the environment is not used', async t => {
  const canary = 'sk-canary-0123456789'
  for (const name of ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'OPENAI_API_KEY', 'OPENAI_ORG_ID'])
    process.env[name] = canary
  for (const wire of wires) {
    const { server, model } = await scene(t, wire, () => ({ say: 'ok' }))
    await ask(model)
    assert.ok(server.received.length === 1 && !server.received[0]!.includes(canary))
  }
})

async function parts(chain: ModelChoice[], patience: { silentMs?: number; tries?: number } = {}) {
  const all: PatientPart[] = []
  const waits: number[] = []
  const time = { clock: () => 0, random: () => 0, sleep: async (ms: number) => void waits.push(ms) }
  const { system, messages } = question()
  const asking = askPatiently(chain, { system, messages, tools }, { time, ...patience }, new AbortController().signal)
  for await (const part of asking) all.push(part)
  return { all, waits }
}
