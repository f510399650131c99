/** A hub without any device, and an engine: code runs in containers that come when they are wanted and go when they are not. */
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { listOf, projectSchema, runSchema } from '@meshbook/core/api.ts'
import { computeStatusSchema } from '@meshbook/core/compute-api.ts'
import { deviceInfoSchema } from '@meshbook/core/messages.ts'
import { askAsWorker } from '@meshbook/hub/testing/ask-as-worker.ts'
import * as v from 'valibot'
import { canDocker, noDocker, TestEngine } from '../contract/docker-engine.ts'
import { type Cleanup, command, startProcess, temporaryFolder } from '../mesh-process.ts'

const token = 'mb_bootstrap_containers'
const started = canDocker ? await TestEngine.start({ after }) : undefined
const engine = started as TestEngine
/** The three commands of the documentation, which are run as they stand there. */
const [imageLine = '', hubLine = '', restoringLine = ''] = (
  await readFile(join(import.meta.dirname, '../../docs/containers.md'), 'utf8')
)
  .split('```')[1]!
  .trim()
  .split('\n')
const argumentsOf = (line: string): string[] => line.slice(line.indexOf('meshbook ') + 9).split(' ')
if (started) {
  const made = await command(argumentsOf(imageLine), { MESHBOOK_COMPUTE_ENGINE: started.socket })
  assert.equal(made.code, 0, made.stderr)
}

const found = v.array(v.object({ Id: v.string(), State: v.string() }))
const foundVolumes = v.object({ Volumes: v.nullable(v.array(v.object({ Name: v.string() }))) })
const volumes = async () =>
  ((await engine.api.json('GET', '/volumes', foundVolumes)).Volumes ?? []).map(({ Name }) => Name)
const containers = () => engine.api.json('GET', '/containers/json?all=1', found)

/** What a hub that has ended leaves behind goes on for a while, in case that it comes back (CP21). */
async function removeContainers(): Promise<void> {
  for (const { Id } of await containers()) await engine.api.ask('DELETE', `/containers/${Id}?force=1`, {}, [404, 409])
  for (const Name of await volumes()) await engine.api.ask('DELETE', `/volumes/${Name}`, {}, [404, 409])
}

async function startHub(t: Cleanup, env: NodeJS.ProcessEnv = {}, data?: string) {
  const folder = data ?? (await temporaryFolder(t))
  const [name = '', value = ''] = hubLine.split(' ')[0]!.split('=')
  const hub = await startProcess(t, folder, [...argumentsOf(hubLine), '--port', '0'], {
    [name]: value,
    MESHBOOK_COMPUTE_ENGINE: engine.socket,
    MESHBOOK_COMPUTE_MEMORY: '1g',
    MESHBOOK_BOOTSTRAP_TOKEN: token,
    MESHBOOK_TIMES_DIVISOR: '10',
    ...env,
  })
  t.after(removeContainers)
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

const nothingLeft = async (): Promise<boolean> => (await containers()).length + (await volumes()).length === 0

/** What code in a container sees of it; printed as JSON. */
const look = `
import json, os, re, socket, subprocess
def tried(what):
    try:
        what()
        return 'done'
    except OSError as error:
        return type(error).__name__
def asks(path):
    near = socket.socket(socket.AF_UNIX)
    near.connect('/run/meshbook/hub.sock')
    near.sendall(f'GET {path} HTTP/1.1\\r\\nhost: 127.0.0.1\\r\\nconnection: close\\r\\n\\r\\n'.encode())
    return near.recv(100).decode().split(' ')[1]
status = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)
print(json.dumps({
    'caps': [status[name] for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd')],
    'privileges': [status['NoNewPrivs'], status['Seccomp'], str(os.getuid())],
    'interfaces': sorted(os.listdir('/sys/class/net')),
    'write': [tried(lambda path=path: open(path, 'w')) for path in ('/x', '/usr/x', '/opt/meshbook/x', '/run/meshbook/x')],
    'own': [tried(lambda path=path: open(path, 'w')) for path in ('/work/x', '/tmp/x')],
    'reach': tried(lambda: socket.create_connection(('127.0.0.1', HUB_PORT), 1)),
    'mount': tried(lambda: subprocess.run(['mount', '-t', 'tmpfs', 'x', '/mnt'], check=True)),
    'routes': [asks(path) for path in ('/api/v1/me', '/', '/metrics', '/api/v1/runs')],
    'env': dict(os.environ),
    'environ': [open(f'/proc/{pid}/environ').read() for pid in os.listdir('/proc') if pid.isdigit() and pid != '1'],
}))`

test(
  'CP31 CP34 CP35 S17 code in a container reaches nothing, may nothing, and finds no secret of the hub',
  opt,
  async t => {
    const secrets = { MESHBOOK_MASTER_KEY: 'c0ffee'.padEnd(64, '1'), MESHBOOK_DATABASE_PASSWORD: 'canary-of-the-hub' }
    const { client, hub, folder } = await startHub(t, secrets)
    const document = await notebook(client)
    const port = new URL(hub.url).port
    const asked = await order(client, document, look.replace('HUB_PORT', port))
    const seen = JSON.parse(await output(client, asked.id))
    assert.deepEqual(seen.caps, Array(4).fill('0000000000000000'))
    assert.deepEqual(seen.privileges, ['1', '2', '10001'])
    assert.deepEqual(seen.interfaces, ['lo'])
    assert.ok(
      seen.write.every((outcome: string) => outcome === 'OSError' || outcome === 'PermissionError'),
      `${seen.write}`,
    )
    assert.deepEqual(seen.own, ['done', 'done'])
    assert.equal(seen.reach, 'ConnectionRefusedError')
    assert.notEqual(seen.mount, 'done')
    assert.deepEqual(seen.routes, ['404', '404', '404', '404'])
    const [container] = await containers()
    const inspect = (await engine.api.ask('GET', `/containers/${container!.Id}/json`)).body.toString('utf8')
    const { HostConfig, Config } = JSON.parse(inspect)
    assert.deepEqual(
      [HostConfig.Memory, HostConfig.MemorySwap, HostConfig.PidsLimit, HostConfig.NanoCpus, HostConfig.ReadonlyRootfs],
      [1024 ** 3, 1024 ** 3, 512, 2e9, true],
    )
    const once = (Config.Env as string[]).find(line => line.startsWith('MESHBOOK_WORKER_TOKEN='))!.split('=')[1]!
    const all = JSON.stringify(seen) + inspect
    const files = await execIn(container!.Id, [
      'sh',
      '-c',
      'cat /proc/1/environ /etc/* /work/* /work/device/* /run/* 2>/dev/null | tr -d "\\0"',
    ])
    for (const secret of [token, ...Object.values(secrets), 'mb_'])
      assert.ok(!(all + files).includes(secret), `a secret of the hub: ${secret}`)
    assert.ok(!JSON.stringify(seen.env).includes(once), 'kernels do not get even the token')
    assert.equal(await joinWith(folder, once), 401)
  },
)

async function joinWith(folder: string, shown: string): Promise<number> {
  const body = { token: shown, publicKey: 'A'.repeat(43) }
  return (await askAsWorker(folder, 'POST', '/api/v1/workers/self', body)).status
}

async function execIn(id: string, Cmd: string[]): Promise<string> {
  const made = await engine.api.ask('POST', `/containers/${id}/exec`, { body: { Cmd, AttachStdout: true, Tty: true } })
  const { Id } = JSON.parse(made.body.toString('utf8'))
  return (await engine.api.ask('POST', `/exec/${Id}/start`, { body: { Tty: true } })).body.toString('latin1')
}

test(
  'CP15 CP21 a container that is killed, and an engine that is restarted, end their runs; the next runs answer',
  opt,
  async t => {
    const { client } = await startHub(t)
    const document = await notebook(client)
    const loop = 'import time\nprint("on", flush=True)\nwhile True: time.sleep(0.1)'
    for (const strike of [
      async () => void (await engine.api.ask('POST', `/containers/${(await containers())[0]!.Id}/kill`)),
      async () => {
        await engine.end()
        await engine.begin()
      },
    ]) {
      const id = (await order(client, document, loop)).id
      await until('it runs', async () => (await runOf(client, id)).seq >= 2)
      await strike()
      const ended = await until('it has ended', async () => {
        const run = await runOf(client, id)
        return run.endedAt !== null && run
      })
      // An engine that is told to end tells its containers: the worker ends its kernels in order.
      assert.ok(['interrupted', 'cancelled'].includes(ended.status), ended.status)
      const next = await order(client, document, 'print(6 * 7)')
      assert.equal(await output(client, next.id), '42\n')
    }
    assert.equal((await containers()).length, 1)
  },
)

test(
  'CP20 I9 a hub that is killed at any moment of a start or a stop leaves nothing behind once it is back',
  opt,
  async t => {
    const env = { MESHBOOK_COMPUTE_IDLE_MINUTES: '0.02' }
    let { hub, folder, client } = await startHub(t, env)
    const document = await notebook(client)
    for (const afterMs of [5, 250, 900, 2_000]) {
      const { id } = await order(client, document, `print(${afterMs})`)
      await sleep(afterMs)
      await hub.kill('SIGKILL')
      ;({ hub, client } = await startHub(t, env, folder))
      const ended = await until('the run has ended', async () => {
        const run = await runOf(client, id)
        return run.endedAt !== null && run
      })
      assert.ok(['completed', 'interrupted'].includes(ended.status), ended.status)
    }
    await until('nothing is left', nothingLeft, 30_000)
    assert.deepEqual((await client.get('/compute', computeStatusSchema)).workers, [])
  },
)

const savedSchema = v.object({
  items: v.array(v.object({ id: v.string(), kind: v.string(), deviceName: v.nullable(v.string()) })),
})

test(
  'CP14 CP40 CP44 a session of a machine that is lost goes on in a container with its variables, and after that in the next one',
  opt,
  async t => {
    const { client, hub } = await startHub(t, { MESHBOOK_COMPUTE_IDLE_MINUTES: '0.1' })
    const document = await notebook(client)
    const data = await temporaryFolder(t)
    await mkdir(join(data, 'demo'))
    const env = { MESHBOOK_TOKEN: token, MESHBOOK_SNAPSHOT: 'portable', MESHBOOK_TIMES_DIVISOR: '10', HOME: data }
    const up = await startProcess(t, data, ['up', '--hub', hub.url, '--name', 'Desk', '--no-browser'], env)
    const at = ['--data', data, '--json']
    assert.equal((await command(['attach', join(data, 'demo'), '--project', 'demo', ...at], env)).code, 0)
    await until(
      'the device has the key',
      async () => (await command([...argumentsOf(restoringLine), ...at], env)).code === 0,
    )
    assert.equal((await client.get('/compute', computeStatusSchema)).restoring.state, 'on')
    const shown = await command(['compute', 'status', '--data', data], env)
    assert.match(shown.stderr, /Docker .* for python, bash.*at most 4, 1.0 GiB and 2 processors each/)
    assert.match(shown.stderr, /Restoring sessions: on/)
    const first = await order(client, document, 'kept = {"answer": 42}\nprint(len(kept))')
    assert.equal(await output(client, first.id), '1\n')
    assert.equal((await runOf(client, first.id)).deviceName, 'Desk')
    const saved = () => client.get('/snapshots', savedSchema)
    await until('it is saved', async () => (await saved()).items.length > 0)
    await up.kill('SIGKILL')
    const second = await order(client, document, 'kept["answer"] += 1\nprint(kept)')
    assert.equal(
      await output(client, second.id),
      "{'answer': 43}\n",
      (await runOf(client, second.id)).reasons.join(' '),
    )
    assert.equal((await runOf(client, second.id)).deviceName, 'Container of demo')
    await until('the container is gone', async () => (await containers()).length === 0)
    const third = await order(client, document, 'print(kept)')
    assert.equal(await output(client, third.id), "{'answer': 43}\n", (await runOf(client, third.id)).reasons.join(' '))
    assert.equal((await command(['compute', 'restoring', 'off', '--hub', hub.url, '--json'], env)).code, 0)
    await until('what has the key is stopped', async () => (await containers()).length === 0)
    const fourth = await order(client, document, 'print("kept" in globals())')
    assert.equal(await output(client, fourth.id), 'False\n')
    assert.match((await runOf(client, fourth.id)).reasons.join(' '), /anew|empty/)
  },
)
