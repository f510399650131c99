/** A hub without any device, and an engine: code runs in containers that come when they are wanted and go when they are not. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { listOf, projectSchema, runSchema } from '@meshbook/core/api.ts'
import { computeStatusSchema } from '@meshbook/core/compute-api.ts'
import { deviceInfoSchema } from '@meshbook/core/messages.ts'
import * as v from 'valibot'
import { canDocker, noDocker, TestEngine } from '../contract/docker-engine.ts'
import { type Cleanup, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_bootstrap_containers'
const started = canDocker ? await TestEngine.start({ after }) : undefined
await started?.workerImage()
const engine = started as TestEngine

const found = v.array(v.object({ Id: v.string(), State: v.string() }))
const containers = () => engine.api.json('GET', '/containers/json?all=1', found)

async function startHub(t: Cleanup, env: NodeJS.ProcessEnv = {}, data?: string) {
  const folder = data ?? (await temporaryFolder(t))
  const hub = await startProcess(t, folder, ['hub', '--port', '0'], {
    MESHBOOK_COMPUTE: 'docker',
    MESHBOOK_COMPUTE_ENGINE: engine.socket,
    MESHBOOK_COMPUTE_MEMORY: '1g',
    MESHBOOK_BOOTSTRAP_TOKEN: token,
    MESHBOOK_TIMES_DIVISOR: '10',
    ...env,
  })
  return { hub, folder, client: new ApiClient({ hub: hub.url, token }) }
}

type Client = ApiClient

async function notebook(client: Client, path = 'a.md'): Promise<string> {
  const { items } = await client.get('/projects', listOf(projectSchema))
  const project = items[0] ?? (await client.post('/projects', { name: 'demo' }, projectSchema))
  const document = await client.post(
    '/documents',
    { project: project.id, path, content: '# A\n' },
    v.object({ id: v.string() }),
  )
  return document.id
}

const order = (client: Client, document: string, code: string, language = 'python') =>
  client.post('/runs', { document, language, code }, runSchema)
const runOf = (client: Client, id: string) => client.get(`/runs/${id}`, runSchema)

async function until<T>(what: string, look: () => Promise<T | undefined | false>, ms = 60_000): Promise<T> {
  const deadline = performance.now() + ms
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`)
    await sleep(100)
  }
}

async function output(client: Client, id: string): Promise<string> {
  let text = ''
  for await (const { event } of client.events(id, 0, AbortSignal.timeout(60_000)))
    if (event.type === 'stdout') text += event.text
  return text
}

const opt = { skip: noDocker, timeout: 240_000 }

test(
  'CP10 CP13 CP15 a run without a device answers from a container, which is stopped when nobody uses it',
  opt,
  async t => {
    const { client } = await startHub(t, { MESHBOOK_COMPUTE_IDLE_MINUTES: '0.1' })
    const document = await notebook(client)
    const first = await order(
      client,
      document,
      'import os; x = 42; print(x, os.getuid(), os.path.exists("/opt/meshbook"))',
    )
    const waiting = await until('it waits', async () => {
      const run = await runOf(client, first.id)
      return run.reasons.length > 0 && run
    })
    if (waiting.status === 'queued')
      assert.ok(waiting.reasons.includes('A cloud worker is started for it.'), waiting.reasons.join(' '))
    assert.equal(await output(client, first.id), '42 10001 True\n')
    const { device } = await runOf(client, first.id)
    const second = await order(client, document, 'print(x + 1)')
    assert.equal(await output(client, second.id), '43\n')
    const shell = await order(client, document, 'echo $((6 * 7)); ls /run/meshbook', 'bash')
    assert.equal(await output(client, shell.id), '42\nhub.sock\n')
    const devices = await client.get('/devices', listOf(deviceInfoSchema))
    assert.deepEqual(
      devices.items.map(({ id, kind, name }) => [id, kind, name]),
      [[device, 'worker', 'Container of demo']],
    )
    await until('the container is gone', async () => (await containers()).length === 0)
    await until(
      'its device is gone',
      async () => (await client.get('/devices', listOf(deviceInfoSchema))).items.length === 0,
    )
    assert.equal((await runOf(client, second.id)).deviceName, 'Container of demo')
    const status = await client.get('/compute', computeStatusSchema)
    assert.deepEqual(status.workers, [])
    const again = await order(client, document, 'print("x" in globals())')
    assert.equal(await output(client, again.id), 'False\n')
  },
)
