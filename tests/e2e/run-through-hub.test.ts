/** A run from a request to its output in the document and in the file: the shipped hub and device over real sockets. */
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { parseRunId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, scaledTimes } from '@meshbook/core/limits.ts'
import { type Device, startDevice } from '@meshbook/device/device.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { ScriptedKernels, ScriptedMachine } from '@meshbook/device/testing/scripted-kernels.ts'
import { temporaryFolder } from '@meshbook/device/testing/temporary-folder.ts'
import { startTestHub, type TestHub } from '@meshbook/hub/testing/test-hub.ts'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const quick: Limits = { ...scaledTimes(30), fileDebounceMs: 20, fileMaxWaitMs: 100, outputBlockWaitMs: 300 }
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }

interface World {
  test: TestHub
  machine: ScriptedMachine
  device: Device
  folder: string
  startDevice(): Promise<void>
}

async function world(
  t: TestContext,
  files: Record<string, string>,
  kind: 'scripted' | 'real' = 'scripted',
): Promise<World> {
  const closers: (() => Promise<unknown>)[] = []
  // The first to be registered is the first to be run: the hub and its folder go after the device.
  t.after(async () => {
    for (const close of closers) await close()
  })
  const hub = await startTestHub(t, { timesDivisor: 30 })
  const data = await temporaryFolder()
  const folder = await temporaryFolder()
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text)
  const machine = new ScriptedMachine()
  const kernels =
    kind === 'real'
      ? createKernelSessions({ folder: join(data, 'sessions'), now: Date.now, random: systemRandom, limits: quick })
      : new ScriptedKernels(machine)
  const made: World = {
    test: hub,
    machine,
    folder,
    device: undefined as unknown as Device,
    async startDevice() {
      const options = {
        folder: data,
        name: 'Desk',
        kind: 'desktop' as const,
        hub: { url: hub.hub.url },
        limits: quick,
        kernels,
        projectsFolder: data,
        register: (key: string, name: string, kind: 'desktop' | 'phone' | 'server' | 'worker') =>
          hub.hub.registerDevice(key, name, kind),
      }
      made.device = await startDevice(options, { now: Date.now, random: systemRandom, log: silent })
    },
  }
  closers.push(
    () => made.device?.close(),
    () => kernels.stopAll(),
  )
  await made.startDevice()
  const { id, name, owner, tree } = hub.project
  await made.device.attach({ project: { id, name, owner, tree }, folder })
  return made
}

async function until(what: string, check: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await check())) {
    if (Date.now() > end) assert.fail(`${what} did not happen in time`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

async function documentAt({ test }: World, path: string): Promise<string> {
  let id: string | undefined
  await until(`${path} at the hub`, async () => {
    const { items } = await test.json<{ items: { id: string; path: string }[] }>(
      'GET',
      `/documents?project=${test.project.id}`,
    )
    id = items.find(item => item.path === path)?.id
    return id !== undefined
  })
  return id!
}

const contentOf = async ({ test }: World, id: string) => (await test.api('GET', `/documents/${id}/content`)).text()

async function ended({ test }: World, id: string): Promise<Run> {
  let run: Run | undefined
  await until(`the end of ${id}`, async () => {
    run = await test.json<Run>('GET', `/runs/${id}`)
    return run.endedAt !== null
  })
  return run!
}

/** A browser as the web app is one: the stock client, with the right to run. */
async function browser(
  t: TestContext,
  { test }: World,
  id: string,
  path: string,
): Promise<{ doc: Y.Doc; text: Y.Text; entries: Y.Map<Y.Map<unknown>> }> {
  const { ticket } = await test.json<{ ticket: string }>('POST', '/tickets', { document: id, scope: 'run' })
  const doc = new Y.Doc()
  const base = `${test.hub.url.replace('http', 'ws')}/sync/${test.project.owner}/${test.project.name}`
  const provider = new WebsocketProvider(base, path, doc, {
    WebSocketPolyfill: WebSocket as never,
    params: { ticket },
    disableBc: true,
  })
  t.after(() => {
    provider.destroy()
    doc.destroy()
  })
  await until('the first sync', () => provider.synced)
  return { doc, text: doc.getText('content'), entries: doc.getMap('executions') }
}

/** Asks as the web app does: the entry in the document, then the request itself. */
async function press(
  { test }: World,
  page: Awaited<ReturnType<typeof browser>>,
  document: string,
  id: string,
  code: string,
  extra: Partial<ExecutionEntry> = { outputBy: 'monitor' },
): Promise<void> {
  const cell = Y.relativePositionToJSON(
    Y.createRelativePositionFromTypeIndex(page.text, page.text.toString().indexOf('```python')),
  )
  const entry = { id, status: 'requested', code, language: 'python', cell, requestedAt: Date.now(), ...extra }
  page.entries.set(id, new Y.Map(Object.entries(entry)))
  await test.json('POST', '/runs', { id, document, language: 'python', code, cell: { by: 'anchor', anchor: cell } })
}

test('POST /runs with a cell index: the output is in the document, in the log and in the file on disk', async t => {
  const w = await world(t, { 'a.md': '# A\n\n```python\nprint hello\n```\n\nend\n' })
  const document = await documentAt(w, 'a.md')
  const run = await w.test.json<Run>('POST', '/runs', {
    document,
    language: 'python',
    code: 'print hello',
    cell: { by: 'index', index: 0 },
  })
  assert.equal((await ended(w, run.id)).status, 'completed')
  const expected = `# A\n\n\`\`\`python\nprint hello\n\`\`\`\n\n\`\`\`output:${run.id}\nhello\n\`\`\`\n\nend\n`
  await until('the output in the document', async () => (await contentOf(w, document)) === expected)
  await until('the output in the file', async () => (await readFile(join(w.folder, 'a.md'), 'utf8')) === expected)
  assert.equal(w.machine.executions.get(run.id), 1)
})

test('a browser with the stock client presses Run: claimed, run, ran on, shown, and a second run replaces the output', async t => {
  const w = await world(t, { 'a.md': '```python\nprint hello\n```\n' })
  const document = await documentAt(w, 'a.md')
  const page = await browser(t, w, document, 'a.md')
  for (const id of ['first-run', 'second-run']) {
    await press(w, page, document, id, 'print hello')
    await until('the end', () => page.entries.get(id)?.get('status') === 'completed')
    assert.deepEqual(page.entries.get(id)!.get('ranOn'), { device: w.device.id, name: 'Desk' })
    assert.equal(typeof page.entries.get(id)!.get('durationMs'), 'number')
    assert.equal(page.text.toString(), `\`\`\`python\nprint hello\n\`\`\`\n\n\`\`\`output:${id}\nhello\n\`\`\`\n`)
  }
  await until('the file', async () => (await readFile(join(w.folder, 'a.md'), 'utf8')) === page.text.toString())
})

test('a request by map alone is run on a connection that may run', async t => {
  const w = await world(t, { 'a.md': '```python\nprint hello\n```\n' })
  const document = await documentAt(w, 'a.md')
  const page = await browser(t, w, document, 'a.md')
  const cell = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(page.text, 0))
  const plain = page.doc.getMap<ExecutionEntry>('executions')
  plain.set('exec-1', {
    id: 'exec-1',
    status: 'requested',
    code: 'print hello',
    language: 'python',
    cell,
    ...{ runtimeUrl: 'http://169.254.169.254/' },
  })
  await until('the end', () => plain.get('exec-1')?.status === 'completed')
  assert.match(plain.get('exec-1')!.reason!, /runtimeUrl of the request was ignored/)
  assert.match(page.text.toString(), /```output:exec-1\nhello\n```/)
  assert.equal(w.machine.executions.get(parseRunId('exec-1')), 1)
})

test('pictures reach the hub and the folder beside the notebook; input, errors and cancelling work', async t => {
  const w = await world(t, { 'a.md': '```python\nx\n```\n' })
  const document = await documentAt(w, 'a.md')
  const page = await browser(t, w, document, 'a.md')
  const status = (id: string) => page.entries.get(id)?.get('status')

  await press(w, page, document, 'picture', 'image\nresult 42')
  await until('the picture', () => status('picture') === 'completed')
  const asset = /!\[a pixel\]\(asset:(sha256-[0-9a-f]{64})\)/.exec(page.text.toString())?.[1]
  assert.ok(asset, page.text.toString())
  assert.equal((await w.test.api('GET', `/assets/${asset}`)).status, 200)
  await until('the file beside', async () =>
    (await readdir(join(w.folder, '_assets')).catch((): string[] => [])).includes(`${asset}.png`),
  )

  await press(w, page, document, 'asks', 'input Name: \nprint done')
  await until(
    'the question',
    () => (page.entries.get('asks')?.get('stdinRequest') as { prompt?: string } | null)?.prompt === 'Name: ',
  )
  await w.test.json('POST', '/runs/asks/input', { text: 'Ada' })
  await until('the answer', () => status('asks') === 'completed')
  assert.match(page.text.toString(), /Name: \ngot Ada\ndone/)
  assert.equal(page.entries.get('asks')!.get('stdinRequest'), null)

  await press(w, page, document, 'fails', 'fail no good')
  await until('the failure', () => status('fails') === 'error')
  assert.match(page.text.toString(), /Traceback:\nValueError: no good/)

  await press(w, page, document, 'endless', 'print going on\nforever')
  await until('its output', () => page.text.toString().includes('going on'))
  await w.test.json('POST', '/runs/endless/cancel', {})
  await until('the cancelling', () => status('endless') === 'cancelled')
})

test('the hub goes away in mid-run and comes back: nothing is lost, nothing runs twice (I5, I9)', async t => {
  const w = await world(t, { 'a.md': '```python\nx\n```\n' })
  const document = await documentAt(w, 'a.md')
  const code = Array.from({ length: 30 }, (_, i) => `print line ${i}\nsleep 20`).join('\n')
  const run = await w.test.json<Run>('POST', '/runs', {
    document,
    language: 'python',
    code,
    cell: { by: 'index', index: 0 },
  })
  await until('its first output', async () => (await contentOf(w, document)).includes('line 3'))
  const { port } = w.test.hub
  await w.test.hub.close()
  await until('the link is down', () => !w.device.linked)
  await until('the file goes on', async () => (await readFile(join(w.folder, 'a.md'), 'utf8')).includes('line 20'))
  w.test.config.port = port
  await w.test.restart()
  w.test.token = await w.test.hub.commandLineToken()
  assert.equal((await ended(w, run.id)).status, 'completed')
  await until('the whole output at the hub', async () => (await contentOf(w, document)).includes('line 29'))
  const log = await (await w.test.api('GET', `/runs/${run.id}/events`)).text()
  for (let i = 0; i < 30; i++) assert.equal(log.split(`line ${i}\\n`).length, 2, `line ${i} is in the log once`)
  assert.equal(w.machine.executions.get(run.id), 1)
})

test('the device daemon is replaced in mid-run: the output goes on where it was, nothing runs twice (I9)', async t => {
  const w = await world(t, { 'a.md': '```python\nx\n```\n' })
  const document = await documentAt(w, 'a.md')
  const code = Array.from({ length: 30 }, (_, i) => `print line ${i}\nsleep 20`).join('\n')
  const run = await w.test.json<Run>('POST', '/runs', {
    document,
    language: 'python',
    code,
    cell: { by: 'index', index: 0 },
  })
  await until('its first output', async () => (await contentOf(w, document)).includes('line 3'))
  await w.device.close()
  await w.startDevice()
  assert.equal((await ended(w, run.id)).status, 'completed')
  const whole = `${Array.from({ length: 30 }, (_, i) => `line ${i}`).join('\n')}\n\`\`\``
  await until('the whole output', async () => (await contentOf(w, document)).includes(whole))
  assert.equal(w.machine.executions.get(run.id), 1)
  await until('the file', async () => (await readFile(join(w.folder, 'a.md'), 'utf8')).includes(whole))
})

test('a language that is not here ends the run with the reason in document and log', async t => {
  const w = await world(t, { 'a.md': '```python\nx\n```\n' })
  const document = await documentAt(w, 'a.md')
  const run = await w.test.json<Run>('POST', '/runs', {
    document,
    language: 'r',
    code: 'x',
    on: w.device.id,
    cell: { by: 'index', index: 0 },
  })
  const { status, error } = await ended(w, run.id)
  assert.equal(status, 'failed')
  assert.ok(error)
})

test('real kernels: Python, Bash and JavaScript run through the hub, each at once', async t => {
  const w = await world(
    t,
    {
      'a.md':
        '```python\nprint(6 * 7)\n```\n\n```bash\necho $((6 * 7))\n```\n\n```javascript\nconsole.log(6 * 7)\n```\n',
    },
    'real',
  )
  const document = await documentAt(w, 'a.md')
  const codes = ['print(6 * 7)', 'echo $((6 * 7))', 'console.log(6 * 7)']
  const runs = await Promise.all(
    ['python', 'bash', 'javascript'].map((language, index) =>
      w.test.json<Run>('POST', '/runs', { document, language, code: codes[index], cell: { by: 'index', index } }),
    ),
  )
  for (const { id } of runs) assert.equal((await ended(w, id)).status, 'completed')
  await until('three outputs', async () => (await contentOf(w, document)).split('\n42\n```').length === 4)
  await until(
    'the file',
    async () => (await readFile(join(w.folder, 'a.md'), 'utf8')) === (await contentOf(w, document)),
  )
})
