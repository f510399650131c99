import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ModelWire } from '@meshbook/core/model-wires.ts'
import { Tunnel } from '@meshbook/engine/tunnel.ts'
import { AgentModels } from './agent-models.ts'
import { ModelsPort } from './models-port.ts'

type Gateway = (request: IncomingMessage, response: ServerResponse) => void

/** The port of an agent, its way to the runner, and a gateway behind the runner's socket. */
async function scene(t: TestContext, gateway: Gateway, wire: ModelWire = 'anthropic') {
  const folder = mkdtempSync(join(tmpdir(), 'mb-models-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const socket = join(folder, 's')
  const server = createServer(gateway)
  server.listen(socket)
  await once(server, 'listening')
  t.after(() => server.close())
  const wrong: string[] = []
  const models = new AgentModels({
    socket,
    order: { wire, model: 'the-model' },
    port: async taken => {
      const near: ModelsPort = new ModelsPort(message => queueMicrotask(() => far.take(message)))
      const far = new Tunnel({
        send: message => queueMicrotask(() => near.take(message)),
        fail: why => void wrong.push(why),
        taken: (_name, connection) => taken(connection),
      })
      const port = await near.open()
      t.after(() => near.close())
      return port
    },
  })
  const env = await models.open()
  const base = (env.ANTHROPIC_BASE_URL ?? env.OPENAI_BASE_URL ?? env.GOOGLE_GEMINI_BASE_URL)!
  return { models, env, base, wrong }
}

test('TW41 what is of the wire format passes, as it is but for its credential', async t => {
  const seen: { url: string; headers: IncomingMessage['headers']; body: string }[] = []
  const { models, base, wrong } = await scene(t, async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString('utf8')
    seen.push({ url: request.url!, headers: request.headers, body })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let piece = 0; piece < 50; piece += 1) response.write('x'.repeat(20_000))
    response.end('end')
  })
  models.let(true)
  const large = JSON.stringify({ model: 'm', text: 'ä'.repeat(500_000) })
  const headers = { 'x-api-key': 'sk-own', 'anthropic-version': '2023-06-01', cookie: 'a=b' }
  const answer = await fetch(`${base}/v1/messages?beta=true`, { method: 'POST', headers, body: large })
  assert.equal(answer.status, 200)
  assert.equal((await answer.text()).length, 1_000_003)
  const [asked] = seen
  assert.ok(asked?.body === large)
  assert.deepEqual([asked?.url, asked?.headers['x-api-key']], ['/v1/messages?beta=true', 'the-broker-has-it'])
  assert.deepEqual([asked?.headers['anthropic-version'], asked?.headers.cookie], ['2023-06-01', undefined])
  for (const path of ['/v1/files', '/v1/chat/completions', '/gateway/anthropic/v1/messages', '/'])
    assert.equal((await fetch(`${base}${path}`, { method: 'POST', body: '{}' })).status, 404)
  assert.equal(seen.length, 1)
  assert.deepEqual(wrong, [])
})

test('TW41 the other format, where the task has it', async t => {
  const { models, env, base } = await scene(t, (_request, response) => void response.end('[]'), 'openai')
  models.let(true)
  assert.deepEqual(Object.keys(env), ['OPENAI_BASE_URL', 'OPENAI_API_KEY', 'OPENAI_MODEL'])
  assert.equal((await fetch(`${base}/models`)).status, 200)
  assert.equal((await fetch(`${base}/messages`, { method: 'POST', body: '{}' })).status, 404)
})

test('TW42 nothing passes without a prompt, nor after the budget is used up', async t => {
  let asked = 0
  const { models, base } = await scene(t, (_request, response) => {
    asked += 1
    response.writeHead(402).end(JSON.stringify({ type: 'error', error: { type: 'x', message: 'Spent: $1 of $1.' } }))
  })
  const ask = async () => (await fetch(`${base}/v1/messages`, { method: 'POST', body: '{}' })).status
  assert.equal(await ask(), 503)
  models.let(true)
  assert.equal(await ask(), 402)
  if (!models.usedUp.aborted) await once(models.usedUp, 'abort')
  assert.equal(models.usedUp.reason, 'Spent: $1 of $1.')
  assert.equal(await ask(), 402)
  models.let(false)
  assert.equal(asked, 1)
})

test('TW42 while other calls hold what is left, one is told to come again', async t => {
  const release = Promise.withResolvers<void>()
  t.after(() => release.resolve())
  const first = Promise.withResolvers<void>()
  let asked = 0
  const { models, base } = await scene(t, async (_request, response) => {
    asked += 1
    if (asked === 1) {
      first.resolve()
      await release.promise
      response.end('{}')
    } else response.writeHead(asked === 2 ? 402 : 200).end('{}')
  })
  models.let(true)
  const ask = () => fetch(`${base}/v1/messages`, { method: 'POST', body: '{}' })
  const long = ask()
  await first.promise
  const held = await ask()
  assert.deepEqual([held.status, held.headers.get('retry-after')], [429, '1'])
  release.resolve()
  assert.equal((await long).status, 200)
  assert.equal(models.usedUp.aborted, false)
  assert.equal((await ask()).status, 200)
})

test('TW41 who leaves in the middle, or speaks no HTTP, harms nobody else', async t => {
  const { models, base } = await scene(t, (_request, response) => void response.end('{}'))
  models.let(true)
  const { port } = new URL(base)
  for (const words of ['no http\r\n\r\n', 'POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf']) {
    const socket = connect(Number(port), '127.0.0.1')
    socket.on('error', () => socket.destroy())
    await once(socket, 'connect')
    socket.write(words)
    await new Promise(resolve => setTimeout(resolve, 50))
    socket.resetAndDestroy()
  }
  assert.equal((await fetch(`${base}/v1/messages`, { method: 'POST', body: '{}' })).status, 200)
})

test('TW41 of Gemini the two requests pass that ask a model, in either version', async t => {
  const seen: string[] = []
  const { models, base, env } = await scene(
    t,
    (request, response) => {
      seen.push(`${request.url} ${request.headers['x-goog-api-key']}`)
      response.end('{}')
    },
    'gemini',
  )
  assert.deepEqual([env.GEMINI_MODEL, env.GEMINI_API_KEY !== undefined], ['the-model', true])
  models.let(true)
  const statuses: number[] = []
  for (const path of [
    '/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse',
    '/v1/models/gemini-2.5-pro:generateContent',
    '/v1beta/models/gemini-2.5-pro:batchGenerateContent',
    '/v1beta/files',
    '/v1/messages',
  ]) {
    const answer = await fetch(`${base}${path}`, {
      method: 'POST',
      headers: { 'x-goog-api-key': 'sk-own' },
      body: '{}',
    })
    statuses.push(answer.status)
    await answer.arrayBuffer()
  }
  assert.deepEqual(statuses, [200, 200, 404, 404, 404])
  assert.deepEqual(seen, [
    '/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse undefined',
    '/v1/models/gemini-2.5-pro:generateContent undefined',
  ])
})
