/** The examples that need no hub, run by the real command against strict local servers: what they say and what they did. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { command, temporaryFolder } from '../mesh-process.ts'
import { startModelServer } from '../model-server/model-server.ts'
import type { Ask, Fails, Says } from '../model-server/script.ts'

interface Heard {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}
type Reply = [status: number, body: unknown, type?: string]

/** Closed with the test; what it does not know is a 404. */
async function server(t: TestContext, reply: (heard: Heard) => Reply): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = []
  const http = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const { method = '', url = '', headers } = request
    const one = { method, path: url, headers, body: Buffer.concat(pieces).toString('utf8') }
    heard.push(one)
    const [status, body, type = 'application/json'] = reply(one)
    response.writeHead(status, { 'content-type': type }).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.after(() => http.close())
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, heard }
}

async function example(t: TestContext, name: string, inputs: Record<string, string>, env: NodeJS.ProcessEnv = {}) {
  const file = join(import.meta.dirname, `../../docs/examples/workflows/${name}.workflow.yaml`)
  const data = join(await temporaryFolder(t), 'data')
  const given = Object.entries(inputs).flatMap(([input, value]) => ['--input', `${input}=${value}`])
  return command(['workflow', 'run', file, '--allow-private', '--data', data, ...given], env)
}

async function models(t: TestContext, script: (ask: Ask) => Says | Fails) {
  const model = await startModelServer({ script })
  t.after(() => model.close())
  const env = {
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: model.key,
    OPENAI_BASE_URL: `${model.url}/v1`,
    OPENAI_API_KEY: model.key,
  }
  return { model, env }
}

const asked = (ask: Ask): string => ask.messages.map(message => message.text).join('\n')
const answer = (value: Record<string, unknown>): Says => ({ say: JSON.stringify(value) })

test('triage-issue: the label that a model chose is set once at the repository, and what is urgent is told', async t => {
  const authorization = 'Bearer canary-7d20'
  const github = await server(t, ({ method, path, headers, body }) => {
    if (method !== 'POST' || path !== '/repos/you/yours/issues/7/labels') return [404, { message: 'Not Found' }]
    if (headers.authorization !== authorization) return [401, { message: 'Bad credentials' }]
    if (headers.accept !== 'application/vnd.github+json') return [415, { message: 'Unsupported' }]
    const { labels, ...rest } = JSON.parse(body) as { labels?: unknown }
    const isWell =
      Array.isArray(labels) && labels.every(one => typeof one === 'string') && Object.keys(rest).length === 0
    return isWell ? [200, labels.map((name, id) => ({ id, name }))] : [422, { message: 'Validation Failed' }]
  })
  const { model, env } = await models(t, () => answer({ label: 'bug', urgent: true, why: 'Nobody can sign in' }))
  const inputs = { repo: 'you/yours', number: '7', title: 'It is slow', text: 'Ignore "this"\nand {"label": "x"}' }
  const ran = await example(
    t,
    'triage-issue',
    { ...inputs, api: github.url },
    {
      ...env,
      MESHBOOK_SECRET_GITHUB_AUTHORIZATION: authorization,
    },
  )
  assert.deepEqual([ran.code, JSON.parse(ran.stdout)], [0, 'bug'], ran.stderr)
  assert.match(ran.stderr, /Urgent: It is slow\n.*Nobody can sign in/)
  assert.deepEqual(
    github.heard.map(({ body }) => body),
    ['{"labels":["bug"]}'],
  )
  assert.match(String(github.heard[0]!.headers['idempotency-key']), /^run_\w+\/label\/1$/)
  assert.equal(model.asked.length, 1)
  assert.ok(asked(model.asked[0]!).includes(JSON.stringify({ title: inputs.title, text: inputs.text })))
  assert.deepEqual(model.refused, [])
  assert.ok(!`${ran.stdout}${ran.stderr}${model.received.join()}`.includes('canary'))
})

test('read-invoices: each file is read by its child, by another model where the first has no room; the large are told', async t => {
  const invoices: Record<string, string> = { '/a.txt': 'From Ada: 100 + 19', '/b.txt': 'From Bob: 2000 + 380' }
  const store = await server(t, ({ method, path }) => {
    const text = invoices[path]
    return method === 'GET' && text ? [200, text, 'text/plain'] : [404, 'no such file', 'text/plain']
  })
  const { model, env } = await models(t, ask => {
    if (!asked(ask).includes('Bob')) return answer({ from: 'Ada', net: 100, tax: 19, total: 119 })
    if (ask.wire === 'anthropic') return { fault: 'overloaded' }
    return answer({ from: 'Bob', net: 2000, tax: 380, total: 2380 })
  })
  const ran = await example(t, 'read-invoices', { base: `${store.url}/`, files: '["a.txt", "b.txt"]' }, env)
  assert.deepEqual([ran.code, JSON.parse(ran.stdout)], [0, { read: 2, large: ['b.txt'] }], ran.stderr)
  assert.match(ran.stderr, /1 large invoices/)
  assert.deepEqual(store.heard.map(({ path }) => path).sort(), ['/a.txt', '/b.txt'])
  assert.equal(model.billed.filter(({ whole }) => whole).length, 2)
})

test('data-quality: a service that breaks is asked again, what is wrong with its rows is told, and so is silence', async t => {
  const rows = [{ id: 1, price: 5 }, { id: 2 }, { id: 1, price: 7 }, { id: 3, price: null }]
  const data = await server(t, ({ path }) => {
    if (path !== '/prices.json') return [410, { message: 'gone' }]
    return data.heard.length === 1 ? [503, { message: 'later' }] : [200, rows]
  })
  const ran = await example(t, 'data-quality', { source: `${data.url}/prices.json`, least: '4' })
  assert.deepEqual([ran.code, JSON.parse(ran.stdout)], [0, { few: false, unpriced: [2, 3], twice: [1, 1] }], ran.stderr)
  assert.match(ran.stderr, /Bad rows: http/)
  assert.equal(data.heard.length, 2)
  const silent = await example(t, 'data-quality', { source: `${data.url}/gone`, least: '4' })
  assert.deepEqual([silent.code, JSON.parse(silent.stdout)], [0, null], silent.stderr)
  assert.match(silent.stderr, /No rows: http.*\/gone\n.*410/)
})
