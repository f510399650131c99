/** The gateway through both doors, with the unmodified clients of both providers against a strict local one. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import type { ModelKey, UsageReport } from '@meshbook/core/models-api.ts'
import OpenAI from 'openai'
import { type ModelProvider, startProvider } from '../testing/model-provider.ts'
import { rawRequest } from '../testing/raw-request.ts'
import { signIn } from '../testing/sign-in.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

const key = 'sk-canary-0123456789abcdef-of-the-provider'

interface Bed {
  hub: TestHub
  provider: ModelProvider
  anthropic(token?: string): Anthropic
  openai(token?: string): OpenAI
  gemini(token?: string): GoogleGenAI
  usage(): Promise<UsageReport>
  modelKey(budget?: ModelKey['budget']): Promise<string>
}

async function bed(t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<Bed> {
  const provider = await startProvider(t, key)
  const settings = {
    MESHBOOK_ANTHROPIC_URL: provider.url,
    MESHBOOK_OPENAI_URL: provider.url,
    MESHBOOK_GEMINI_URL: provider.url,
    ...env,
  }
  const hub = await startTestHub(t, { env: settings, limits: { modelSilentMs: 1_000, modelAnswerMs: 2_000 } })
  for (const kind of ['anthropic', 'openai', 'gemini']) await hub.json('PUT', `/keys/${kind}`, { kind, value: key })
  const base = (wire: string): string => `${hub.hub.url}/gateway/${wire}`
  return {
    hub,
    provider,
    anthropic: (token = hub.token) => new Anthropic({ apiKey: token, baseURL: base('anthropic'), maxRetries: 0 }),
    openai: (token = hub.token) => new OpenAI({ apiKey: token, baseURL: `${base('openai')}/v1`, maxRetries: 0 }),
    gemini: (token = hub.token) => new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl: base('gemini') } }),
    usage: () => hub.json<UsageReport>('GET', '/usage'),
    async modelKey(budget) {
      const made = await hub.json<ModelKey>('POST', '/model-keys', { name: 'program', ...(budget && { budget }) })
      return made.token!
    },
  }
}

const hello = { role: 'user' as const, content: 'Hello' }
const haiku = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [hello] }
const mini = { model: 'gpt-4o-mini', max_completion_tokens: 100, messages: [hello] }

test('GW1 the client of Anthropic works unchanged, whole and streamed, and each call is in the ledger once', async t => {
  const { anthropic, provider, usage } = await bed(t)
  const whole = await anthropic().messages.create(haiku)
  assert.deepEqual(whole.content, [{ type: 'text', text: 'Hello there' }])
  assert.equal(whole.usage.output_tokens, 5)
  const message = await anthropic().messages.stream(haiku).finalMessage()
  assert.equal(message.content[0]?.type === 'text' && message.content[0].text, 'Hello there')
  assert.deepEqual(await anthropic().messages.countTokens({ model: haiku.model, messages: [hello] }), {
    input_tokens: 7,
  })
  const models = await anthropic().models.list()
  assert.equal(models.data[0]?.id, 'claude-haiku-4-5')
  const { total, models: byModel, tokens, users, days, heldMicroUsd } = await usage()
  // 10 tokens in at $1 and 5 out at $5 a million.
  assert.deepEqual([total.calls, total.microUsd, heldMicroUsd], [2, 2 * 35, 0])
  assert.deepEqual(total.usage, { inputTokens: 20, outputTokens: 10, cacheReadTokens: 0, cacheWriteTokens: 0 })
  assert.deepEqual(
    byModel.map(({ provider: by, model, price }) => [by, model, price]),
    [['anthropic', 'claude-haiku-4-5', 'listed']],
  )
  assert.deepEqual([tokens.length, users.length, days.length], [1, 1, 1])
  for (const { headers } of provider.seen) {
    assert.equal(headers['x-api-key'], key)
    assert.equal(headers.authorization, undefined)
    assert.equal(headers['accept-encoding'], 'identity')
  }
})

test('GW1 GW13 the client of OpenAI works unchanged: chats, responses, embeddings; the usage of a stream is asked for', async t => {
  const { openai, provider, usage } = await bed(t)
  provider.script = () => ({ usage: { input: 100, output: 10, cacheRead: 40 } })
  const whole = await openai().chat.completions.create(mini)
  assert.equal(whole.choices[0]?.message.content, 'Hello there')
  let text = ''
  for await (const chunk of await openai().chat.completions.create({ ...mini, stream: true, seed: 7 }))
    text += chunk.choices[0]?.delta.content ?? ''
  assert.equal(text, 'Hello there')
  assert.deepEqual(provider.seen.at(-1)?.body.stream_options, { include_usage: true })
  assert.equal(provider.seen.at(-1)?.body.seed, 7)
  const response = await openai().responses.create({ model: 'gpt-5-mini', input: 'Hello', max_output_tokens: 50 })
  assert.equal(response.output_text, 'Hello there')
  const events: string[] = []
  for await (const event of await openai().responses.create({ model: 'gpt-5-mini', input: 'Hello', stream: true }))
    events.push(event.type)
  assert.equal(events.at(-1), 'response.completed')
  const embedded = await openai().embeddings.create({
    ...{ model: 'text-embedding-3-small', input: 'Hello', encoding_format: 'float' },
  })
  assert.deepEqual(embedded.data[0]?.embedding, [0.5, 0.25])
  assert.equal((await openai().models.list()).data[0]?.id, 'gpt-4o-mini')
  const { total, models } = await usage()
  assert.equal(total.calls, 5)
  const cached = { cacheReadTokens: 4 * 40, cacheWriteTokens: 0 }
  assert.deepEqual(total.usage, { inputTokens: 4 * 60 + 100, outputTokens: 40, ...cached })
  const costs = Object.fromEntries(models.map(({ model, microUsd }) => [model, microUsd]))
  assert.deepEqual(costs, {
    'gpt-4o-mini': 2 * Math.ceil(60 * 0.15 + 40 * 0.075 + 10 * 0.6),
    'gpt-5-mini': 2 * Math.ceil(60 * 0.25 + 40 * 0.025 + 10 * 2),
    'text-embedding-3-small': Math.ceil(100 * 0.02),
  })
})

test('GW1 GW23 the client of Gemini works unchanged, whole and streamed; thoughts are counted as what comes out', async t => {
  const { gemini, provider, usage, hub } = await bed(t)
  provider.script = () => ({ usage: { input: 100, output: 20, cacheRead: 40 } })
  const asked = {
    model: 'gemini-2.5-flash',
    contents: 'Hello',
    config: { maxOutputTokens: 100, systemInstruction: 'Hm.' },
  }
  assert.equal((await gemini().models.generateContent(asked)).text, 'Hello there')
  let text = ''
  for await (const chunk of await gemini().models.generateContentStream(asked)) text += chunk.text ?? ''
  assert.equal(text, 'Hello there')
  const { total, models, heldMicroUsd } = await usage()
  assert.deepEqual(total.usage, { inputTokens: 120, outputTokens: 40, cacheReadTokens: 80, cacheWriteTokens: 0 })
  const each = Math.ceil(60 * 0.3 + 40 * 0.03 + 20 * 2.5)
  assert.deepEqual([total.calls, total.microUsd, heldMicroUsd], [2, 2 * each, 0])
  assert.deepEqual(
    models.map(({ provider: by, model, price }) => [by, model, price]),
    [['gemini', 'gemini-2.5-flash', 'listed']],
  )
  for (const { headers, path } of provider.seen) {
    assert.equal(headers['x-goog-api-key'], key)
    assert.doesNotMatch(JSON.stringify([headers, path]), new RegExp(hub.token))
  }
})

test('GW3 GW4 GW11 GW14 of Gemini: what is refused, in its own form, and nothing is sent', async t => {
  const { hub, provider, modelKey, usage } = await bed(t)
  const token = await modelKey({ microUsd: 10 })
  const model = `${hub.hub.url}/gateway/gemini/v1beta/models/gemini-2.5-flash`
  const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }]
  const post = (url: string, body: object, credential = hub.token) =>
    rawRequest(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-goog-api-key': credential },
      body: JSON.stringify(body),
    })
  const video = { contents: [{ parts: [{ inlineData: { mimeType: 'video/mp4', data: 'AAAA' } }] }] }
  const refusals: [string, object, number, string, string?][] = [
    [`${model}:generateContent`, { contents, tools: [{ googleSearch: {} }] }, 400, 'INVALID_ARGUMENT'],
    [`${model}:generateContent`, { contents, generation_config: { max_output_tokens: 9 } }, 400, 'INVALID_ARGUMENT'],
    [`${model}:generateContent`, { contents, cachedContent: 'cachedContents/1' }, 400, 'INVALID_ARGUMENT'],
    [`${model}:generateContent`, { contents: [{ parts: [{ fileData: { fileUri: 'x' } }] }] }, 400, 'INVALID_ARGUMENT'],
    [`${model}:generateContent`, video, 400, 'INVALID_ARGUMENT'],
    [`${model}:streamGenerateContent`, { contents }, 400, 'INVALID_ARGUMENT'],
    [`${model}:countTokens`, { contents }, 404, 'NOT_FOUND'],
    [`${model}%2f..%2fx:generateContent`, { contents }, 404, 'NOT_FOUND'],
    [`${model}:generateContent`, { contents }, 402, 'FAILED_PRECONDITION', token],
    [`${model}:generateContent?key=${hub.token}`, { contents }, 401, 'UNAUTHENTICATED', 'none'],
  ]
  for (const [url, body, status, words, credential] of refusals) {
    const answer = await post(url, body, credential)
    assert.equal(answer.status, status, `${url} ${answer.text}`)
    const { error } = JSON.parse(answer.text) as { error: { code: number; status: string } }
    assert.deepEqual([error.code, error.status], [status, words])
  }
  assert.deepEqual([provider.seen.length, (await usage()).total.calls], [0, 0])
  const passed = await post(`${model}:generateContent?key=sk-own&alt=media`, { contents })
  assert.equal(passed.status, 200)
  assert.equal(provider.seen[0]!.path, '/v1beta/models/gemini-2.5-flash:generateContent')
  await hub.json('PUT', '/keys/gemini', { kind: 'gemini', value: 'sk-that-is-old' })
  const old = await post(`${model}:generateContent`, { contents })
  assert.equal(old.status, 403)
  assert.match(old.text, /the key gemini of the vault/)
})

test('GW20 GW24 of Gemini: what is held, and what a stream costs that is cut or left', async t => {
  const { gemini, provider, usage } = await bed(t)
  const asked = { model: 'gemini-2.5-flash', contents: 'Hello', config: { maxOutputTokens: 1_000 } }
  provider.script = () => ({ usage: { input: 50, output: 20 }, cutAfter: 1 })
  const cut = async () => {
    for await (const _ of await gemini().models.generateContentStream(asked));
  }
  await assert.rejects(cut)
  await until(async () => (await usage()).total.calls === 1)
  const { total, heldMicroUsd } = await usage()
  assert.equal(heldMicroUsd, 0)
  assert.equal(total.usage.inputTokens, 50)
  assert.ok(total.microUsd > 0 && total.microUsd <= 3_200, `${total.microUsd}`)
  const picture = { inlineData: { mimeType: 'image/png', data: 'A'.repeat(100_000) } }
  await gemini().models.generateContent({ ...asked, contents: [{ role: 'user', parts: [picture] }] })
})

test('GW1 GW40 who may ask: tokens that may run and model keys, which do nothing else; no cookie, no device', async t => {
  const { hub, anthropic, modelKey } = await bed(t)
  const url = `${hub.hub.url}/gateway/anthropic/v1/messages`
  const reading = await hub.json<{ token: string }>('POST', '/tokens', { name: 'reads', scopes: ['read'] })
  const post = (headers: Record<string, string>) =>
    rawRequest(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(haiku),
    })
  const cookie = await signIn(hub)
  for (const [headers, status, type] of [
    [{}, 401, 'authentication_error'],
    [{ 'x-api-key': key }, 401, 'authentication_error'],
    [{ authorization: `Bearer ${reading.token}` }, 403, 'permission_error'],
    [{ cookie, origin: hub.hub.url, 'sec-fetch-site': 'same-origin' }, 403, 'permission_error'],
  ] as const) {
    const answer = await post(headers)
    assert.equal(answer.status, status)
    assert.equal((JSON.parse(answer.text) as { error: { type: string } }).error.type, type)
  }
  const token = await modelKey({ microUsd: 1_000_000 })
  assert.equal((await anthropic(token).messages.create(haiku)).role, 'assistant')
  for (const path of ['/me', '/keys', '/usage', '/projects', '/runs', '/tokens']) {
    const answer = await hub.api('GET', path, undefined, { authorization: `Bearer ${token}` })
    assert.equal(answer.status, 403, path)
  }
  const [shown] = (await hub.json<{ items: ModelKey[] }>('GET', '/model-keys')).items
  assert.deepEqual([shown?.spent, shown?.token], [{ microUsd: 35, tokens: 15 }, undefined])
  await hub.json('DELETE', `/tokens/${shown!.id}`)
  await assert.rejects(anthropic(token).messages.create(haiku), Anthropic.AuthenticationError)
})

test('GW20 a hundred calls beside each other never exceed a budget', async t => {
  const { hub, anthropic, modelKey, provider, usage } = await bed(t)
  provider.script = () => ({ says: [30, 'Hello'], usage: { input: 100, output: 100 } })
  // Each may cost a little above $0.0026, and costs $0.0006.
  const microUsd = 20_000
  const client = anthropic(await modelKey({ microUsd }))
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      (i % 2 === 0 ? client.messages.create({ ...haiku }) : client.messages.stream({ ...haiku }).finalMessage()).then(
        () => 'answered',
        (error: unknown) => (error instanceof Anthropic.APIError ? error.status : String(error)),
      ),
    ),
  )
  const answered = outcomes.filter(outcome => outcome === 'answered').length
  assert.ok(answered >= 5, `${answered}`)
  assert.equal(outcomes.filter(outcome => outcome === 402).length, 100 - answered, String(new Set(outcomes)))
  assert.equal(provider.seen.length, answered, 'what was refused was not sent')
  const { total, heldMicroUsd } = await usage()
  assert.deepEqual([total.calls, total.microUsd, heldMicroUsd], [answered, answered * 600, 0])
  assert.ok(total.microUsd <= microUsd)
  const [shown] = (await hub.json<{ items: ModelKey[] }>('GET', '/model-keys')).items
  assert.equal(shown?.spent.microUsd, total.microUsd)
})

test('GW20 a budget of tokens holds as one of money does', async t => {
  const { anthropic, modelKey } = await bed(t)
  const client = anthropic(await modelKey({ tokens: 2_500 }))
  await client.messages.create(haiku)
  await assert.rejects(
    client.messages.create({ ...haiku, max_tokens: 500 }),
    (error: unknown) =>
      error instanceof Anthropic.APIError && error.status === 402 && /15 of 2500 tokens/.test(error.message),
  )
})

test('GW23 a stream that the provider cuts costs what it had reported, once', async t => {
  const { anthropic, openai, provider, usage } = await bed(t)
  provider.script = () => ({ says: ['a', 'b', 'c'], cutAfter: 2, usage: { input: 50, output: 9 } })
  await assert.rejects(anthropic().messages.stream(haiku).finalMessage())
  await until(async () => (await usage()).total.calls === 1)
  const cut = await usage()
  assert.deepEqual(cut.total.usage, { inputTokens: 50, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 })
  // Of OpenAI a stream reports at its end alone: what came is estimated, above what it was and within what was held.
  await assert.rejects(async () => {
    for await (const _ of await openai().chat.completions.create({ ...mini, stream: true })) void _
  })
  await until(async () => (await usage()).total.calls === 2)
  const { models, heldMicroUsd } = await usage()
  const estimated = models.find(({ provider: by }) => by === 'openai')!
  assert.ok(estimated.usage.outputTokens >= 2 && estimated.usage.outputTokens <= 100)
  assert.ok(estimated.usage.inputTokens >= 50)
  assert.equal(heldMicroUsd, 0)
  // One that breaks before anything came costs nothing.
  provider.script = () => ({ says: [], cutAfter: 0, reportsNothing: true })
  await assert.rejects(async () => {
    for await (const _ of await openai().chat.completions.create({ ...mini, stream: true })) void _
  })
  await until(async () => (await usage()).total.calls === 3)
  assert.equal((await usage()).total.microUsd, cut.total.microUsd + estimated.microUsd)
})

test('GW24 who leaves ends the call at the provider and pays for what was made', async t => {
  const { anthropic, provider, usage } = await bed(t)
  const words = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 'four' : 10))
  provider.script = () => ({ says: words, usage: { input: 50, output: 99 } })
  const stream = anthropic().messages.stream({ ...haiku, max_tokens: 1_000 })
  let pieces = 0
  stream.on('text', () => {
    if (++pieces === 3) stream.abort()
  })
  await assert.rejects(stream.finalMessage())
  assert.equal(await provider.seen[0]!.left, true)
  await until(async () => (await usage()).total.calls === 1)
  const { total, heldMicroUsd } = await usage()
  assert.equal(total.usage.inputTokens, 50)
  assert.ok(total.usage.outputTokens >= 12 && total.usage.outputTokens < 400, `${total.usage.outputTokens}`)
  assert.equal(heldMicroUsd, 0)
  // And who leaves before anything came pays for what went in.
  provider.script = () => ({ isSilent: true })
  const waiting = anthropic().messages.create(haiku, { signal: AbortSignal.timeout(200) })
  await assert.rejects(waiting)
  assert.equal(await provider.seen[1]!.left, true)
  await until(async () => (await usage()).total.calls === 2)
  assert.ok((await usage()).total.usage.inputTokens > 50)
})

test('GW17 a provider that does not begin, or falls silent, is given up', async t => {
  const { anthropic, provider, usage } = await bed(t)
  provider.script = () => ({ isSilent: true })
  await assert.rejects(
    anthropic().messages.create(haiku),
    (error: unknown) => error instanceof Anthropic.APIError && error.status === 504,
  )
  provider.script = () => ({ says: ['a', 5_000, 'b'] })
  await assert.rejects(anthropic().messages.stream(haiku).finalMessage())
  assert.equal(await provider.seen[1]!.left, true)
  await until(async () => (await usage()).total.calls === 2)
  assert.equal((await usage()).heldMicroUsd, 0)
})

test('GW16 GW25 a refusal passes without the key and costs nothing; 401 of the provider is not the client’s', async t => {
  const { hub, anthropic, openai, provider, usage } = await bed(t)
  provider.script = ({ headers }) => ({
    refuses: {
      status: 529,
      body: { type: 'error', error: { type: 'overloaded_error', message: `busy ${String(headers['x-api-key'])}` } },
      headers: { 'retry-after': '3', 'set-cookie': 'a=b', 'request-id': 'req_1' },
    },
  })
  await assert.rejects(anthropic().messages.create(haiku), (error: unknown) => {
    assert.ok(error instanceof Anthropic.APIError && error.status === 529)
    assert.match(JSON.stringify(error.error), /overloaded_error.*busy \[secret\]/)
    assert.equal(error.headers?.get('retry-after'), '3')
    assert.equal(error.headers?.get('set-cookie'), null)
    return true
  })
  provider.key = 'another'
  await assert.rejects(
    openai().chat.completions.create(mini),
    (error: unknown) =>
      error instanceof OpenAI.PermissionDeniedError && /the key openai of the vault/.test(error.message),
  )
  const { total, heldMicroUsd } = await usage()
  assert.deepEqual([total.microUsd, heldMicroUsd], [0, 0])
  await hub.json('DELETE', '/keys/openai')
  await assert.rejects(
    openai().chat.completions.create(mini),
    (error: unknown) =>
      error instanceof OpenAI.APIError && error.status === 422 && /meshbook keys set/.test(error.message),
  )
})

test('GW14 what is not counted in tokens is refused before anything is sent', async t => {
  const { anthropic, openai, provider, usage } = await bed(t)
  const bad = (error: unknown) => error instanceof Error && /in tokens/.test(error.message)
  const tools = [{ type: 'web_search_20250305' as const, name: 'web_search' as const }]
  await assert.rejects(anthropic().messages.create({ ...haiku, tools }), bad)
  await assert.rejects(openai().responses.create({ model: 'gpt-5', input: 'x', background: true }), bad)
  await assert.rejects(openai().responses.create({ model: 'gpt-5', input: 'x', tools: [{ type: 'web_search' }] }), bad)
  await assert.rejects(openai().chat.completions.create({ ...mini, service_tier: 'priority' }), bad)
  assert.equal(provider.seen.length, 0)
  assert.equal((await usage()).total.calls, 0)
})

test('GW12 a model that nobody knows costs what the dearest does and is said to; a price that is set counts', async t => {
  const { hub, openai, usage } = await bed(t, {
    MESHBOOK_MODEL_PRICES: JSON.stringify({ mine: { input: 1, output: 2, outputTokens: 10 } }),
  })
  const { response } = await openai()
    .chat.completions.create({ ...mini, model: 'nobody-knows' })
    .withResponse()
  assert.equal(response.headers.get('x-meshbook-price'), 'dearest')
  await openai().chat.completions.create({ model: 'mine', messages: [hello] })
  const { models } = await usage()
  const found = models.map(({ model, price, microUsd }) => [model, price, microUsd])
  assert.deepEqual(found, [
    ['nobody-knows', 'dearest', 10 * 150 + 5 * 600],
    ['mine', 'set', 10 + 10],
  ])
  assert.ok(
    hub.logged.every(line => !line.includes('Hello')),
    'no text is logged',
  )
})

test('GW13 what is sent is what was judged, and headers that name an account do not pass', async t => {
  const { hub, provider } = await bed(t)
  const send = (body: string, headers: Record<string, string> = {}) =>
    rawRequest(`${hub.hub.url}/gateway/anthropic/v1/messages`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        authorization: `Bearer ${hub.token}`,
        ...headers,
      },
      body,
    })
  const twice = `{"max_tokens":99999,${JSON.stringify(haiku).slice(1)}`
  const extra = {
    'openai-organization': 'org',
    'x-forwarded-for': '1.2.3.4',
    te: 'trailers',
    'x-stainless-os': 'Linux',
  }
  assert.equal((await send(twice, extra)).status, 200)
  assert.equal(provider.seen[0]?.body.max_tokens, 100)
  const { headers } = provider.seen[0]!
  for (const name of ['openai-organization', 'x-forwarded-for', 'te', 'cookie']) assert.equal(headers[name], undefined)
  assert.equal(headers['x-stainless-os'], 'Linux')
  for (const body of ['', '{', '[]', '"x"', '{"model":1}', '{"model":"a","max_tokens":-1}', '['.repeat(100_000)])
    assert.equal((await send(body)).status, 400, body.slice(0, 20))
  assert.equal(provider.seen.length, 1)
})

test('GW26 what a hub that is gone had held is settled at its bound, once', async t => {
  const { hub, anthropic, provider, usage } = await bed(t)
  provider.script = () => ({ says: ['a', 60_000] })
  const stream = anthropic().messages.stream(haiku)
  const failed = assert.rejects(stream.finalMessage())
  await until(async () => (await usage()).heldMicroUsd > 0)
  const held = (await usage()).heldMicroUsd
  await hub.hub.close()
  await failed
  // As if it had been killed: the call is held as it was, by a process that is no more.
  const database = new DatabaseSync(join(hub.folder, 'hub.db'))
  database.exec("UPDATE model_calls SET state = 'held', micro_usd = 0, hub = 'gone'")
  database.exec(`UPDATE model_budgets SET held_usd = ${held}, spent_usd = 0, held_tokens = 1, spent_tokens = 0`)
  database.close()
  for (let times = 0; times < 2; times++) {
    await hub.restart()
    const { total, heldMicroUsd } = await usage()
    assert.deepEqual([total.calls, total.microUsd, heldMicroUsd], [1, held, 0])
  }
})

test('VA1 GW11 the key is nowhere: not in the database, its log, what was logged, or any answer', async t => {
  const { hub, anthropic, openai, provider } = await bed(t)
  await anthropic().messages.stream(haiku).finalMessage()
  await openai().chat.completions.create(mini)
  provider.key = 'another'
  await assert.rejects(anthropic().messages.create(haiku))
  const texts = [hub.logged.join('\n')]
  for (const path of ['/keys', '/usage', '/audit', '/tokens', '/model-keys', '/me'])
    texts.push(await (await hub.api('GET', path)).text())
  for (const { parentPath, name } of (await readdir(hub.folder, { recursive: true, withFileTypes: true })).filter(one =>
    one.isFile(),
  ))
    texts.push(await readFile(join(parentPath, name), 'latin1'))
  assert.ok(texts.length > 8)
  for (const text of texts) {
    assert.ok(!text.includes(key))
    assert.ok(!text.includes(Buffer.from(key).toString('base64').slice(0, 40)))
    assert.ok(!text.includes(key.slice(3, 20)))
  }
  assert.match(texts[1]!, /"ends":"ider"/)
})
