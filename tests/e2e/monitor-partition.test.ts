/** Two stock servers that are joined, cut and joined again, a monitor at each (HM23); monitors that are gone (HM31). */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type RunId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { monitorServer } from '@meshbook/device/monitor/monitor-server.ts'
import { ScriptedKernels, ScriptedMachine } from '@meshbook/device/testing/scripted-kernels.ts'
import { temporaryFolder } from '@meshbook/device/testing/temporary-folder.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { ForeignPage } from '../foreign-page.ts'
import { YWebsocketServer } from '../y-websocket-server.ts'

const quick = { ...limits, heartbeatMs: 100, reconnectMinMs: 20, reconnectMaxMs: 100 }

async function startMonitor(t: TestContext, url: string, name: string, monitorGoneMs: number = quick.monitorGoneMs) {
  const machine = new ScriptedMachine()
  const stop = new AbortController()
  const kernels = new ScriptedKernels(machine)
  const folder = await temporaryFolder()
  const signal = stop.signal
  const options = { url, docs: ['n.md'], name, kernels, folder, now: Date.now, random: systemRandom }
  const done = monitorServer({ ...options, signal, limits: { ...quick, monitorGoneMs } })
  const end = async () => {
    stop.abort()
    machine.stopped = true
    await done
  }
  t.after(end)
  return { machine, end }
}

/** One document at two servers, as long as both have it. */
class Bridge {
  readonly doc = new Y.Doc()
  readonly #ends: WebsocketProvider[]

  constructor(t: TestContext, urls: readonly string[]) {
    const options = { WebSocketPolyfill: WebSocket as never, disableBc: true, maxBackoffTime: 100 }
    this.#ends = urls.map(url => new WebsocketProvider(url, 'n.md', this.doc, options))
    t.after(() => {
      for (const end of this.#ends) end.destroy()
      this.doc.destroy()
    })
  }

  cut(): void {
    this.#ends[1]!.disconnect()
  }

  join(): void {
    this.#ends[1]!.connect()
  }
}

async function twoServers(t: TestContext): Promise<[YWebsocketServer, YWebsocketServer]> {
  return [await YWebsocketServer.start(t), await YWebsocketServer.start(t)]
}

function openPage(t: TestContext, url: string): ForeignPage {
  const page = new ForeignPage(url, 'n.md')
  t.after(() => page.close())
  return page
}

for (const [how, code] of [
  ['that are over when the two meet', 'print once'],
  ['that go on when the two meet', `print once\n${'sleep 20\nprint more\n'.repeat(200)}`],
] as const) {
  test(`HM23 runs of two monitors that could not see each other, ${how}, are shown as run twice, in one state`, async t => {
    const [a, b] = await twoServers(t)
    const bridge = new Bridge(t, [a.url, b.url])
    const [pageA, pageB] = [openPage(t, a.url), openPage(t, b.url)]
    await Promise.all([pageA.synced(), pageB.synced()])
    pageA.addCell(code)
    await pageB.until('the cell is at both', () => pageB.text.toString() === pageA.text.toString())
    pageA.ask('exec-1', code)
    await pageB.until('the request is at both', () => pageB.status('exec-1') === 'requested')
    bridge.cut()
    const [one, two] = [await startMonitor(t, a.url, 'one'), await startMonitor(t, b.url, 'two')]
    const executions = () => [one, two].map(({ machine }) => machine.executions.get('exec-1' as RunId))
    await pageA.until('both run it', () => JSON.stringify(executions()) === '[1,1]')
    if (code === 'print once')
      await Promise.all([pageA.over('exec-1'), pageB.until('the end', () => pageB.isOver('exec-1'))])
    bridge.join()
    for (const page of [pageA, pageB])
      await page.until('it is shown', () => page.isOver('exec-1') && Array.isArray(page.entry('exec-1')!.ranBy))
    await pageA.until('both see the same', () => pageA.text.toString() === pageB.text.toString())
    const entry = pageA.entry('exec-1')!
    assert.deepEqual((entry.ranBy as { name: string }[]).map(({ name }) => name).sort(), ['one', 'two'])
    assert.match(String(entry.reason), /could not see each other/)
    assert.match(pageA.text.toString(), /\[This was run by (one, |one and |two and ).*could not see each other\.\]/)
    assert.equal(entry.status, 'completed')
  })
}

test('HM31 a run whose monitor is gone for good is marked as interrupted by another', async t => {
  const server = await YWebsocketServer.start(t)
  const page = openPage(t, server.url)
  await page.synced()
  const first = await startMonitor(t, server.url, 'one')
  page.addCell('forever')
  page.ask('exec-1', 'forever')
  await page.until('it runs', () => page.status('exec-1') === 'running')
  await first.end()
  const second = await startMonitor(t, server.url, 'two', 300)
  const { status, reason } = await page.over('exec-1')
  assert.equal(status, 'interrupted')
  assert.match(String(reason), /monitor that ran it is gone/)
  assert.equal(second.machine.executions.size, 0)
})
