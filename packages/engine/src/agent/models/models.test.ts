import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { signatureOf } from '../../../../../tests/model-server/gemini-wire.ts'
import { startModelServer } from '../../../../../tests/model-server/model-server.ts'
import { inOrder, type Says, type Script } from '../../../../../tests/model-server/script.ts'
import { type Answer, type Message, type Model, ModelError, type Piece } from '../model.ts'
import { AnthropicModel } from './anthropic-model.ts'
import { GeminiModel } from './gemini-model.ts'
import { OpenAiModel } from './openai-model.ts'
import { askPatiently, type ModelChoice, type PatientPart } from './patient-asking.ts'

const wires = ['anthropic', 'openai', 'gemini'] as const
type Wire = (typeof wires)[number]

async function scene(t: TestContext, wire: Wire, script: Script, models?: string[]) {
  const server = await startModelServer({ script, ...(models ? { models } : {}) })
  t.after(() => server.close())
  return { server, model: modelOf(wire, server.url, server.key) }
}

function modelOf(wire: Wire, url: string, key: string): Model {
  const options = { fetch, key, clock: () => 0 }
  switch (wire) {
    case 'anthropic':
      return new AnthropicModel({ ...options, baseUrl: url })
    case 'openai':
      return new OpenAiModel({ ...options, baseUrl: `${url}/v1` })
    case 'gemini':
      return new GeminiModel({ ...options, baseUrl: url })
  }
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

/** After how many events of this answer it is not whole yet. */
const brokenAt = { anthropic: 9, openai: 9, gemini: 7 }

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
      for (let after = 0; after < brokenAt[wire]; after++)
        assert.equal(await faultOf(model), expected, `after ${after}`)
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

for (const wire of ['anthropic', 'gemini'] as const)
  test(`AL16 ${wire}: a thought goes back to its model with its signature, and not to another`, async t => {
    const call = { tool: 'read', input: { path: 'a' } }
    const { server, model } = await scene(
      t,
      wire,
      inOrder({ think: 'let me see', say: 'Hm.', calls: [call, call] }, { say: 'ok' }),
    )
    const { answer, pieces } = await ask(model)
    assert.equal(pieces.flatMap(({ as, text }) => (as === 'thinking' ? [text] : [])).join(''), 'let me see')
    const results = answer.blocks.flatMap(block =>
      block.type === 'tool-call' ? [{ call: block.id, ok: true, content: 'x' }] : [],
    )
    for (const by of ['m', 'other'])
      await ask(model, [user, { role: 'agent', model: by, blocks: answer.blocks }, { role: 'tools', results }])
    assert.deepEqual(server.refused, [])
    const [own, others] = server.asked.slice(1).map(({ body }) => JSON.stringify(body))
    const signed = { anthropic: '"thinking":"let me see"', gemini: signatureOf('read') }[wire]
    assert.deepEqual([own!.includes(signed), others!.includes(signed)], [true, false])
  })

for (const wire of wires)
  test(`AL15 ${wire}: what was sent before is read from the cache, and counted apart`, async t => {
    const { server, model } = await scene(t, wire, inOrder({ say: 'a' }, { say: 'b' }, { say: 'c' }))
    const messages: Message[] = [{ role: 'user', text: 'x'.repeat(8_000) }]
    for (let turn = 0; turn < 3; turn++) {
      const { answer } = await ask(model, messages)
      const { whole: _, wire: __, model: ___, ...usage } = server.billed.at(-1)!
      assert.deepEqual(answer.usage, usage)
      messages.push({ role: 'agent', model: 'm', blocks: answer.blocks }, { role: 'user', text: 'on' })
    }
    assert.ok(server.billed.slice(1).every(({ cacheReadTokens }) => cacheReadTokens > 1_200))
  })

const closed = {
  type: 'object',
  required: ['risk', 'tags'],
  additionalProperties: false,
  properties: {
    risk: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
    tags: { type: 'array', items: { enum: ['a', 'b'] } },
  },
}
const schemas = {
  closed,
  bounded: { type: 'object', properties: { risk: { type: 'integer', minimum: 0, maximum: 9 } } },
  open: { type: 'object', required: ['risk'] },
  list: { type: 'array', items: { type: 'string' } },
  referring: { type: 'object', properties: { next: { $ref: '#' } } },
  nameless: {},
}

for (const wire of wires)
  test(`AL18 ${wire}: a schema for the answer is one that the provider takes, or stands in words`, async t => {
    const { server, model } = await scene(t, wire, () => ({ say: '{"risk":1}' }))
    for (const answerSchema of Object.values(schemas)) {
      const asked = { ...question(), tools: [], answerSchema }
      for await (const part of model.stream(asked, new AbortController().signal))
        if (part.type === 'answer') assert.deepEqual(part.answer.blocks, [{ type: 'text', text: '{"risk":1}' }])
    }
    assert.deepEqual(server.refused, [])
    const isHeld = server.asked.map(({ body }) =>
      /"(?:output_config|response_format|responseJsonSchema)"/.test(JSON.stringify(body)),
    )
    const expected = {
      anthropic: [true, true, false, false, false, false],
      openai: [true, true, true, false, true, false],
      gemini: [true, true, true, true, true, true],
    }[wire]
    assert.deepEqual(isHeld, expected)
    const inWords = server.asked.map(({ system }) => /JSON Schema/.test(system))
    assert.deepEqual(
      inWords,
      expected.map(one => !one),
    )
    const strict = /"strict":true/.test(JSON.stringify(server.asked[0]!.body))
    assert.equal(strict, wire === 'openai')
  })

for (const wire of wires) {
  test(`AL11 ${wire}: what the client would have to keep has a cap, in a stream and in a refusal`, async t => {
    for (const [status, type] of [
      [200, 'text/event-stream'],
      [400, 'application/json'],
    ] as const) {
      let sent = 0
      const server = createServer((_request, response) => {
        response.writeHead(status, { 'content-type': type })
        response.write('data: {"text":"')
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(1024 * 1024))) sent++
          sent++
        }
        response.on('drain', more)
        more()
      }).listen(0, '127.0.0.1')
      t.after(() => server.close())
      await once(server, 'listening')
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const model = modelOf(wire, url, 'k')
      const fault = await faultOf(model)
      assert.ok(fault === 'cut' || (fault === 'refused' && status === 400), fault)
      assert.ok(sent < 100, `${sent} MiB were taken`)
    }
  })

  test(`AL12 ${wire}: nothing but the loop asks again: a try is one request, and a cut one is billed once`, async t => {
    const { server, model } = await scene(t, wire, ({ number }) =>
      number === 1 ? { fault: 'cut', after: 3, answer } : { fault: 'overloaded' },
    )
    assert.equal(await faultOf(model), 'cut')
    assert.equal(await faultOf(model), 'busy')
    assert.equal(server.received.length, 2)
    assert.deepEqual(
      server.billed.map(({ whole }) => whole),
      [false],
    )
  })

  test(`AL11 ${wire}: an answer that does not end in time is given up, and its connection is closed`, async t => {
    const { model } = await scene(t, wire, () => ({ say: 'word '.repeat(400), slowMs: 60 }))
    const chain = [{ model, name: 'm', windowTokens: 1_000, maxOutputTokens: 100 }]
    await assert.rejects(parts(chain, { answerMs: 150, tries: 1 }), /did not end its answer within 0.15 s/)
  })

  test(`AL31 ${wire}: nothing is heard of a signal once the answer is there`, async t => {
    const { model } = await scene(t, wire, () => ({ say: 'ok' }))
    const { signal } = new AbortController()
    await ask(model, undefined, signal)
    for (let round = 0; round < 3; round++) await ask(model, undefined, signal)
    assert.ok(getEventListeners(signal, 'abort').length <= 1, 'listeners are left behind')
  })
}

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
  for (const name of ['GEMINI_API_KEY', 'GOOGLE_CLOUD_PROJECT', 'GOOGLE_GENAI_API_VERSION']) process.env[name] = canary
  process.env.GOOGLE_GENAI_USE_VERTEXAI = 'true'
  process.env.GOOGLE_GEMINI_BASE_URL = 'http://127.0.0.1:1'
  for (const wire of wires) {
    const { server, model } = await scene(t, wire, () => ({ say: 'ok' }))
    await ask(model)
    assert.ok(server.received.length === 1 && !server.received[0]!.includes(canary))
  }
})

async function parts(chain: ModelChoice[], patience: { silentMs?: number; answerMs?: number; tries?: number } = {}) {
  const all: PatientPart[] = []
  const waits: number[] = []
  const time = { clock: () => 0, random: () => 0, sleep: async (ms: number) => void waits.push(ms) }
  const { system, messages } = question()
  const asking = askPatiently(chain, { system, messages, tools }, { time, ...patience }, new AbortController().signal)
  for await (const part of asking) all.push(part)
  return { all, waits }
}
