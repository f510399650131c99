/** Readers of a busy document who open a socket and then read nothing: what the others notice, and what it costs. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { step1Frame } from '@meshbook/relay/sync-frames.ts'
import { WebSocket } from 'ws'
import type { HubAddress } from './hub-process.ts'
import { type Dial, MarkingClient, marksIn, Onlooker, readBack } from './marked-clients.ts'

export interface SlowReaderFigures {
  slowReaders: number
  edits: number
  /** From an edit until another reader has it, without slow readers and with them. */
  p99MsWithout: number
  p99MsWith: number
  rssGrowthMiB: number
  /** Slow readers that were not cut, began to read, and then had everything; and how many frames they got for it. */
  caughtUp: number
  mostFramesToCatchUp: number
}

/** More than the network keeps for a reader that does not read: from then on it is the hub's to bear. */
const fillUpdates = 60
const fillBytes = 100_000
const drainMs = 60_000

export async function slowReaders(at: HubAddress, count: number, edits: number): Promise<SlowReaderFigures> {
  const dial: Dial = { url: `${at.url.replace('http', 'ws')}/sync/me/demo/busy.md`, token: at.token }
  const writer = new MarkingClient()
  await writer.connect(dial)
  const watching = new TimedReader(dial)
  await watching.opened()
  const p99MsWithout = await watching.p99While(writer, edits)
  const before = await rssMiB(at)
  const slow = await Promise.all(Array.from({ length: count }, () => SlowReader.open(dial)))
  await fillUp(writer)
  const p99MsWith = await watching.p99While(writer, edits)
  const rssGrowthMiB = Math.round((await rssMiB(at)) - before)
  const caughtUp = await drained(slow, await readBack(dial))
  for (const reader of slow) reader.end()
  writer.end()
  watching.end()
  return { slowReaders: count, edits, p99MsWithout, p99MsWith, rssGrowthMiB, ...caughtUp }
}

/** Reads everything as it comes, and notes how long each edit took to it. */
class TimedReader extends Onlooker {
  #next = 0

  async opened(): Promise<void> {
    while (!this.synced) await sleep(5)
  }

  async p99While(writer: MarkingClient, edits: number): Promise<number> {
    const times: number[] = []
    for (let i = 0; i < edits; i++) {
      const mark = this.#next++
      const started = performance.now()
      writer.insert(mark, 1)
      while (!this.seen.has(mark)) await sleep(0)
      times.push(performance.now() - started)
    }
    return Math.round(times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)]! * 10) / 10
  }
}

async function fillUp(writer: MarkingClient): Promise<void> {
  for (let i = 0; i < fillUpdates; i++) {
    writer.doc.getMap('filler').set('last', `${i}`.padEnd(fillBytes, 'x'))
    while (writer.unacked > 0) await sleep(5)
  }
}

/** It takes the first frame, and nothing after it until it is told to. */
class SlowReader {
  readonly seen = new Set<number>()
  frames = 0
  readonly #socket: WebSocket

  private constructor(dial: Dial) {
    this.#socket = new WebSocket(dial.url, {
      headers: { authorization: `Bearer ${dial.token}` },
      perMessageDeflate: false,
    })
    this.#socket.on('error', () => this.#socket.terminate())
    this.#socket.on('message', data => {
      this.frames++
      for (const mark of marksIn(new Uint8Array(data as Buffer))) this.seen.add(mark)
    })
  }

  static async open(dial: Dial): Promise<SlowReader> {
    const reader = new SlowReader(dial)
    await once(reader.#socket, 'open')
    reader.#socket.send(step1Frame(new Uint8Array([0])))
    await once(reader.#socket, 'message')
    reader.#socket.pause()
    return reader
  }

  read(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.terminate()
  }
}

/** They begin to read: each gets what waited, then one difference. */
async function drained(
  slow: readonly SlowReader[],
  text: string,
): Promise<Pick<SlowReaderFigures, 'caughtUp' | 'mostFramesToCatchUp'>> {
  const wanted = marksIn(text)
  for (const reader of slow) reader.read()
  const isWhole = ({ seen }: SlowReader): boolean => wanted.every(mark => seen.has(mark))
  for (const end = performance.now() + drainMs; performance.now() < end && !slow.every(isWhole); ) await sleep(50)
  const whole = slow.filter(isWhole)
  return { caughtUp: whole.length, mostFramesToCatchUp: Math.max(0, ...whole.map(({ frames }) => frames)) }
}

async function rssMiB({ url, token }: HubAddress): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text()
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / 2 ** 20
}
