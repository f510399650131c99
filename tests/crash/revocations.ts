/** Devices that are shut out while they and others are busy: how long until they are cut, and whether anything that they send is still taken. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeMessage, encodeSync } from '@meshbook/core/messages.ts'
import { TestDevice } from '@meshbook/hub/testing/test-device.ts'
import { updateFrame } from '@meshbook/relay/sync-frames.ts'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import type { HubAddress } from './hub-process.ts'
import { type Dial, MarkingClient, markOf, marksIn, readBack, textName } from './marked-clients.ts'

export interface RevocationFigures {
  revocations: number
  /** From the request that shuts a device out until its channel, and its socket on a document, were closed. */
  p50Ms: number
  p99Ms: number
  maxMs: number
  /** How long the event loop of the hub that has the devices stood still at most. */
  hubHangMs: number
  /** How long this process itself stood still at most, which is part of what it measured. */
  ownHangMs: number
  /** Of the one that took longest: until the request was answered, its channel closed, its socket on a document closed. */
  slowest: Parts
  /** Updates that were sent after the hub had answered the request, on either connection, and what became of them. */
  sentAfter: number
  takenAfter: number
  /** Updates sent before, which shows that the connections worked. */
  takenBefore: number
}

/** Milliseconds from the request. */
export interface Parts {
  answered: number
  channel: number
  sync: number
}

const busyWriters = 10
const busyEveryMs = 20

/** Devices and writers are at `at`; `asked` is the hub that is asked to shut them out, another one on the same database perhaps. */
export async function revocations(at: HubAddress, count: number, asked = at): Promise<RevocationFigures> {
  const own = monitorEventLoopDelay({ resolution: 5 })
  own.enable()
  const busy = await Promise.all(Array.from({ length: busyWriters }, (_, n) => keepBusy(at, n)))
  const document = await documentOf(at)
  const times: Parts[] = []
  const marks = { before: [] as number[], after: [] as number[] }
  try {
    for (let n = 0; n < count; n++) {
      const victim = await Victim.open(at, document, n)
      times.push(await victim.shutOut(asked))
      marks.before.push(...victim.before)
      marks.after.push(...victim.after)
    }
  } finally {
    for (const stop of busy) stop()
  }
  const taken = new Set(marksIn(await readBack(dialOf(at))))
  const lastOf = ({ answered, channel, sync }: Parts): number => Math.max(answered, channel, sync)
  times.sort((a, b) => lastOf(a) - lastOf(b))
  const round = (ms: number): number => Math.round(ms * 10) / 10
  const slowest = times.at(-1)!
  const at99 = times[Math.min(count - 1, Math.floor(count * 0.99))]!
  return {
    revocations: count,
    p50Ms: round(lastOf(times[Math.floor(count / 2)]!)),
    p99Ms: round(lastOf(at99)),
    maxMs: round(lastOf(slowest)),
    hubHangMs: round(await hangOf(at)),
    ownHangMs: round(own.max / 1e6),
    slowest: { answered: round(slowest.answered), channel: round(slowest.channel), sync: round(slowest.sync) },
    sentAfter: marks.after.length,
    takenAfter: marks.after.filter(mark => taken.has(mark)).length,
    takenBefore: marks.before.filter(mark => taken.has(mark)).length,
  }
}

const path = 'revoked.md'
const dialOf = (at: HubAddress, token = at.token, name = path): Dial => ({
  url: `${at.url.replace('http', 'ws')}/sync/me/demo/${name}`,
  token,
})

async function call<T>(
  at: HubAddress,
  method: string,
  route: string,
  body?: unknown,
  authorization = `Bearer ${at.token}`,
): Promise<T> {
  const response = await fetch(`${at.url}/api/v1${route}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${text}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

async function hangOf(at: HubAddress): Promise<number> {
  const text = await (await fetch(`${at.url}/metrics`, { headers: { authorization: `Bearer ${at.token}` } })).text()
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1] ?? 0) * 1_000
}

async function documentOf(at: HubAddress): Promise<string> {
  const { id } = await call<{ id: string }>(at, 'POST', '/documents', { project: at.project, path, content: '' })
  return id
}

async function keepBusy(at: HubAddress, n: number): Promise<() => void> {
  const writer = new MarkingClient()
  await writer.connect(dialOf(at, at.token, `busy-${n}.md`))
  let mark = 0
  const timer = setInterval(() => writer.insert(mark++, 1), busyEveryMs)
  return () => {
    clearInterval(timer)
    writer.end()
  }
}

/** A device with a channel, and a socket on a document that was opened with its own token; it never stops sending on either. */
class Victim {
  readonly before: number[] = []
  readonly after: number[] = []
  readonly #device: TestDevice
  readonly #sockets: WebSocket[]
  readonly #docs = [new Y.Doc(), new Y.Doc()]
  #mark: number
  #isOut = false

  private constructor(device: TestDevice, sync: WebSocket, n: number) {
    this.#device = device
    this.#sockets = [device.socket!, sync]
    this.#mark = n * 100_000
  }

  static async open(at: HubAddress, document: string, n: number): Promise<Victim> {
    const device = new TestDevice(`victim ${n}`)
    await call(at, 'POST', '/devices', { publicKey: device.publicKey, name: device.name, kind: 'desktop' })
    const nowhere = { after: () => undefined } as unknown as Parameters<TestDevice['join']>[0]
    await device.join(nowhere, { url: at.url } as Parameters<TestDevice['join']>[1], [])
    device.socket!.send(
      encodeMessage({ type: 'OPEN', stream: 1, project: at.project as never, document: document as never }),
    )
    const proof = device.proof(new URL(at.url).host)
    const { token } = await call<{ token: string }>(at, 'POST', '/devices/self/token', {}, proof)
    const { url } = dialOf(at)
    const sync = new WebSocket(url, ['meshbook.v1'], { headers: { authorization: `Bearer ${token}` } })
    await once(sync, 'message')
    // Every second one does not answer when it is told to go, and goes on sending.
    if (n % 2 === 0) for (const socket of [device.socket!, sync]) turnDeaf(socket)
    return new Victim(device, sync, n)
  }

  /** Until the request was answered and both connections were closed. */
  async shutOut(asked: HubAddress): Promise<Parts> {
    const sending = setInterval(() => this.#sendBoth(), 5)
    await sleep(20)
    const started = performance.now()
    const passed = (): number => performance.now() - started
    const closed = this.#sockets.map(socket => cut(socket).then(passed))
    const answering = call(asked, 'DELETE', `/devices/${this.#device.id}`).then(() => {
      this.#isOut = true
      this.#sendBoth()
      return passed()
    })
    const [channel = 0, sync = 0, answered = 0] = await Promise.all([...closed, answering])
    clearInterval(sending)
    return { answered, channel, sync }
  }

  #sendBoth(): void {
    this.#docs.forEach((doc, n) => {
      const mark = this.#mark++
      const known = Y.encodeStateVector(doc)
      doc.getText(textName).insert(0, markOf(mark))
      const frame = updateFrame(Y.encodeStateAsUpdate(doc, known))
      // A device that means harm goes on writing to a socket that is closing: so do we, below the library.
      const bytes = n === 0 ? encodeSync(1, frame) : frame
      const isSent = sendAnyway(this.#sockets[n]!, bytes)
      if (isSent) (this.#isOut ? this.after : this.before).push(mark)
    })
  }
}

function turnDeaf(socket: WebSocket): void {
  const { _receiver } = socket as unknown as Innards
  _receiver?.removeAllListeners('conclude')
}

/** A reset is an end too. */
function cut(socket: WebSocket): Promise<void> {
  socket.on('error', () => socket.terminate())
  return new Promise(resolve => (socket as unknown as Innards)._socket!.once('close', () => resolve()))
}

interface Innards {
  _receiver: { removeAllListeners(event: string): void } | null
  _sender: { send(data: Uint8Array, options: object): void } | null
  _socket: Socket | null
}

/** Whether the bytes went onto the wire: also where the library would not send any more. */
function sendAnyway(socket: WebSocket, bytes: Uint8Array): boolean {
  const { _sender, _socket } = socket as unknown as Innards
  if (!_sender || !_socket?.writable) return false
  _sender.send(bytes, { binary: true, mask: true, fin: true, compress: false })
  return true
}
