/**
 * Secrets of workflows and models that are nowhere but where they belong: a hub that uses them is looked through at the
 * four places where they could leak. The service and the model repeat what they were sent as far as they can.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { type Gate, gateSchema, listOf, projectSchema } from '@meshbook/core/api.ts'
import { keySchema } from '@meshbook/core/tasks-api.ts'
import { workflowRunSchema } from '@meshbook/core/workflows-api.ts'
import { Redis } from 'ioredis'
import { openBrowser } from '../browser.ts'
import { type Cleanup, command, eventually, type MeshProcess, startProcess, temporaryFolder } from '../mesh-process.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { onDatabase, TestPostgres } from '../postgres.ts'
import { TestRedis } from '../redis.ts'
import { Canaries, type Looked } from '../sandbox/canary.ts'

export const surfaces = {
  store: 'at rest: database, its log, objects, logs, backup',
  jobs: 'rows: runs, events, checkpoints, inbox, jobs, messages between hubs',
  exports: 'exports: files, logs, statements, every answer of the API',
  browser: 'browser: requests, answers, sockets, page',
} as const

export interface Audit {
  looked: ReadonlyMap<string, Looked>
  /** Hosts that the browser asked beside the hub. */
  strangers: string[]
}

interface Scene {
  data: string
  hub: MeshProcess
  client: ApiClient
  canaries: Canaries
  /** What the steps brought: it is looked for, so that looking is known to find. */
  witness: string
  /** How commands reach the database of the hub. */
  database: NodeJS.ProcessEnv
  rows(): Promise<string[]>
  more(): Promise<void>
}

const token = `mb_${randomBytes(24).toString('hex')}`
const authorization = { authorization: `Bearer ${token}` }
const canary = (): string => `sk-canary-${randomBytes(20).toString('hex')}/+~${randomBytes(6).toString('hex')}`

export async function auditSecrets(t: Cleanup, where: 'sqlite' | 'postgres and redis'): Promise<Audit> {
  const secrets = { 'key of the model': canary(), 'secret of the service': canary() }
  const service = await startService(t, secrets['secret of the service'])
  const models = await startModelServer({
    key: secrets['key of the model'],
    script: ({ body }) => ({ say: `I was asked: ${JSON.stringify(body).slice(0, 2_000)}` }),
  })
  t.after(() => models.close())
  const s = await startScene(t, where, new Canaries(secrets), {
    MESHBOOK_ANTHROPIC_URL: models.url,
    MESHBOOK_WORKFLOWS_PRIVATE: '1',
    MESHBOOK_BOOTSTRAP_TOKEN: token,
  })
  const { client } = s
  await client.post('/projects', { name: 'audit' }, projectSchema)
  await client.put('/keys/anthropic', { kind: 'anthropic', value: secrets['key of the model'] }, keySchema)
  const key = { kind: 'secret', value: secrets['secret of the service'], at: new URL(service.url).host }
  await client.put('/keys/SERVICE', key, keySchema)

  const id = await begin(client, workflow(service.url, s.witness), s.witness)
  const gate = await openGate(client, id)
  await look(s, 'while it waits')
  const { digest, nonce } = gate
  await client.post(`/gates/${gate.id}/decide`, { decision: 'approved', digest, nonce }, gateSchema)
  await ended(client, id, 'completed')
  const refused = await begin(client, workflow(`${service.url}/refuses`, s.witness), s.witness)
  await ended(client, refused, 'failed')
  assert.ok(service.heard() >= 2, 'the service had its secret')
  assert.ok(models.asked.length >= 1, 'the model was asked with its key')

  const strangers = await lookInBrowser(t, s, id)
  await lookAtAnswers(s, [id, refused])
  await look(s, 'afterwards')
  const backup = join(s.data, '..', 'audit.backup.age')
  const made = await command(['backup', backup, '--json', '--data', s.data], s.database)
  s.canaries.look(surfaces.store, 'what the backup said', made.stdout + made.stderr)
  assert.equal(made.code, 0, made.stdout + made.stderr)
  s.canaries.tree(surfaces.store, join(s.data, '..'))
  s.canaries.look(surfaces.store, 'log of the hub', s.hub.errors())
  return { looked: s.canaries.places, strangers }
}

/** Repeats the header that it was sent in its answer, and in what it says when it refuses. */
async function startService(t: Cleanup, secret: string): Promise<{ url: string; heard(): number }> {
  let heard = 0
  const server = createServer((request, response) => {
    const said = request.headers.authorization
    if (said === `Bearer ${secret}`) heard++
    const status = request.url === '/refuses' ? 403 : said === `Bearer ${secret}` ? 200 : 401
    const echo = { said, headers: request.headers, why: `who says ${said}?` }
    response.writeHead(status, { 'content-type': 'application/json', 'x-said': said }).end(JSON.stringify(echo))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard: () => heard }
}

const workflow = (url: string, witness: string): string => `meshbook: workflow/v1
name: audit
inputs: { which: { type: secret, default: SERVICE }, word: { type: string } }
budget: { usd: 5.00 }
steps:
  fetch: { http: { url: '${url}', headers: { authorization: 'Bearer \${{ secrets.SERVICE }}' } } }
  each: { needs: fetch, map: { over: [1, 2, 3], steps: { one: { transform: 'item * 2' } }, output: '\${{ steps.one.output }}' } }
  ask: { needs: each, prompt: { models: [claude-haiku-4-5], user: 'Say ${witness} and this: \${{ json(steps.fetch.output) }}', max_tokens: 4000 } }
  review: { needs: ask, gate: { ask: 'Is it well?', show: '\${{ steps.ask.output }}' } }
output: '\${{ steps.ask.output }}'
`

async function begin(client: ApiClient, text: string, word: string): Promise<string> {
  const body = { file: 'audit.workflow.yaml', files: { 'audit.workflow.yaml': text }, inputs: { word } }
  return (await client.post('/workflow-runs', body, workflowRunSchema)).id
}

async function ended(client: ApiClient, id: string, status: string): Promise<void> {
  const run = await eventually('the run has ended', async () => {
    const run = await client.get(`/workflow-runs/${id}`, workflowRunSchema)
    return run.endedAt !== null && run
  })
  assert.equal(run.status, status, JSON.stringify(run.error))
}

async function openGate(client: ApiClient, run: string): Promise<Gate> {
  const id = await eventually('the gate is open', async () => {
    const { items } = await client.get(`/gates?state=open&run=${run}`, listOf(gateSchema))
    return items[0]?.id
  })
  return client.get(`/gates/${id}`, gateSchema)
}

async function startScene(
  t: Cleanup,
  where: Parameters<typeof auditSecrets>[1],
  canaries: Canaries,
  env: NodeJS.ProcessEnv,
): Promise<Scene> {
  const data = join(await temporaryFolder(t), 'data')
  assert.equal((await command(['backup', '--new-key', '--json', '--data', data])).code, 0)
  const start = (more: NodeJS.ProcessEnv) => startProcess(t, data, ['hub', '--port', '0'], { ...env, ...more })
  const sceneOf = (hub: MeshProcess) => ({
    ...{ data, hub, canaries, witness: `witness-${randomBytes(8).toString('hex')}` },
    client: new ApiClient({ hub: hub.url, token }),
  })
  if (where === 'sqlite') {
    const hub = await start({})
    return {
      ...sceneOf(hub),
      database: {},
      rows: async () => sqliteRows(join(data, 'hub.db')),
      more: async () => undefined,
    }
  }
  const [postgres, redis] = [await TestPostgres.start(t), await TestRedis.start(t)]
  const database = await postgres.newDatabase()
  const more = { MESHBOOK_DATABASE_URL: database.url, MESHBOOK_REDIS_URL: redis.url }
  const migrated = await command(['hub', '--migrate', '--data', data], {
    ...{ ...env, ...more },
    MESHBOOK_DATABASE_OWNER_URL: database.ownerUrl,
  })
  assert.equal(migrated.code, 0, migrated.stderr)
  const connection = new Redis(redis.url)
  const monitor = await connection.monitor()
  const told: string[] = []
  monitor.on('monitor', (_time: string, args: string[]) => told.push(args.join(' ')))
  t.after(() => {
    monitor.disconnect()
    connection.disconnect()
  })
  const hub = await start(more)
  return {
    ...sceneOf(hub),
    database: { ...more, MESHBOOK_DATABASE_OWNER_URL: database.ownerUrl },
    rows: async () => [...(await postgresRows(database.superuserUrl)), ...told],
    more: async () => {
      // The log is written before the tables: what is only there is on the disk, too.
      await onDatabase(database.superuserUrl, client => client.query('CHECKPOINT'))
      canaries.tree(surfaces.store, postgres.folder)
    },
  }
}

function sqliteRows(file: string): string[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[]
    return tables.flatMap(({ name }) => database.prepare(`SELECT * FROM "${name}"`).all().map(rowText))
  } finally {
    database.close()
  }
}

async function postgresRows(url: string): Promise<string[]> {
  return onDatabase(url, async client => {
    const tables = await client.query<{ name: string }>(
      "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
    const rows: string[] = []
    for (const { name } of tables.rows) rows.push(...(await client.query(`SELECT * FROM ${name}`)).rows.map(rowText))
    return rows
  })
}

/** Bytes as they are, so that what stands in them is found. */
function rowText(row: unknown): string {
  return Object.values(row as Record<string, unknown>)
    .map(value => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)))
    .join('\n')
}

async function look(s: Scene, when: string): Promise<void> {
  const { canaries } = s
  const rows = await s.rows()
  assert.ok(
    rows.some(row => row.includes(s.witness)),
    `what is looked at ${when} has what the steps brought`,
  )
  for (const row of rows) canaries.look(surfaces.jobs, `a row ${when}`, row)
  canaries.tree(surfaces.store, s.data)
  await s.more()
}

/** Every GET of the API, with the run where it wants one. */
async function lookAtAnswers({ hub, canaries }: Scene, runs: readonly string[]): Promise<void> {
  const { text } = await shown(hub, '/api/v1/openapi.json')
  const { paths } = JSON.parse(text) as { paths: Record<string, { get?: unknown }> }
  const wanted = new Set<string>()
  for (const [path, { get }] of Object.entries(paths))
    if (get) for (const run of runs) wanted.add(path.replace(/\{[^}]*\}|:\w+/g, run))
  let answered = 0
  for (const path of wanted) {
    const answer = await shown(hub, path)
    if (answer.status === 200) answered++
    canaries.look(surfaces.exports, path, answer.head + answer.text)
  }
  assert.ok(answered > 20, `${answered} of ${wanted.size}`)
}

const streamMs = 400

/** Of a stream that does not end: what had come by then. */
async function shown(hub: MeshProcess, path: string): Promise<{ status: number; head: string; text: string }> {
  const signal = AbortSignal.timeout(streamMs * 10)
  const answer = await fetch(hub.url + path, { headers: authorization, redirect: 'manual', signal })
  const isStream = answer.headers.get('content-type') === 'text/event-stream'
  const head = JSON.stringify([...answer.headers])
  if (!isStream) return { status: answer.status, head, text: await answer.text() }
  const reader = answer.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const late = new Promise<undefined>(resolve => setTimeout(resolve, streamMs, undefined))
    const came = await Promise.race([reader.read(), late])
    if (!came || came.done) break
    text += decoder.decode(came.value, { stream: true })
  }
  await reader.cancel()
  return { status: answer.status, head, text }
}

async function lookInBrowser(t: Cleanup, s: Scene, run: string): Promise<string[]> {
  const { hub, canaries } = s
  const at = surfaces.browser
  const strangers: string[] = []
  const { page } = await openBrowser(t)
  page.on('request', request => {
    const { host, protocol } = new URL(request.url())
    if (protocol.startsWith('http') && host !== new URL(hub.url).host) strangers.push(host)
    canaries.look(
      at,
      request.url(),
      `${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ''}`,
    )
  })
  page.on('response', response => {
    canaries.look(at, response.url(), JSON.stringify(response.headers()))
    // A stream of events has no end; what had come of it is in the page.
    response.body().then(
      body => canaries.look(at, response.url(), body),
      () => undefined,
    )
  })
  page.on('websocket', socket => {
    socket.on('framereceived', ({ payload }) => canaries.look(at, socket.url(), payload))
    socket.on('framesent', ({ payload }) => canaries.look(at, socket.url(), payload))
  })
  await page.goto(hub.link)
  await page.waitForURL(url => url.pathname !== '/signin')
  const pages = ['workflows', `workflows/${run}`, 'keys', 'usage', 'gates', 'audit', 'runs'].map(
    name => `/portal/${name}`,
  )
  for (const path of pages) {
    await page.goto(hub.url + path)
    await page.locator('main h1').waitFor()
    canaries.look(at, path, await page.content())
  }
  return strangers
}
