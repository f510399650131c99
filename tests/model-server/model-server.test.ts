import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { signatureOf } from './gemini-wire.ts'
import { type ModelServer, startModelServer } from './model-server.ts'
import { inOrder, type Script } from './script.ts'

async function server(t: TestContext, script: Script = () => ({ say: 'ok' })): Promise<ModelServer> {
  const server = await startModelServer({ script, models: ['claude-test', 'gpt-test', 'gemini-test'] })
  t.after(() => server.close())
  return server
}

interface Reply {
  status: number
  text: string
  error: { type?: string; message?: string; code?: string | number | null; status?: string; details?: object[] }
}

async function post(url: string, headers: Record<string, string>, body: unknown): Promise<Reply> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type') === 'application/json'
  const error = isJson ? (JSON.parse(text) as { error?: Reply['error'] }).error : undefined
  return { status: answer.status, text, error: error ?? {} }
}

const anthropicHeaders = { 'x-api-key': 'test-key', 'anthropic-version': '2026-10-21' }
const openAiHeaders = { authorization: 'Bearer test-key' }
const user = { role: 'user', content: 'hello' }
const tool = { name: 'read', input_schema: { type: 'object', properties: {} } }
const used = { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'read', input: {} }] }
const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'x' }

const anthropicRefusals: [string, object, number, RegExp][] = [
  ['an unknown field', { colour: 'red' }, 400, /^colour: Extra inputs are not permitted$/],
  ['a missing field', { max_tokens: undefined }, 400, /^max_tokens: Field required$/],
  ['an unknown field inside', { messages: [{ ...user, name: 'x' }] }, 400, /^messages\.0\.name: Extra inputs/],
  ['a wrong role', { messages: [{ role: 'system', content: 'x' }] }, 400, /^messages\.0\.role: Input should be/],
  ['no message', { messages: [] }, 400, /at least one message/],
  ['an empty text', { messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] }, 400, /must be non-empty/],
  [
    'an agent that begins',
    { messages: [{ role: 'assistant', content: 'x' }, user] },
    400,
    /first message must use the "user" role/,
  ],
  [
    'an unanswered call',
    { tools: [tool], messages: [user, used, user] },
    400,
    /ids were found without `tool_result` blocks immediately after: toolu_1/,
  ],
  [
    'an answer without a call',
    { messages: [{ role: 'user', content: [result] }] },
    400,
    /unexpected `tool_use_id` found in `tool_result` blocks: toolu_1/,
  ],
  [
    'two answers',
    { tools: [tool], messages: [user, used, { role: 'user', content: [result, result] }] },
    400,
    /single result/,
  ],
  [
    'text before an answer',
    { tools: [tool], messages: [user, used, { role: 'user', content: [{ type: 'text', text: 'x' }, result] }] },
    400,
    /must come before/,
  ],
  [
    'a thought with another signature',
    { messages: [user, { role: 'assistant', content: [{ type: 'thinking', thinking: 'x', signature: 'y' }] }, user] },
    400,
    /Invalid `signature`/,
  ],
  ['an end that is the agent’s', { messages: [user, { role: 'assistant', content: 'x' }] }, 400, /prefill/],
  ['a temperature', { temperature: 1 }, 400, /^temperature: this parameter is not supported/],
  ['an unknown model', { model: 'other' }, 404, /^model: other$/],
]

for (const [what, change, status, message] of anthropicRefusals)
  test(`Anthropic refuses ${what} as the provider does`, async t => {
    const { url, refused } = await server(t)
    const body = { model: 'claude-test', max_tokens: 100, messages: [user], ...change }
    const reply = await post(`${url}/v1/messages`, anthropicHeaders, body)
    assert.equal(reply.status, status, reply.text)
    assert.match(reply.error.message ?? '', message)
    assert.equal((JSON.parse(reply.text) as { type: string }).type, 'error')
    assert.equal(refused.length, 1)
  })

test('Anthropic refuses a wrong key, and a request without a version', async t => {
  const { url } = await server(t)
  const body = { model: 'claude-test', max_tokens: 100, messages: [user] }
  const wrong = await post(`${url}/v1/messages`, { ...anthropicHeaders, 'x-api-key': 'no' }, body)
  assert.deepEqual(
    [wrong.status, wrong.error.type, wrong.error.message],
    [401, 'authentication_error', 'invalid x-api-key'],
  )
  const bare = await post(`${url}/v1/messages`, { 'x-api-key': 'test-key' }, body)
  assert.deepEqual([bare.status, bare.error.message], [400, 'anthropic-version: header is required'])
})

const call = { id: 'call_1', type: 'function', function: { name: 'read', arguments: '{}' } }
const openAiRefusals: [string, object, number, RegExp][] = [
  ['an unknown field', { colour: 'red' }, 400, /^Unrecognized request argument supplied: colour$/],
  [
    'a missing field',
    { messages: [{ role: 'user' }] },
    400,
    /^Missing required parameter: 'messages\[0\]\.content'\.$/,
  ],
  ['a wrong role', { messages: [{ role: 'robot', content: 'x' }] }, 400, /^Invalid value for 'messages\[0\]\.role'/],
  [
    'an unanswered call',
    { messages: [user, { role: 'assistant', content: null, tool_calls: [call] }, user] },
    400,
    /did not have response messages: call_1$/,
  ],
  [
    'an answer without a call',
    { messages: [user, { role: 'tool', tool_call_id: 'call_1', content: 'x' }] },
    400,
    /must be a response to a preceeding message/,
  ],
  ['no message', { messages: [] }, 400, /empty array/],
  ['usage without a stream', { stream_options: { include_usage: true } }, 400, /only allowed when 'stream' is enabled/],
  ['an unknown model', { model: 'other' }, 404, /^The model `other` does not exist/],
]

for (const [what, change, status, message] of openAiRefusals)
  test(`OpenAI refuses ${what} as the provider does`, async t => {
    const { url } = await server(t)
    const body = { model: 'gpt-test', messages: [user], ...change }
    const reply = await post(`${url}/v1/chat/completions`, openAiHeaders, body)
    assert.equal(reply.status, status, reply.text)
    assert.match(reply.error.message ?? '', message)
  })

const asked = { functionCall: { name: 'read', args: {} }, thoughtSignature: signatureOf('read') }
const said = { role: 'user', parts: [{ text: 'hello' }] }
const answered = { functionResponse: { name: 'read', response: { output: 'x' } } }
const geminiRefusals: [string, object, RegExp][] = [
  [
    'an unknown field',
    { colour: 'red' },
    /^Invalid JSON payload received\. Unknown name "colour": Cannot find field\.$/,
  ],
  [
    'an unknown field inside',
    { contents: [{ ...said, name: 'x' }] },
    /Unknown name "name" at 'contents\[0\]': Cannot find field\.$/,
  ],
  ['no contents', { contents: [] }, /contents is not specified/],
  ['no parts', { contents: [{ role: 'user', parts: [] }] }, /contents\[0\]\.parts: contents\.parts must not be empty/],
  ['a part without data', { contents: [{ role: 'user', parts: [{ thought: true }] }] }, /required oneof field 'data'/],
  ['a wrong role', { contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }, /valid role: user, model/],
  ['a wrong value', { generationConfig: { maxOutputTokens: 'x' } }, /'generation_config\.max_output_tokens'/],
  [
    'an unanswered call',
    { contents: [said, { role: 'model', parts: [asked] }, said] },
    /number of function response parts is equal/,
  ],
  [
    'an answer without a call',
    { contents: [{ role: 'user', parts: [answered] }] },
    /immediately after a function call turn/,
  ],
  [
    'a call that is not signed',
    {
      contents: [
        said,
        { role: 'model', parts: [{ functionCall: { name: 'read' } }] },
        { role: 'user', parts: [answered] },
      ],
    },
    /missing a thought_signature/,
  ],
  [
    'a call that is signed for another',
    {
      contents: [
        said,
        { role: 'model', parts: [{ ...asked, thoughtSignature: signatureOf('write') }] },
        { role: 'user', parts: [answered] },
      ],
    },
    /Corrupted thought signature/,
  ],
  ['a name of a tool', { tools: [{ functionDeclarations: [{ name: 'a b' }] }] }, /Invalid function name/],
  ['a schema without its type', { generationConfig: { responseJsonSchema: {} } }, /response_mime_type/],
]

for (const [what, change, message] of geminiRefusals)
  test(`Gemini refuses ${what} as the provider does`, async t => {
    const { url, refused } = await server(t)
    const address = `${url}/v1beta/models/gemini-test:streamGenerateContent?alt=sse`
    const reply = await post(address, { 'x-goog-api-key': 'test-key' }, { contents: [said], ...change })
    assert.deepEqual([reply.status, reply.error.code, reply.error.status], [400, 400, 'INVALID_ARGUMENT'], reply.text)
    assert.match(reply.error.message ?? '', message)
    assert.equal(refused.length, 1)
  })

test('Gemini refuses a wrong key, none, and a model that is unknown; a limit says how long it lasts', async t => {
  const { url } = await server(t, () => ({ fault: 'rate-limited', retryAfterSeconds: 3 }))
  const ask = (model: string, headers: Record<string, string>) =>
    post(`${url}/v1beta/models/${model}:generateContent`, headers, { contents: [said] })
  const wrong = await ask('gemini-test', { 'x-goog-api-key': 'no' })
  assert.deepEqual([wrong.status, wrong.error.message], [400, 'API key not valid. Please pass a valid API key.'])
  const none = await ask('gemini-test', {})
  assert.deepEqual([none.status, none.error.status], [403, 'PERMISSION_DENIED'])
  const other = await ask('other', { 'x-goog-api-key': 'test-key' })
  assert.deepEqual([other.status, other.error.status], [404, 'NOT_FOUND'])
  const limited = await ask('gemini-test', { 'x-goog-api-key': 'test-key' })
  assert.deepEqual([limited.status, limited.error.status], [429, 'RESOURCE_EXHAUSTED'])
  assert.match(limited.text, /google\.rpc\.RetryInfo","retryDelay":"3s"/)
})

test('a stream of Gemini has the reason of its end and all usage in its last chunk, and no other mark', async t => {
  const { url } = await server(t, () => ({ think: 'hm', say: 'hello', calls: [{ tool: 'read', input: {} }] }))
  const address = `${url}/v1beta/models/gemini-test:streamGenerateContent?alt=sse`
  const { text } = await post(address, { 'x-goog-api-key': 'test-key' }, { contents: [said] })
  const chunks = text
    .split('\r\n\r\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line.replace(/^data: /, '')) as { candidates: { finishReason?: string }[] })
  assert.deepEqual(
    chunks.map(({ candidates }) => candidates[0]?.finishReason).filter(reason => reason !== undefined),
    ['STOP'],
  )
  assert.match(JSON.stringify(chunks.at(-1)), /"finishReason":"STOP".*"thoughtsTokenCount":1,/)
})

test('a stream of Anthropic has its events in the published order', async t => {
  const { url, billed } = await server(t, () => ({
    think: 'hm',
    say: 'hello',
    calls: [{ tool: 'read', input: { path: 'a' } }],
  }))
  const body = { model: 'claude-test', max_tokens: 100, messages: [user], tools: [tool], stream: true }
  const { text } = await post(`${url}/v1/messages`, anthropicHeaders, body)
  const types = [...text.matchAll(/^event: (\w+)$/gm)].map(match => match[1])
  assert.deepEqual(
    types.filter((type, at) => type !== types[at - 1]),
    [
      'message_start',
      ...['content_block_start', 'ping', 'content_block_delta', 'content_block_stop'],
      ...['content_block_start', 'content_block_delta', 'content_block_stop'],
      ...['content_block_start', 'content_block_delta', 'content_block_stop'],
      ...['message_delta', 'message_stop'],
    ],
  )
  assert.equal(billed[0]?.whole, true)
})

test('a stream of OpenAI ends with its usage and [DONE]', async t => {
  const { url } = await server(t)
  const body = { model: 'gpt-test', messages: [user], stream: true, stream_options: { include_usage: true } }
  const { text } = await post(`${url}/v1/chat/completions`, openAiHeaders, body)
  const lines = text.split('\n\n').filter(line => line !== '')
  assert.equal(lines.at(-1), 'data: [DONE]')
  const last = JSON.parse(lines.at(-2)!.slice(6)) as { choices: unknown[]; usage: { total_tokens: number } }
  assert.deepEqual(last.choices, [])
  assert.ok(last.usage.total_tokens > 0)
})

test('what was marked for the cache is read from there by the next request', async t => {
  const { url, billed } = await server(t, inOrder({ say: 'a' }))
  const system = [{ type: 'text', text: 'x'.repeat(4_000), cache_control: { type: 'ephemeral' } }]
  for (const content of ['one', 'two'])
    await post(`${url}/v1/messages`, anthropicHeaders, {
      model: 'claude-test',
      max_tokens: 9,
      system,
      messages: [{ role: 'user', content }],
    })
  assert.ok(billed[0]!.cacheWriteTokens > 1_000 && billed[0]!.cacheReadTokens === 0)
  assert.deepEqual([billed[1]!.cacheReadTokens, billed[1]!.cacheWriteTokens], [billed[0]!.cacheWriteTokens, 0])
})

test('faults of a script have the status and the body of the provider', async t => {
  const { url } = await server(t, ({ number }) =>
    number === 1 ? { fault: 'overloaded' } : { fault: 'rate-limited', retryAfterSeconds: 3 },
  )
  const body = { model: 'claude-test', max_tokens: 9, messages: [user] }
  const first = await post(`${url}/v1/messages`, anthropicHeaders, body)
  assert.deepEqual([first.status, first.error.type], [529, 'overloaded_error'])
  const answer = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { ...anthropicHeaders, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [429, '3'])
})
