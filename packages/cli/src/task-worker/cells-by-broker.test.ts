/** Cells as a worker asks for them, over a real socket to a broker that the test plays (TW26, AL47). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { FromWorker, TaskOrder, ToWorker } from '@meshbook/core/broker.ts'
import { parseFence, parseRunId } from '@meshbook/core/ids.ts'
import { BrokerChannel } from './broker-channel.ts'
import { CellsByBroker } from './cells-by-broker.ts'

const request = { notebook: 'a.md', language: 'python', code: 'print(6 * 7)' }
const run = parseRunId('cell-1')
const order: TaskOrder = {
  ...{ task: parseRunId('task-1'), fence: parseFence(1), prompt: 'x', by: 'me', agent: 'meshbook', model: 'm' },
  ...{ wire: 'anthropic', repo: 'http://git/a.git', branch: 'b', base: 'a'.repeat(40), budget: {}, tools: {} },
  forked: false,
}

class Broker {
  readonly heard: FromWorker[] = []
  socket: Socket | undefined

  static async open(t: TestContext): Promise<{ broker: Broker; channel: BrokerChannel }> {
    const folder = mkdtempSync(join(tmpdir(), 'mb-cells-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const broker = new Broker()
    const server = createServer(socket => broker.#accept(socket))
    server.listen(join(folder, 's'))
    await once(server, 'listening')
    const channel = new BrokerChannel({
      ...{ socket: join(folder, 's'), token: 'mw_x', random: () => 0 },
      onMessage: () => undefined,
    })
    t.after(() => {
      channel.close()
      broker.socket?.destroy()
      server.close()
    })
    await channel.begun
    return { broker, channel }
  }

  #accept(socket: Socket): void {
    this.socket = socket
    let text = ''
    socket.on('error', () => undefined)
    socket.setEncoding('utf8').on('data', (piece: string) => {
      const lines = (text + piece).split('\n')
      text = lines.pop()!
      for (const line of lines) this.#take(JSON.parse(line) as FromWorker)
    })
  }

  #take(message: FromWorker): void {
    this.heard.push(message)
    if (message.type !== 'hello') return
    this.tell({ type: 'order', order })
    this.tell({ type: 'log', first: 1, events: [], more: false })
  }

  tell(message: ToWorker): void {
    this.socket!.write(`${JSON.stringify(message)}\n`)
  }

  ends(call: string): void {
    this.tell({ type: 'cell-ended', call, run, status: 'completed', device: 'Desk', reason: '', text: '42' })
  }

  async hears(type: FromWorker['type'], times = 1): Promise<FromWorker> {
    const deadline = performance.now() + 10_000
    for (;;) {
      const found = this.heard.filter(message => message.type === type)
      if (found.length >= times) return found.at(-1)!
      if (performance.now() > deadline) throw new Error(`${type} was not said ${times} times`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
}

test('TW26 a cell is asked for again after a cut, until it is answered', async t => {
  const { broker, channel } = await Broker.open(t)
  const cells = new CellsByBroker(channel, new AbortController().signal)
  const began: unknown[] = []
  const end = cells.run({ call: 'c1', request }, (...told) => began.push(told), new AbortController().signal)
  assert.deepEqual(await broker.hears('cell'), { type: 'cell', call: 'c1', request })
  broker.tell({ type: 'cell-began', call: 'c1', run, reasons: ['it waits'] })
  while (began.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  broker.socket!.destroy()
  await broker.hears('cell', 2)
  broker.ends('another')
  broker.ends('c1')
  assert.equal((await end).text, '42')
  assert.deepEqual(began, [[run, ['it waits']]])
  broker.socket!.destroy()
  await broker.hears('hello', 3)
  assert.equal(broker.heard.filter(({ type }) => type === 'cell').length, 2, 'what was answered is not asked again')
})

test('AL47 what the broker refuses is refused with its code and why', async t => {
  const { broker, channel } = await Broker.open(t)
  const cells = new CellsByBroker(channel, new AbortController().signal)
  const end = cells.run({ call: 'c1', request }, () => undefined, new AbortController().signal)
  await broker.hears('cell')
  broker.tell({ type: 'cell-refused', call: 'c1', code: 'GATE_REPLAYED', detail: 'used' })
  await assert.rejects(end, { code: 'GATE_REPLAYED', detail: 'used' })
})

test('TW26 a cell that is cut is told to stop until that is answered', async t => {
  const { broker, channel } = await Broker.open(t)
  const cells = new CellsByBroker(channel, new AbortController().signal)
  const cut = new AbortController()
  const end = cells.run({ call: 'c1', request }, () => undefined, cut.signal)
  await broker.hears('cell')
  cut.abort(new Error('interrupted by me'))
  await assert.rejects(end, /interrupted by me/)
  assert.deepEqual(await broker.hears('cell-stop'), { type: 'cell-stop', call: 'c1', why: 'interrupted by me' })
  broker.socket!.destroy()
  await broker.hears('cell-stop', 2)
  broker.ends('c1')
  broker.socket!.destroy()
  await broker.hears('hello', 3)
  const said = broker.heard.filter(({ type }) => type.startsWith('cell')).map(({ type }) => type)
  assert.deepEqual(said.slice(0, 3), ['cell', 'cell-stop', 'cell-stop'])
})

test('TW26 a worker that has to end stops nothing: the next one goes on with it', async t => {
  const { broker, channel } = await Broker.open(t)
  const over = new AbortController()
  const cut = new AbortController()
  const cells = new CellsByBroker(channel, over.signal)
  const end = cells.run({ call: 'c1', request }, () => undefined, cut.signal)
  await broker.hears('cell')
  over.abort()
  cut.abort(new Error('stopped by its worker'))
  await assert.rejects(end, /its worker/)
  channel.write({ type: 'stdout', at: 1, text: 'behind it' })
  await broker.hears('events')
  assert.ok(!broker.heard.some(({ type }) => type === 'cell-stop'))
})
