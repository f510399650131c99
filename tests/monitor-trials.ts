/**
 * Many requests on a stock y-websocket server, looked after by two to four monitors each, every connection with delays of
 * its own and every monitor with a clock of its own: how often each request was run (HM21).
 */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunId, systemRandom } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { Claims } from '@meshbook/device/monitor/claims.ts'
import { monitorServer } from '@meshbook/device/monitor/monitor-server.ts'
import { ServerDocument } from '@meshbook/device/monitor/server-document.ts'
import { ScriptedKernels, ScriptedMachine } from '@meshbook/device/testing/scripted-kernels.ts'
import { ForeignPage } from './foreign-page.ts'
import { YWebsocketServer } from './y-websocket-server.ts'

export interface TrialFigures {
  trials: number
  monitors: number
  once: number
  never: number
  twice: number
  complaints: string[]
}

const documents = 10
const maxDelayMs = 60
const maxSkewMs = 400
const everyMs = 50
type Chance = () => number

/** A bug as somebody could make it, put in from outside: another way to take part in the election. */
export interface PlantedElection {
  name: string
  limits: Limits
  /** Returns what takes it back. */
  install(): () => void
}

const soon = { ...limits, reconnectMinMs: 20, reconnectMaxMs: 100 }
const asShipped: PlantedElection = { name: 'none', limits: soon, install: () => () => undefined }

export async function manyTrials(
  count: number,
  seed: number,
  say: (text: string) => void,
  planted: PlantedElection = asShipped,
): Promise<TrialFigures> {
  const restore = planted.install()
  try {
    return await trials(count, seed, say, planted.limits)
  } finally {
    restore()
  }
}

async function trials(count: number, seed: number, say: (text: string) => void, limits: Limits): Promise<TrialFigures> {
  const server = await YWebsocketServer.start()
  const setting = { url: server.url, chance: chanceOf(seed), limits }
  const sum: TrialFigures = { trials: 0, monitors: 0, once: 0, never: 0, twice: 0, complaints: [] }
  try {
    for (let world = 0; sum.trials < count; world++) {
      await oneWorld(setting, world, Math.min(60, count - sum.trials), sum)
      say(`${sum.trials} trials, ${sum.twice} run twice`)
    }
  } finally {
    await server.kill()
  }
  return sum
}

interface Setting {
  url: string
  chance: Chance
  limits: Limits
}

async function oneWorld(setting: Setting, world: number, count: number, sum: TrialFigures): Promise<void> {
  const { url, chance, limits } = setting
  const names = Array.from({ length: documents }, (_, i) => `world-${world}/n${i}.md`)
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-trials-'))
  const pages = names.map((name, i) => new ForeignPage(url, name, { nested: i % 2 === 0, lazy: i % 3 === 0 }))
  const many = 2 + Math.floor(chance() * 3)
  const monitors = Array.from(
    { length: many },
    (_, i) => new TrialMonitor({ ...setting, docs: names, name: `m${i}`, folder }),
  )
  const ids = Array.from({ length: count }, (_, i) => `exec-${world}-${i}`)
  const over = new AbortController()
  try {
    await Promise.all(pages.map(page => page.synced()))
    // Some are there before the first request, some come while there are requests.
    await Promise.all(monitors.map((monitor, i) => monitor.start(i === 0 ? 0 : chance() * 1_500)))
    const runsOf = (id: string): number =>
      monitors.reduce((runs, { machine }) => runs + (machine.executions.get(id as RunId) ?? 0), 0)
    const asked = Promise.all(ids.map((id, i) => request(pages[i % documents]!, id, chance() * count * everyMs)))
    await Promise.race([asked, oneTwice(() => ids.some(id => runsOf(id) > 1), over)])
    await sleep(2 * maxDelayMs + limits.claimSettleMs)
    for (const id of ids) {
      const runs = runsOf(id)
      sum.trials++
      sum[runs === 1 ? 'once' : runs === 0 ? 'never' : 'twice']++
    }
    sum.monitors += many
    sum.complaints.push(...pages.flatMap(page => page.complaints))
  } finally {
    over.abort()
    for (const monitor of monitors) await monitor.stop()
    for (const page of pages) page.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** What runs twice is never shown as what the others wait for, so they need not go on. */
async function oneTwice(isTwice: () => boolean, { signal }: AbortController): Promise<void> {
  while (!isTwice() && !signal.aborted) await sleep(20)
}

async function request(page: ForeignPage, id: string, afterMs: number): Promise<void> {
  await sleep(afterMs)
  const code = `print ${id}`
  page.addCell(code)
  page.ask(id, code)
  await page.over(id)
  await page.until(`the output of ${id}`, () => page.output(id) === `${id}\n`)
}

const noNote = () => replaced(Claims.prototype, 'goes', () => undefined)
const noRoundTrip = () => replaced(ServerDocument.prototype, 'roundTrip', () => Promise.resolve())

/** What the trials must find. With the time to settle alone, or with the note and its round trip alone, they find nothing. */
export const plantedElections: readonly PlantedElection[] = [
  {
    name: 'nobody waits for what is on its way',
    limits: { ...soon, claimSettleMs: 0 },
    install: noRoundTrip,
  },
  {
    name: 'a round trip, but no wait and no second look',
    limits: { ...soon, claimSettleMs: 0 },
    install: noNote,
  },
]

function replaced<T extends object, K extends keyof T>(prototype: T, method: K, body: T[K]): () => void {
  const original = prototype[method]
  prototype[method] = body
  return () => {
    prototype[method] = original
  }
}

class TrialMonitor {
  readonly machine = new ScriptedMachine()
  readonly #options: Setting & { docs: readonly string[]; name: string; folder: string }
  readonly #stop = new AbortController()
  #proxy: { url: string; close(): Promise<void> } | undefined
  #done: Promise<void> = Promise.resolve()

  constructor(options: Setting & { docs: readonly string[]; name: string; folder: string }) {
    this.#options = options
  }

  async start(afterMs: number): Promise<void> {
    const { url, docs, name, folder, chance, limits } = this.#options
    this.#proxy = await slowPath(url, () => chance() * maxDelayMs)
    const skewMs = Math.round((chance() - 0.5) * 2 * maxSkewMs)
    const begin = () =>
      monitorServer({
        url: this.#proxy!.url,
        docs,
        name,
        kernels: new ScriptedKernels(this.machine),
        folder,
        now: () => Date.now() + skewMs,
        random: systemRandom,
        limits,
        signal: this.#stop.signal,
      })
    this.#done = sleep(afterMs).then(begin)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.machine.stopped = true
    await this.#done
    await this.#proxy?.close()
  }
}

/** A way to the server on which every piece of every direction takes its time, in order. */
async function slowPath(url: string, delayMs: () => number): Promise<{ url: string; close(): Promise<void> }> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer(near => {
    const far = connect(Number(port), hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      let turn: Promise<unknown> = Promise.resolve()
      from.on('data', chunk => {
        const waited = sleep(delayMs())
        turn = turn.then(() => waited).then(() => to.writable && to.write(chunk))
      })
      from.on('close', () => to.destroy())
      from.on('error', () => to.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const at = typeof address === 'object' && address ? address.port : 0
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  }
  return { url: `ws://127.0.0.1:${at}`, close }
}

/** The same numbers for the same seed (mulberry32). */
function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
