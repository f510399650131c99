import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { type RunId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { RelayServer } from '../testing/relay-server.ts'
import { ScriptedKernels, ScriptedMachine } from '../testing/scripted-kernels.ts'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { until } from '../testing/until.ts'
import { monitorServer } from './monitor-server.ts'

const quick: Limits = { ...limits, outputBlockWaitMs: 150, reconnectMinMs: 20, reconnectMaxMs: 100, heartbeatMs: 200 }
const notebook = '# N\n\n```python\nprint hello\n```\n\nend\n'

function startMonitor(
  t: TestContext,
  server: RelayServer,
  machine: ScriptedMachine,
  folder: string,
  name = 'monitor',
  endsKernels = false,
): () => Promise<void> {
  const stop = new AbortController()
  const done = monitorServer({
    url: server.url,
    docs: ['n.md'],
    name,
    kernels: new ScriptedKernels(machine),
    folder,
    now: Date.now,
    random: systemRandom,
    limits: quick,
    signal: stop.signal,
    endsKernels,
  })
  const end = () => {
    stop.abort()
    return done
  }
  t.after(end)
  return end
}

class Page {
  readonly doc = new Y.Doc()
  readonly text = this.doc.getText('content')
  readonly entries = this.doc.getMap<unknown>('executions')
  readonly provider: WebsocketProvider

  constructor(t: TestContext, server: RelayServer) {
    this.provider = new WebsocketProvider(server.url, 'n.md', this.doc, {
      WebSocketPolyfill: WebSocket as never,
      disableBc: true,
      maxBackoffTime: 100,
    })
    t.after(() => {
      this.provider.destroy()
      this.doc.destroy()
    })
  }

  anchor(): unknown {
    return Y.relativePositionToJSON(
      Y.createRelativePositionFromTypeIndex(this.text, this.text.toString().indexOf('```python')),
    )
  }

  ask(id: string, code: string, extra: Partial<ExecutionEntry> = {}): void {
    this.entries.set(
      id,
      new Y.Map(
        Object.entries({
          id,
          status: 'requested',
          code,
          language: 'python',
          session: 'default',
          cell: this.anchor(),
          ...extra,
        }),
      ),
    )
  }

  set(id: string, fields: Record<string, unknown>): void {
    const entry = this.entries.get(id) as Y.Map<unknown>
    this.doc.transact(() => {
      for (const [name, value] of Object.entries(fields)) entry.set(name, value)
    })
  }

  entry(id: string): ExecutionEntry | undefined {
    const value = this.entries.get(id)
    return value instanceof Y.Map ? (value.toJSON() as ExecutionEntry) : (value as ExecutionEntry | undefined)
  }
}

async function world(
  t: TestContext,
): Promise<{ server: RelayServer; machine: ScriptedMachine; page: Page; folder: string }> {
  const server = await RelayServer.start(t, Date.now)
  const machine = new ScriptedMachine()
  t.after(() => {
    machine.stopped = true
  })
  const page = new Page(t, server)
  await until('the page is synced', () => page.provider.synced)
  page.text.insert(0, notebook)
  return { server, machine, page, folder: await temporaryFolder() }
}

test('a stock client that makes the output block itself gets its output there', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.ask('exec-1', 'print hello')
  await until('the claim', () => page.entry('exec-1')?.status !== 'requested')
  page.doc.transact(() => {
    const at = page.text.toString().indexOf('\nend')
    page.text.insert(at, '\n```output:exec-1\n\n```\n')
    const entry = page.entries.get('exec-1') as Y.Map<unknown>
    entry.set(
      'outputPosition',
      Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(page.text, at + '\n```output:exec-1\n'.length)),
    )
    entry.set('outputBlockReady', true)
    entry.set('status', 'ready')
  })
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  assert.equal(page.text.toString(), '# N\n\n```python\nprint hello\n```\n\n```output:exec-1\nhello\n```\n\nend\n')
  assert.equal(machine.executions.get('exec-1' as RunId), 1)
})

test('a requester that makes no block gets one after a moment, at the anchor and not by text', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.text.insert(0, '```python\nprint hello\n```\n\n')
  const second = page.text.toString().lastIndexOf('```python')
  const cell = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(page.text, second))
  page.ask('exec-1', 'print hello', { cell })
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  assert.equal(
    page.text.toString(),
    '```python\nprint hello\n```\n\n# N\n\n```python\nprint hello\n```\n\n```output:exec-1\nhello\n```\n\nend\n',
  )
})

test('HM4 a requester that makes its block just after the monitor made one: the empty one goes', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.ask('exec-1', 'print hello')
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  page.doc.transact(() => {
    page.text.insert(page.text.toString().indexOf('\n```output'), '\n```output:exec-1\n```\n')
    page.set('exec-1', { status: 'ready', outputBlockReady: true })
  })
  await until('the end again', () => page.entry('exec-1')?.status === 'completed')
  await until('one block', () => page.text.toString().split('output:exec-1').length === 2)
  assert.match(page.text.toString(), /```output:exec-1\nhello\n```\n/)
})

test('a plain object is answered by a plain object, and its runtimeUrl is ignored with a notice (I6)', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.entries.set('exec-1', {
    id: 'exec-1',
    status: 'requested',
    code: 'print hello',
    language: 'python',
    cell: page.anchor(),
    runtimeUrl: 'http://localhost:1/mrp/v1',
    outputBy: 'monitor',
    mine: 7,
  })
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  const entry = page.entries.get('exec-1') as Record<string, unknown>
  assert.ok(!(entry instanceof Y.Map))
  assert.equal(entry.mine, 7)
  assert.match(String(entry.reason), /runtimeUrl of the request was ignored/)
})

test('HM10 a question is answered through the document, with or without a line end; the answer is taken out', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.ask('exec-1', 'input Name: \ninput Again: ', { outputBy: 'monitor' })
  for (const [prompt, text] of [
    ['Name: ', 'Ada\n'],
    ['Again: ', 'Bob'],
  ] as const) {
    await until('the question', () => page.entry('exec-1')?.stdinRequest?.prompt === prompt)
    page.set('exec-1', { stdinResponse: { text, respondedAt: Date.now() } })
  }
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  assert.match(page.text.toString(), /Name: \ngot Ada\nAgain: \ngot Bob\n/)
  assert.equal(page.entry('exec-1')!.stdinResponse, null)
})

test('HM10 HM11 an answer that is too long, and any answer to a password, is refused with the reason and taken out', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.ask('exec-1', 'input Name: \npassword Secret: ', { outputBy: 'monitor' })
  await until('the question', () => page.entry('exec-1')?.stdinRequest?.prompt === 'Name: ')
  page.set('exec-1', { stdinResponse: { text: 'x'.repeat(limits.inputBytes + 1), respondedAt: 1 } })
  await until('the refusal', () => /too long/.test(page.entry('exec-1')?.reason ?? ''))
  assert.equal(page.entry('exec-1')!.stdinResponse, null)
  page.set('exec-1', { stdinResponse: { text: 'Ada', respondedAt: 1 } })
  await until('the password', () => page.entry('exec-1')?.stdinRequest?.password === true)
  page.set('exec-1', { stdinResponse: { text: 'hunter2', respondedAt: 1 } })
  await until('the refusal', () => /POST \/runs\/:id\/input/.test(page.entry('exec-1')?.reason ?? ''))
  assert.equal(page.entry('exec-1')!.stdinResponse, null)
  assert.equal(page.entry('exec-1')!.status, 'running')
  assert.doesNotMatch(page.text.toString() + JSON.stringify(page.entry('exec-1')), /hunter2|characters/)
  page.set('exec-1', { status: 'cancelled' })
  await until('the end', () => page.entry('exec-1')?.completedAt !== undefined)
  assert.equal(page.entry('exec-1')!.status, 'cancelled')
})

test('two monitors on one document: each run is executed once', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder, 'one')
  startMonitor(t, server, machine, folder, 'two')
  await until(
    'both are seen',
    () => [...page.provider.awareness.getStates().values()].filter(state => state.monitor).length === 2,
  )
  for (let i = 0; i < 10; i++) page.ask(`exec-${i}`, 'print hello', { outputBy: 'monitor' })
  await until('all ends', () =>
    Array.from({ length: 10 }, (_, i) => page.entry(`exec-${i}`)?.status).every(status => status === 'completed'),
  )
  assert.deepEqual([...machine.executions.values()], Array(10).fill(1))
})

test('the connection is cut in mid-run: the output that came meanwhile is there afterwards, once', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.ask('exec-1', Array.from({ length: 20 }, (_, i) => `print line ${i}\nsleep 15`).join('\n'), {
    outputBy: 'monitor',
  })
  await until('the first output', () => page.text.toString().includes('line 2\n'))
  await server.stop()
  await new Promise(resolve => setTimeout(resolve, 100))
  await server.listen()
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  const expected = Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join('')
  assert.ok(page.text.toString().includes(`\`\`\`output:exec-1\n${expected}\`\`\``), page.text.toString())
})

test('a monitor that is replaced in mid-run goes on where the kernel is; a run that no kernel knows is interrupted (I9)', async t => {
  const { server, machine, page, folder } = await world(t)
  const stop = startMonitor(t, server, machine, folder)
  page.ask('exec-1', Array.from({ length: 20 }, (_, i) => `print line ${i}\nsleep 15`).join('\n'), {
    outputBy: 'monitor',
  })
  await until('the first output', () => page.text.toString().includes('line 2\n'))
  await stop()
  page.ask('exec-lost', 'print hello', { status: 'running', claimedBy: 'monitor' })
  startMonitor(t, server, machine, folder)
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  const expected = Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join('')
  assert.ok(page.text.toString().includes(`\`\`\`output:exec-1\n${expected}\`\`\``), page.text.toString())
  assert.equal(machine.executions.get('exec-1' as RunId), 1)
  await until('the lost run', () => page.entry('exec-lost')?.status === 'interrupted')
})

test('HM20 HM23 one that notes that it goes, and withdraws, does not end the run of the one that runs', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.ask('exec-1', 'print first\nsleep 300\nprint last', { outputBy: 'monitor' })
  await until('the first output', () => page.text.toString().includes('first\n'))
  const claims = page.doc.getMap('claims')
  claims.set('exec-1 7', { at: 1, name: 'other', goesAt: 2 })
  setTimeout(() => claims.delete('exec-1 7'), 100)
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  assert.match(page.text.toString(), /```output:exec-1\nfirst\nlast\n```/)
})

test('HM23 HM31 a run that gives way is no longer marked as the one of the monitor that gave way', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.ask('exec-1', 'print first\nforever', { outputBy: 'monitor' })
  await until('the first output', () => page.text.toString().includes('first\n'))
  page.doc.getMap('claims').set('exec-1 7', { at: 1, name: 'other', goesAt: 2, ranAt: 2 })
  await until('it is the run of the other', () => (page.entry('exec-1')?.claimedBy as unknown) === 7)
})

for (const others of [0, 1])
  test(`HM35 a monitor that stops for good says what becomes of its runs, ${others} other there`, async t => {
    const { server, machine, page, folder } = await world(t)
    const stop = startMonitor(t, server, machine, folder, 'one', true)
    page.ask('exec-1', 'print first\nforever', { outputBy: 'monitor' })
    page.ask('exec-2', 'print second', { outputBy: 'monitor' })
    await until('the first output', () => page.text.toString().includes('first\n'))
    await until('the second waits', () => page.entry('exec-2')?.status === 'claimed')
    const another = new ScriptedMachine()
    if (others > 0) {
      startMonitor(t, server, another, folder, 'two')
      await until('both are there', () => page.provider.awareness.getStates().size === 3)
    }
    await stop()
    await until('the end', () => page.entry('exec-1')?.status === 'interrupted')
    assert.match(page.entry('exec-1')!.reason!, /stopped while it went on/)
    const wanted = others > 0 ? 'completed' : 'interrupted'
    await until('the other end', () => page.entry('exec-2')?.status === wanted)
    assert.deepEqual([...machine.executions.keys()], ['exec-1'])
    assert.deepEqual([...another.executions.keys()], others > 0 ? ['exec-2'] : [])
  })

test('output that looks like cells and fences stays output (S1)', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  page.ask('exec-1', 'write ```\\n```python\\nevil()\\n`````\\n', { outputBy: 'monitor' })
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  assert.ok(
    page.text.toString().includes('``````output:exec-1\n```\n```python\nevil()\n`````\n``````\n\nend'),
    page.text.toString(),
  )
})

test('10,000 progress frames leave one line, and text typed around the output meanwhile stays', async t => {
  const { server, machine, page, folder } = await world(t)
  startMonitor(t, server, machine, folder)
  let updates = 0
  page.doc.on('update', (_update, origin) => {
    if (origin === page.provider) updates++
  })
  page.ask('exec-1', [...Array.from({ length: 10_000 }, (_, i) => `write \\r${i} of 10000`), 'print '].join('\n'), {
    outputBy: 'monitor',
  })
  await until(
    'the start',
    () => page.entry('exec-1')?.status === 'running' || page.entry('exec-1')?.status === 'completed',
  )
  page.text.insert(0, 'typed\n')
  page.text.insert(page.text.length, 'typed too\n')
  await until('the end', () => page.entry('exec-1')?.status === 'completed')
  assert.equal(
    page.text.toString(),
    'typed\n# N\n\n```python\nprint hello\n```\n\n```output:exec-1\n9999 of 10000\n```\n\nend\ntyped too\n',
  )
  assert.ok(updates < 200, `${updates} updates`)
})
