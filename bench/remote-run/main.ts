/**
 * What it costs to run code on another machine: the same kernel behind its host is run locally and, interleaved, through
 * the hub from a REST client; then over links with 40 ms one way; then with 50 MB of output, while somebody types.
 */
import { startTypists } from './keystrokes.ts'
import { roundTripMs } from './link-time.ts'
import { startLocalKernel } from './local-kernel.ts'
import { type BenchMesh, startMesh } from './mesh.ts'
import { Peak } from './peak.ts'
import { remoteRun } from './remote-run.ts'
import { at } from './timed.ts'

const isJson = process.argv.includes('--json')
const isQuick = process.argv.includes('--quick')
const runs = isQuick ? 60 : 500
const farRuns = isQuick ? 10 : 50
const streams = isQuick ? 2 : 5
const oneWayMs = 40
const megabytes = 50
const small = 'print(1)'
const large = `import sys\nfor _ in range(${megabytes}): sys.stdout.write(('x' * 99 + '\\n') * 10_000)`
const warmUp = 10

const mesh = await startMesh(oneWayMs)
const local = await startLocalKernel(mesh.folder)
try {
  await measureOverhead(mesh)
  await measureDistance(mesh)
  await measureStream(mesh)
} finally {
  await local.stop()
  await mesh.close()
}

async function measureOverhead({ client, near }: BenchMesh): Promise<void> {
  const [ours, alone, overhead]: number[][] = [[], [], []]
  for (let i = -warmUp; i < runs; i++) {
    const here = await local.run(small)
    const there = await remoteRun(mesh, { client, on: near.device, session: 'small', code: small })
    if (i < 0) continue
    ours!.push(there.firstMs)
    alone!.push(here.firstMs)
    overhead!.push(there.firstMs - here.firstMs)
  }
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    tell(`first output ${name}`, 'ms', ours!, at(ours!, share), at(alone!, share))
    tell(`overhead over local ${name}`, 'ms', overhead!, at(overhead!, share))
  }
}

/** What the distance adds to the time that a run without it takes: in round trips over that link. */
async function measureDistance({ client, near, farClient, far }: BenchMesh): Promise<void> {
  const trips: number[] = []
  const trip = await roundTripMs(oneWayMs)
  for (let i = -3; i < farRuns; i++) {
    const here = await remoteRun(mesh, { client, on: near.device, session: 'small', code: small })
    const there = await remoteRun(mesh, { client: farClient, on: far.device, session: 'far', code: small })
    if (i >= 0) trips.push((there.firstMs - here.firstMs) / trip)
  }
  tell(`round trips at ${oneWayMs} ms one way p50`, 'round trips', trips, at(trips, 0.5))
}

async function measureStream({ near, hub }: BenchMesh): Promise<void> {
  const typists = await startTypists(mesh)
  const quiet = await typists.type(new Promise(resolve => setTimeout(resolve, isQuick ? 3_000 : 10_000)))
  const memory = { hub: new Peak(hub.pid), device: new Peak(near.pid) }
  const [ours, alone, busy]: number[][] = [[], [], []]
  try {
    for (let i = 0; i < streams; i++) {
      alone!.push(rate((await local.run(large)).endMs))
      const run = streamed()
      busy!.push(...(await typists.type(run)))
      ours!.push(await run)
    }
  } finally {
    typists.stop()
    for (const peak of Object.values(memory)) peak.stop()
  }
  tell(`${megabytes} MB of output p50`, 'MB/s', ours!, at(ours!, 0.5), at(alone!, 0.5), 'more')
  for (const [name, peak] of Object.entries(memory)) tell(`memory of the ${name} beyond idle`, 'MB', [peak.mostMB])
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const)
    tell(`keystroke while output streams ${name}, beside without`, 'ms', busy!, at(busy!, share), at(quiet, share))
}

/** Megabytes a second. */
async function streamed(): Promise<number> {
  const { client, near } = mesh
  const { endMs, characters } = await remoteRun(mesh, { client, on: near.device, session: 'large', code: large })
  if (characters !== megabytes * 1_000_000) throw new Error(`${characters} characters of output arrived`)
  return rate(endMs)
}

function rate(ms: number): number {
  return (megabytes * 1_000) / ms
}

function tell(
  metric: string,
  unit: string,
  samples: readonly number[],
  ours = samples[0]!,
  peer?: number,
  better: 'less' | 'more' = 'less',
): void {
  const line = {
    bench: 'remote-run',
    metric,
    unit,
    ours: round(ours),
    peer: peer === undefined ? null : round(peer),
    peerName: peer === undefined ? null : metric.startsWith('keystroke') ? 'no output streams' : 'local kernel',
    ratio: peer === undefined ? null : round(better === 'less' ? peer / ours : ours / peer),
    runs: samples.length,
    min: round(Math.min(...samples)),
    max: round(Math.max(...samples)),
  }
  const beside = line.peer === null ? '' : `, ${line.peer} ${unit} at: ${line.peerName}`
  process.stdout.write(
    isJson
      ? `${JSON.stringify(line)}\n`
      : `${metric}: ${line.ours} ${unit}${beside} (${line.runs} runs, ${line.min}–${line.max})\n`,
  )
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
