/**
 * Our relay, as the hub serves it, beside Hocuspocus with SQLite and y-websocket with LevelDB: each a process of its own
 * on loopback, measured in turn in one run. `npm run bench -- relay [part…] [--json] [--quick]`;
 * the parts are fan-out, throughput, loss, memory, cold-open, idle; without one all are measured.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { coldOpen } from './cold-open.ts'
import { fanOutMs } from './fan-out.ts'
import { idleKiB } from './idle-memory.ts'
import { type IdleFigures, idleScale } from './idle-scale.ts'
import { type Load, type Loss, lossAfterKill } from './loss.ts'
import { typing } from './marked-edits.ts'
import { untilQuiet } from './process-figures.ts'
import { relayKinds } from './relay-kinds.ts'
import { type Figure, printHead, printJson, printRow, quantile } from './report.ts'
import { ServerProcess } from './server-process.ts'
import { deliveredPerSecond } from './throughput.ts'

const json = process.argv.includes('--json')
const quick = process.argv.includes('--quick')
const rounds = quick ? 1 : 3
const mostSettleMs = 30_000
const parts: Record<string, () => Promise<void>> = {
  'fan-out': async () => {
    for (const readers of [1, 10, 100]) await fanOut(readers)
  },
  throughput,
  loss: allLosses,
  memory,
  'cold-open': coldOpens,
  idle,
}

const folder = await mkdtemp(join(tmpdir(), 'meshbook-relay-'))
const servers: ServerProcess[] = []
try {
  servers.push(...(await relayKinds(folder)).map(kind => new ServerProcess(kind)))
  for (const server of servers) await server.start()
  if (!json) printHead(servers.map(({ name }) => name))
  const asked = Object.keys(parts).filter(name => process.argv.includes(name))
  for (const [name, part] of Object.entries(parts)) if (!asked.length || asked.includes(name)) await part()
} finally {
  await Promise.all(servers.map(server => server.stop('SIGTERM')))
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
}

async function throughput(): Promise<void> {
  const values = await interleaved(rounds, (server, round) =>
    deliveredPerSecond(server, `through-${round}`, quick ? 1_500 : 3_000),
  )
  tell({ metric: '50 documents × 2 writers, delivered', unit: 'updates/s', better: 'more', values })
}

/** Killed early and late, because a relay that stores with a delay loses what is younger than the delay. */
async function allLosses(): Promise<void> {
  await restartAll()
  await losses('1 document', { documents: 1, burst: 10 }, quick ? [1_200] : [4_000, 8_000, 12_000])
  await losses('20 documents', { documents: 20, burst: 4 }, quick ? [1_200] : [3_000, 3_000, 3_000])
}

async function memory(): Promise<void> {
  const values = await interleaved(rounds, (server, round) => idleKiB(server, `m-${round}`, quick ? 1_000 : 2_000))
  tell({ metric: 'idle document of 2 KB with its socket, RSS', unit: 'KiB', better: 'less', values })
}

async function idle(): Promise<void> {
  const scale = quick ? { connections: 500, documents: 2_000 } : { connections: 5_000, documents: 20_000 }
  const fresh = (await relayKinds(await mkdtemp(join(folder, 'idle-')))).map(kind => new ServerProcess(kind))
  const found: IdleFigures[] = []
  for (const server of fresh) {
    await server.start()
    found.push(await idleScale(server, scale).finally(() => server.stop('SIGTERM')))
  }
  const what = `${scale.documents} known documents`
  const line = (metric: string, values: number[][]) => tell({ metric, unit: 'MiB', better: 'less', values })
  line(
    `${what}, RSS of the server`,
    found.map(({ emptyMiB }) => [emptyMiB]),
  )
  line(
    `${what}, ${scale.connections} idle connections, RSS of the server`,
    found.map(({ fullMiB }) => [fullMiB]),
  )
}

/** So that what is measured next does not wait behind what is still being stored. */
async function restartAll(): Promise<void> {
  for (const server of servers) {
    await server.stop('SIGTERM')
    await server.start()
  }
}

/** Every relay once in every round, so that a busy moment of the machine meets all of them. */
/** What a server put off, on a processor or on the disk, is its own: the next one does not pay for it. */
async function settled(): Promise<void> {
  await Promise.all(servers.map(({ pid }) => untilQuiet(pid, mostSettleMs)))
  await promisify(execFile)('sync')
}

async function interleaved<T>(
  count: number,
  step: (server: ServerProcess, round: number) => Promise<T>,
): Promise<T[][]> {
  const values: T[][] = servers.map(() => [])
  for (let round = 0; round < count; round++)
    for (const [i, server] of servers.entries()) {
      await settled()
      values[i]!.push(await step(server, round))
    }
  return values
}

async function fanOut(readers: number): Promise<void> {
  const times = await interleaved(rounds, (server, round) =>
    fanOutMs(server, `fan-${readers}-${round}`, readers, quick ? 50 : 200),
  )
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const values = times.map(runs => runs.map(run => quantile(run, share)))
    tell({ metric: `fan-out to ${readers}, ${name}`, unit: 'ms', better: 'less', values })
  }
}

async function losses(what: string, load: Omit<Load, 'ms'>, killedAfterMs: readonly number[]): Promise<void> {
  const found = await interleaved(killedAfterMs.length, (server, round) =>
    lossAfterKill(server, `kill-${load.documents}-${round}`, { ...load, ms: killedAfterMs[round]! }),
  )
  const total = (which: keyof Loss) => found.map(runs => [runs.reduce((sum, run) => sum + run[which], 0)])
  const after = `${killedAfterMs.length} × kill -9, ${what}`
  tell({ metric: `${after}: seen by another client`, unit: 'updates', better: 'more', values: total('seen') })
  tell({ metric: `${after}: of these gone`, unit: 'updates', better: 'less', values: total('gone') })
}

async function coldOpens(): Promise<void> {
  const edits = quick ? 10_000 : 100_000
  const updates = typing(edits, true)
  const opened = await interleaved(1, server => coldOpen(server, 'cold', updates, quick ? 2 : 4))
  const opens = opened.map(([one]) => one!.opens)
  const answers = opened.map(([one]) => one!.answers)
  const what = `cold open, ${edits / 1000}k edits, ${edits / 100_000} MB`
  tell({ metric: `${what}, first restart`, unit: 'ms', better: 'less', values: opens.map(all => all.slice(0, 1)) })
  tell({
    metric: `${what}, open socket to the last byte of the first answer`,
    unit: 'ms',
    better: 'less',
    values: answers,
  })
  tell({ metric: `${what}, later restarts`, unit: 'ms', better: 'less', values: opens.map(all => all.slice(1)) })
}

function tell(figure: Figure): void {
  if (json)
    printJson(
      figure,
      servers.map(({ name }) => name),
    )
  else printRow(figure)
}
