import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { tracingChannel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import { parseHubConfig } from './config.ts'
import { type Hub, startHub } from './hub.ts'
import { atEnd } from './testing/at-end.ts'
import { rawRequest } from './testing/raw-request.ts'
import { completed, started, stdout, TestDevice } from './testing/test-device.ts'
import { startTestHub, temporaryFolder } from './testing/test-hub.ts'
import { version } from './version.ts'

const failsWith = (code: ErrorCode, part: RegExp) => (error: unknown) =>
  error instanceof MeshError && error.code === code && part.test(error.message)

test('a run goes from POST to its device and back to the log', async t => {
  const { hub, json, project, document } = await startTestHub(t)
  const device = new TestDevice()
  assert.equal(await hub.registerDevice(device.publicKey, 'Desk', 'desktop'), device.id)
  await device.join(t, hub, [project.id])
  const { id } = await document('a.md', '# A\n')
  const run = await json<Run>('POST', '/runs', { document: id, language: 'python', code: 'print(1)' })
  assert.equal(run.status, 'leased', 'its device is free: it is given out in the transaction that takes it in')
  const { lease } = await device.next('LEASE')
  assert.deepEqual([lease.run, lease.code], [run.id, 'print(1)'])
  assert.equal((await device.emit(lease, 1, [started, stdout('1\n'), completed])).seq, 3)
  const done = await json<Run>('GET', `/runs/${run.id}`)
  assert.deepEqual([done.status, done.deviceName, done.path], ['completed', 'Desk', 'a.md'])
})

test('a port in use, a folder that is none, a folder of a newer version and a missing key are named', async t => {
  const { hub } = await startTestHub(t)
  const folder = await temporaryFolder(t)
  await assert.rejects(
    startHub(parseHubConfig({}, { port: hub.port, data: folder })),
    failsWith('PORT_IN_USE', new RegExp(String(hub.port))),
  )
  const file = join(folder, 'file')
  await writeFile(file, '')
  await assert.rejects(
    startHub(parseHubConfig({}, { port: 0, data: join(file, 'data') })),
    failsWith('READ_ONLY_FOLDER', /file/),
  )
  const db = new DatabaseSync(join(folder, 'hub.db'))
  db.exec("UPDATE schema_versions SET version = 99 WHERE name = 'hub'")
  db.close()
  await assert.rejects(startHub(parseHubConfig({}, { port: 0, data: folder })), failsWith('DATA_TOO_NEW', /99/))
  await assert.rejects(
    startHub(
      parseHubConfig(
        { MESHBOOK_TLS_CERT: file, MESHBOOK_TLS_KEY: `${file}.none` },
        { port: 0, data: await temporaryFolder(t) },
      ),
    ),
    failsWith('BAD_CONFIG', /MESHBOOK_TLS_KEY/),
  )
})

test('a data folder serves one hub at a time', async t => {
  const { config } = await startTestHub(t)
  await assert.rejects(startHub(config), failsWith('DATA_IN_USE', /./))
})

test('a failed start leaves nothing open: the folder can be used at once', async t => {
  const { hub } = await startTestHub(t)
  const folder = await temporaryFolder(t)
  await assert.rejects(startHub(parseHubConfig({}, { port: hub.port, data: folder })))
  const second = await startHub(parseHubConfig({}, { port: 0, data: folder }))
  await second.close()
})

test('closing ends sockets as going away and streams, twice is once, and it is quick', async t => {
  const { hub, project, api } = await startTestHub(t)
  const device = new TestDevice()
  await hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  await device.join(t, hub, [project.id])
  const stream = await api('GET', '/events')
  const closed = once(device.socket!, 'close')
  const before = performance.now()
  await Promise.all([hub.close(), hub.close()])
  assert.ok(performance.now() - before < 3_000)
  assert.equal((await closed)[0], 1001)
  await stream.text()
})

test('health and readiness are public, metrics are for this machine or a token', async t => {
  const { hub, token } = await startTestHub(t, { env: { MESHBOOK_PUBLIC_URL: 'https://mesh.example' } })
  const health: unknown = JSON.parse((await rawRequest(`${hub.url}/healthz`, {})).text)
  assert.deepEqual(health, { ok: true, name: 'meshbook', version })
  assert.equal((await rawRequest(`${hub.url}/readyz`, {})).status, 200)
  assert.match((await rawRequest(`${hub.url}/metrics`, {})).text, /meshbook_storage_ok 1/)
  const far = { host: 'mesh.example', 'x-forwarded-for': '203.0.113.1' }
  assert.equal((await rawRequest(`${hub.url}/metrics`, { headers: far })).status, 401)
  assert.equal(
    (await rawRequest(`${hub.url}/metrics`, { headers: { ...far, authorization: `Bearer ${token}` } })).status,
    200,
  )
})

test('the web app is served with its own policy, hashed files for ever, and nothing outside its folder (S11)', async t => {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'dist', 'assets'), { recursive: true })
  await writeFile(join(folder, 'secret.txt'), 'secret')
  await writeFile(join(folder, 'dist', 'index.html'), '<!doctype html><title>app</title>')
  await writeFile(join(folder, 'dist', 'assets', 'main-Ab12Cd34.js'), 'export {}')
  await writeFile(join(folder, 'dist', '.env'), 'secret')
  const { hub } = await startTestHub(t, { webFolder: join(folder, 'dist') })
  const get = (path: string) => rawRequest(hub.url + path, {})
  for (const path of ['/', '/signin', '/p/me/demo/a.md']) {
    const page = await get(path)
    assert.match(page.text, /app/)
    assert.match(
      String(page.headers['content-security-policy']),
      /default-src 'self'; script-src 'self'.*frame-src 'none'/,
    )
  }
  const script = await get('/assets/main-Ab12Cd34.js')
  assert.match(String(script.headers['cache-control']), /immutable/)
  for (const path of [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/.env',
    '/nothing.js',
    '/assets',
  ])
    assert.equal((await get(path)).status, 404, path)
})

test('without a built web app a page says how to build it', async t => {
  const { hub } = await startTestHub(t)
  const page = await rawRequest(`${hub.url}/`, {})
  assert.equal(page.status, 503)
  assert.match(page.text, /npm run build/)
})

interface HubProcess {
  child: ChildProcess
  hub: Hub
  token: string
  project: string
}

interface HubLine {
  url: string
  port: number
  token: string
  project: string
  failed?: ErrorCode
}

const hubProcess = join(import.meta.dirname, 'testing', 'hub-process.ts')

/** `wrap` runs the command in a shell that first limits itself. */
async function spawnHub(
  t: TestContext,
  folder: string,
  options: { wrap?: string; uid?: number } = {},
): Promise<{ child: ChildProcess; line: HubLine }> {
  const command = [process.execPath, hubProcess, folder]
  const [program, ...args] = options.wrap ? ['sh', '-c', `${options.wrap}; exec "$@"`, 'sh', ...command] : command
  const child = spawn(program!, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
  })
  atEnd(t, () => child.kill('SIGKILL'))
  const [line] = await once(child.stdout!, 'data')
  return { child, line: JSON.parse(String(line)) as HubLine }
}

async function startHubProcess(t: TestContext, folder: string, options: { wrap?: string } = {}): Promise<HubProcess> {
  const { child, line } = await spawnHub(t, folder, options)
  const { url, port, token, project } = line
  return { child, hub: { url, port } as Hub, token, project }
}

test('a folder that may not be written is named', async t => {
  const folder = await temporaryFolder(t)
  await chmod(folder, 0o500)
  // A user who may write everywhere tries as one who may not.
  const { line } = await spawnHub(t, join(folder, 'data'), process.getuid?.() === 0 ? { uid: 65_534 } : {})
  assert.equal(line.failed, 'READ_ONLY_FOLDER')
})

test('I9 kill -9 under run events loses no acknowledged event, and the run goes on where the log ends', async t => {
  const folder = await temporaryFolder(t)
  const first = await startHubProcess(t, folder)
  const call = async <T>({ hub, token }: HubProcess, method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${hub.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    if (!response.ok) throw new Error(await response.text())
    return (await response.json()) as T
  }
  const desk = new TestDevice()
  await call(first, 'POST', '/devices', { publicKey: desk.publicKey, name: 'Desk', kind: 'desktop' })
  await desk.join(t, first.hub, [first.project as never])
  const { id: document } = await call<{ id: string }>(first, 'POST', '/documents', {
    project: first.project,
    path: 'a.md',
    content: 'kept',
  })
  await call(first, 'POST', '/runs', { id: 'r', document, language: 'python', code: '1' })
  const { lease } = await desk.next('LEASE')
  await desk.emit(lease, 1, [started])
  let acknowledged = 1
  let sent = 1
  desk.socket!.on('close', () => clearInterval(sending))
  const sending = setInterval(() => {
    if (desk.socket!.readyState !== desk.socket!.OPEN) return
    desk.send({
      type: 'RUN_EVENT',
      run: lease.run,
      fence: lease.fence,
      first: (sent + 1) as never,
      events: [stdout(`${sent + 1}`), stdout(`${sent + 2}`)],
    })
    sent += 2
    for (const message of desk.received)
      if (message.type === 'RUN_ACK') acknowledged = Math.max(acknowledged, message.seq)
  }, 1)
  while (acknowledged < 300) await new Promise(resolve => setTimeout(resolve, 5))
  const died = once(first.child, 'exit')
  first.child.kill('SIGKILL')
  await died
  clearInterval(sending)
  for (const message of desk.received)
    if (message.type === 'RUN_ACK') acknowledged = Math.max(acknowledged, message.seq)

  const second = await startHubProcess(t, folder)
  const welcome = await desk.join(t, second.hub, [second.project as never], {
    heads: [{ session: lease.session, head: lease.head, fence: lease.fence }],
    runs: [{ run: lease.run, fence: lease.fence, seq: sent }],
  })
  const durable = welcome.runs[0]!.seq
  assert.ok(durable >= acknowledged, `acknowledged ${acknowledged}, durable ${durable}`)
  const rest: RunEvent[] = []
  for (let seq = durable + 1; seq <= sent; seq++) rest.push(stdout(`${seq}`))
  await desk.emit(lease, durable + 1, [...rest, completed])
  const stream = await fetch(`${second.hub.url}/api/v1/runs/r/events`, {
    headers: { authorization: `Bearer ${second.token}` },
  })
  const events = [...(await stream.text()).matchAll(/id: (\d+)\ndata: (.*)\n/g)]
  assert.deepEqual(
    events.map(([, seq]) => Number(seq)),
    Array.from({ length: sent + 1 }, (_, i) => i + 1),
  )
  for (const [, seq, data] of events) {
    const event = JSON.parse(data!) as RunEvent
    if (event.type === 'stdout') assert.equal(event.text, seq)
  }
  const text = await fetch(`${second.hub.url}/api/v1/documents/${document}/content`, {
    headers: { authorization: `Bearer ${second.token}` },
  })
  assert.equal(await text.text(), 'kept')
})

test('I1 when the disk takes nothing more the hub acknowledges nothing, says so, and stays up to read', async t => {
  // A limit on the size of files is a disk that is full, for a process without privileges too.
  const { hub, token, project } = await startHubProcess(t, await temporaryFolder(t), { wrap: 'ulimit -f 4096' })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const events = await fetch(`${hub.url}/api/v1/events`, { headers })
  let told = ''
  const reading = (async () => {
    for await (const chunk of events.body!.pipeThrough(new TextDecoderStream())) told += chunk
  })().catch(() => undefined)
  const content = 'x'.repeat(200_000)
  let answer: Response | undefined
  for (let i = 0; i < 40 && (answer === undefined || answer.ok); i++)
    answer = await fetch(`${hub.url}/api/v1/documents`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ project, path: `${i}.md`, content }),
      signal: AbortSignal.timeout(40_000),
    })
  assert.equal(answer?.status, 507)
  const ready = await rawRequest(`${hub.url}/readyz`, {})
  assert.equal(ready.status, 507)
  assert.equal((await rawRequest(`${hub.url}/healthz`, {})).status, 200)
  assert.equal((await fetch(`${hub.url}/api/v1/projects`, { headers })).status, 200)
  assert.match(told, /event: storage\ndata: .*"ok":false/)
  await events.body?.cancel().catch(() => undefined)
  void reading
})

test('whoever connects as soon as the port is open is heard, by HTTP and by WebSocket', async t => {
  const heard: number[][] = []
  const listening = tracingChannel<unknown, { server: Server }>('net.server.listen').asyncStart
  const note = (about: unknown) => {
    const { server } = about as { server: Server }
    heard.push([server.listenerCount('request'), server.listenerCount('upgrade')])
  }
  listening.subscribe(note)
  atEnd(t, () => listening.unsubscribe(note))
  const hub = await startHub(parseHubConfig({}, { port: 0, data: await temporaryFolder(t) }))
  atEnd(t, () => hub.close())
  assert.deepEqual(heard, [[1, 1]])
})
