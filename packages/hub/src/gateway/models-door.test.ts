/** The socket of a worker: without a credential, for one task; the agent loop's own models over it, and what passes byte for byte. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Model } from '@meshbook/engine/agent/model.ts'
import { ModelError } from '@meshbook/engine/agent/model.ts'
import { AnthropicModel } from '@meshbook/engine/agent/models/anthropic-model.ts'
import { GeminiModel } from '@meshbook/engine/agent/models/gemini-model.ts'
import { OpenAiModel } from '@meshbook/engine/agent/models/openai-model.ts'
import { startModelServer } from '../../../../tests/model-server/model-server.ts'
import type { Script } from '../../../../tests/model-server/script.ts'
import { atEnd } from '../testing/at-end.ts'
import { startProvider } from '../testing/model-provider.ts'
import { openTaskDoor } from '../testing/task-door.ts'
import { until } from '../testing/until.ts'

const key = 'sk-canary-of-the-provider-0815'
const hello = { role: 'user', content: 'Hello' }
const haiku = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [hello] }
const mini = { model: 'gpt-4o-mini', max_completion_tokens: 100, messages: [hello] }

test('GW2 GW4 a worker’s socket answers without a credential, for its task and up to its budget', async t => {
  const { url } = await startProvider(t, key)
  const door = await openTaskDoor(
    t,
    { addresses: { anthropic: url, openai: url, gemini: url }, key },
    { microUsd: 5_000 },
  )
  for (const path of ['/v1/messages', '/anthropic/v1/messages', '/gateway/anthropic/v1/messages']) {
    const answer = await door.ask('POST', path, haiku)
    assert.equal(answer.status, 200, answer.text)
  }
  assert.equal((await door.ask('GET', '/v1/models', undefined, {})).status, 200)
  assert.equal((await door.ask('GET', '/api/v1/keys')).status, 404)
  const refused = await door.ask('POST', '/v1/messages', { ...haiku, max_tokens: 10_000 })
  assert.equal(refused.status, 402)
  const problem = JSON.parse(refused.text) as { type: string; error: { type: string; message: string }; code: string }
  assert.deepEqual([problem.type, problem.error.type, problem.code], ['error', 'billing_error', 'BUDGET_REACHED'])
  assert.match(problem.error.message, /\$0\.0001 of \$0\.0050 are spent/)
  const openai = await door.ask('POST', '/v1/chat/completions', { ...mini, max_completion_tokens: 10_000 })
  assert.equal(openai.status, 402)
  assert.equal((JSON.parse(openai.text) as { error: { code: string } }).error.code, 'insufficient_quota')
  door.cap = { microUsd: 1_000_000 }
  assert.equal((await door.ask('POST', '/v1/messages', { ...haiku, max_tokens: 10_000 })).status, 200, 'it was raised')
  const { tasks, total } = await door.usage()
  assert.deepEqual(
    tasks.map(({ task, calls }) => [task, calls]),
    [['task-1', 4]],
  )
  assert.equal(total.microUsd, 4 * 35)
})

async function withServer(t: TestContext, script: Script, cap = {}) {
  const server = await startModelServer({ script, key })
  atEnd(t, () => server.close())
  const addresses = { anthropic: server.url, openai: `${server.url}/v1`, gemini: server.url }
  const door = await openTaskDoor(t, { addresses, key }, cap)
  const options = { fetch: door.fetch, key: 'none', clock: () => 0 }
  const models: Model[] = [
    new AnthropicModel({ ...options, baseUrl: 'http://models' }),
    new OpenAiModel({ ...options, baseUrl: 'http://models/v1' }),
    new GeminiModel({ ...options, baseUrl: 'http://models' }),
  ]
  return { server, door, models }
}

async function answerOf(model: Model, name: string) {
  const messages = [{ role: 'user' as const, text: 'Hello' }]
  const asked = { model: name, system: 'You work.', messages, tools: [], maxOutputTokens: 1_000 }
  for await (const part of model.stream(asked, new AbortController().signal))
    if (part.type === 'answer') return part.answer
  return assert.fail('no answer')
}

test('GW23 GW30 what the agent’s models use over the socket is in the ledger to the token, as the provider billed it', async t => {
  const { server, door, models } = await withServer(t, () => ({ think: 'Let me see.', say: 'Here you are.' }))
  for (const [i, model] of models.entries()) {
    const answer = await answerOf(model, ['claude-haiku-4-5', 'gpt-5-mini', 'gemini-2.5-flash'][i]!)
    assert.ok(answer.blocks.length > 0)
    const { models: sums } = await door.usage()
    const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = server.billed[i]!
    const billed = { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }
    assert.deepEqual(sums.find(({ provider }) => provider === server.billed[i]!.wire)?.usage, billed)
    assert.deepEqual(answer.usage, billed)
  }
  assert.deepEqual(server.refused, [], 'what is sent is what the provider takes')
})

test('GW20 GW23 a stream that breaks and is asked for again costs each once; at the cap the agent is told of its budget', async t => {
  let asked = 0
  const { server, door, models } = await withServer(t, () =>
    ++asked === 1 ? { fault: 'cut', after: 4, answer: { say: 'It breaks.' } } : { say: 'Here you are.' },
  )
  const [model] = models as [Model]
  const isFault = (fault: string) => (error: unknown) => error instanceof ModelError && error.fault === fault
  await assert.rejects(answerOf(model, 'claude-haiku-4-5'), isFault('cut'))
  await answerOf(model, 'claude-haiku-4-5')
  await until(async () => (await door.usage()).heldMicroUsd === 0)
  const { total } = await door.usage()
  assert.equal(total.calls, 2)
  assert.equal(server.billed.length, 2)
  const [cut, whole] = server.billed as [(typeof server.billed)[0], (typeof server.billed)[0]]
  assert.deepEqual([cut.whole, whole.whole], [false, true])
  const into = (one: typeof cut): number => one.inputTokens + one.cacheReadTokens + one.cacheWriteTokens
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens } = total.usage
  assert.equal(inputTokens + cacheReadTokens + cacheWriteTokens, into(cut) + into(whole))
  assert.ok(outputTokens <= cut.outputTokens + whole.outputTokens)
  door.cap = { microUsd: total.microUsd }
  await assert.rejects(answerOf(model, 'claude-haiku-4-5'), isFault('budget'))
  assert.equal(server.billed.length, 2)
})

/** A provider that sends what it is told, as fast as it may; `sent` counts what the connection took. */
async function rawProvider(t: TestContext, pieces: Iterable<Buffer>) {
  const state = { sent: 0, url: '' }
  const server = createServer(async (incoming, response) => {
    incoming.resume()
    response.setMaxListeners(0)
    response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'keep-alive', 'x-secret': 'not passed' })
    for (const piece of pieces) {
      if (response.destroyed) return
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')])
      state.sent += piece.length
    }
    response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  atEnd(t, () => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return state
}

test('GW15 a stream passes byte for byte, however it is cut into pieces, and what is no UTF-8 too', async t => {
  const strange = Buffer.concat([
    Buffer.from('event: message_start\r\ndata: {"type":"message_start","message":{"usage":{"input_tokens":3,"outp'),
    Buffer.from('ut_tokens":1}}}\r\n\r\n: a comment\n\ndata: \u{1f388} '),
    Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x0a]),
    Buffer.from('data: {"type":"message_delta","usage":{"output_tokens":42}}\n\ndata: {"type":"message_stop"}\n\n'),
  ])
  const bytes = Array.from(strange, byte => Buffer.from([byte]))
  const { url } = await rawProvider(t, bytes)
  const door = await openTaskDoor(t, { addresses: { anthropic: url, openai: url, gemini: url }, key }, {})
  const answer = await door.fetch('http://models/v1/messages', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...haiku, stream: true }),
  })
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), strange)
  assert.equal(answer.headers.get('x-secret'), null)
  const { total } = await door.usage()
  assert.deepEqual([total.usage.inputTokens, total.usage.outputTokens], [3, 42])
})

test('GW15 a client that does not read holds the provider back', async t => {
  const piece = Buffer.from(`data: {"type":"ping","x":"${'x'.repeat(65_000)}"}\n\n`)
  const wholeBytes = 2_000 * piece.length
  const provider = await rawProvider(
    t,
    Array.from({ length: 2_000 }, () => piece),
  )
  const addresses = { anthropic: provider.url, openai: provider.url, gemini: provider.url }
  const door = await openTaskDoor(t, { addresses, key }, {})
  const headers = { 'content-type': 'application/json' }
  const sent = request({ socketPath: door.socket, method: 'POST', path: '/v1/messages', headers })
  sent.end(JSON.stringify({ ...haiku, stream: true }))
  const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
  answer.pause()
  let before = -1
  await until(async () => {
    const isStill = before === provider.sent && before > 0
    before = provider.sent
    await new Promise(resolve => setTimeout(resolve, 200))
    return isStill
  })
  assert.ok(provider.sent < wholeBytes / 4, `${provider.sent} of ${wholeBytes}`)
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) bytes += chunk.length
  assert.equal(bytes, wholeBytes)
})
