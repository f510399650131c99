/** Hostile frames against a whole hub over real sockets, and against a relay without them for the volume. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { subprotocol } from '@meshbook/core/frames.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { type Connection, type Peer, Relay } from '@meshbook/relay/relay.ts'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import { WebSocket } from 'ws'
import { type Chance, chanceOf } from '../soak/random.ts'
import { DocumentLedger } from './document-ledger.ts'
import { HostileFrames } from './hostile-frames.ts'
import type { HubAddress } from './hub-process.ts'
import { watchIdleLoop } from './idle-loop.ts'
import { type Dial, MarkingClient, Onlooker, readBack } from './marked-clients.ts'

export interface MalformedFigures {
  frames: number
  connections: number
  /** The longest that the server's event loop did not turn. */
  longestHangMs: number
  /** The same of a thread that had nothing to do: the machine's share of it. */
  idleHangMs: number
  rssGrowthMiB: number
  /** From an edit of somebody honest to its acknowledgement, the slowest. */
  slowestEditMs: number
}

const attackers = 12
const framesAtOnce = 25
const framesPerDocument = 20_000
/** Until here the heap grows to the size at which it is collected regularly. */
const warmUpShare = 0.25

export async function attackHub(
  at: HubAddress,
  seed: number,
  frames: number,
  say: (text: string) => void,
): Promise<MalformedFigures> {
  const figures: MalformedFigures = {
    frames: 0,
    connections: 0,
    longestHangMs: 0,
    idleHangMs: 0,
    rssGrowthMiB: 0,
    slowestEditMs: 0,
  }
  const honest = new Honest(dialTo(at, 'honest.md'), figures)
  await honest.start()
  const until = async (count: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: attackers }, (_, i) => attack(at, chanceOf(seed * 1_000 + i + count), figures, count)),
    )
  }
  const watch = watchHub(at, figures, say)
  const idle = watchIdleLoop()
  await until(Math.ceil(frames * warmUpShare))
  const before = await rssMiB(at)
  await until(frames)
  await honest.stop()
  // What was refused is thrown away, and what was not is unloaded, in its own time.
  await sleep(2_000)
  figures.rssGrowthMiB = Math.round((await rssMiB(at)) - before)
  await watch.stop()
  figures.idleHangMs = await idle.stop()
  return figures
}

const dialTo = ({ url, token }: HubAddress, path: string): Dial => ({
  url: `${url.replace('http', 'ws')}/sync/me/demo/${path}`,
  token,
})

/** One stranger after the other, each of whom sends some frames whatever the hub says. */
async function attack(at: HubAddress, chance: Chance, figures: MalformedFigures, until: number): Promise<void> {
  const hostile = new HostileFrames(chance)
  while (figures.frames < until) {
    const path = `attacked-${Math.floor(figures.frames / framesPerDocument)}.md`
    const { url, token } = dialTo(at, path)
    const extended = chance.next() < 0.5
    const headers = { authorization: `Bearer ${token}` }
    const socket = extended
      ? new WebSocket(url, [subprotocol], { headers, perMessageDeflate: false })
      : new WebSocket(url, { headers, perMessageDeflate: false })
    socket.on('error', () => socket.terminate())
    socket.on('message', () => undefined)
    await Promise.race([once(socket, 'open'), once(socket, 'close')]).catch(() => socket.terminate())
    figures.connections++
    for (let i = 0; i < framesAtOnce && socket.readyState === WebSocket.OPEN; i++) {
      figures.frames++
      socket.send(chance.next() < 0.002 ? 'text' : hostile.next())
      if (chance.next() < 0.3) await turn()
    }
    if (socket.readyState !== WebSocket.OPEN) continue
    await Promise.race([once(socket, 'close'), sleep(20)])
    socket.terminate()
  }
}

/** Works on, in a document of its own, as if nothing were. */
class Honest {
  readonly #dial: Dial
  readonly #figures: MalformedFigures
  readonly #writer = new MarkingClient()
  readonly #onlooker: Onlooker
  readonly #ledger = new DocumentLedger('honest.md')
  #mark = 0
  #stopping = false
  #working: Promise<void> | undefined

  constructor(dial: Dial, figures: MalformedFigures) {
    this.#dial = dial
    this.#figures = figures
    this.#onlooker = new Onlooker(dial)
  }

  async start(): Promise<void> {
    await this.#writer.connect(this.#dial)
    while (!this.#writer.synced || !this.#onlooker.synced) await sleep(5)
    this.#working = this.#work()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#working
    await sleep(300)
    this.#ledger.note([this.#writer], [this.#onlooker])
    assert.equal(this.#ledger.size, this.#mark, 'every edit was acknowledged')
    assert.equal(this.#onlooker.seen.size, this.#mark, 'and seen')
    this.#ledger.check(await readBack(this.#dial))
    this.#writer.end()
    this.#onlooker.end()
  }

  async #work(): Promise<void> {
    while (!this.#stopping) {
      assert.ok(this.#writer.isOpen, `somebody honest was cut with ${this.#writer.closeCode}`)
      const started = performance.now()
      this.#writer.insert(this.#mark++, 1)
      while (this.#writer.unacked > 0 && this.#writer.isOpen) await sleep(1)
      this.#figures.slowestEditMs = Math.round(Math.max(this.#figures.slowestEditMs, performance.now() - started))
      await sleep(20)
    }
  }
}

interface HubNumbers {
  rss: number
  hangMs: number
}

/** The hub's own figures; its event loop's longest delay is since the last time it was asked. */
async function numbersOf({ url, token }: HubAddress): Promise<HubNumbers> {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  return {
    rss: value('process_resident_memory_bytes') / 2 ** 20,
    hangMs: value('nodejs_eventloop_lag_max_seconds') * 1_000,
  }
}

const rssMiB = async (at: HubAddress): Promise<number> => (await numbersOf(at)).rss

function watchHub(at: HubAddress, figures: MalformedFigures, say: (text: string) => void): { stop(): Promise<void> } {
  let stopped = false
  const watching = (async () => {
    // What happened before the attack is none of its doing.
    await numbersOf(at)
    for (let round = 1; !stopped; round++) {
      await sleep(1_000)
      const { rss, hangMs } = await numbersOf(at)
      figures.longestHangMs = Math.round(Math.max(figures.longestHangMs, hangMs))
      if (round % 20 === 0) say(JSON.stringify({ ...figures, rss: Math.round(rss) }))
    }
  })()
  return {
    stop: () => {
      stopped = true
      return watching
    },
  }
}

/** Without sockets, so that every frame is one that the relay has looked at. */
export async function attackRelay(seed: number, frames: number): Promise<MalformedFigures> {
  const figures: MalformedFigures = {
    frames: 0,
    connections: 0,
    longestHangMs: 0,
    idleHangMs: 0,
    rssGrowthMiB: 0,
    slowestEditMs: 0,
  }
  const relay = new Relay({ store: new MemoryDocumentStore(), now: Date.now, random: systemRandom })
  const hostile = new HostileFrames(chanceOf(seed))
  const delay = monitorEventLoopDelay({ resolution: 10 })
  const idle = watchIdleLoop()
  try {
    await feed(relay, hostile, figures, Math.ceil(frames * warmUpShare))
    const before = process.memoryUsage.rss()
    delay.enable()
    await feed(relay, hostile, figures, frames)
    figures.longestHangMs = Math.round(delay.max / 1e6)
    figures.rssGrowthMiB = Math.round((process.memoryUsage.rss() - before) / 2 ** 20)
    return figures
  } finally {
    delay.disable()
    figures.idleHangMs = await idle.stop()
    await relay.close()
  }
}

async function feed(relay: Relay, hostile: HostileFrames, figures: MalformedFigures, until: number): Promise<void> {
  let key = newKey()
  let open: { connection: Connection; isClosed: () => boolean } | undefined
  while (figures.frames < until) {
    if (figures.frames % framesPerDocument === 0) {
      open?.connection.close()
      open = undefined
      await relay.remove(key)
      key = newKey()
    }
    if (!open || open.isClosed()) {
      open = strangerIn(relay, key)
      figures.connections++
      await turn()
    }
    figures.frames++
    open.connection.receive(hostile.next())
    if (figures.frames % 20 === 0) await turn()
  }
  open?.connection.close()
}

const newKey = () => ({
  org: newId('org', Date.now(), systemRandom),
  document: newId('document', Date.now(), systemRandom),
})

function strangerIn(relay: Relay, key: ReturnType<typeof newKey>): { connection: Connection; isClosed: () => boolean } {
  let closed = false
  const peer: Peer = {
    name: 'stranger',
    access: 'write',
    canRun: false,
    extensions: true,
    backlogBytes: 0,
    send: () => undefined,
    close: () => {
      closed = true
    },
  }
  return { connection: relay.open(key, peer), isClosed: () => closed }
}
