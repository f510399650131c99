/**
 * How long a line that a run prints on one device takes to stand in the file on another device of the same network, with
 * the hub 40 ms away from both: directly, and through the hub. Two machines of the network lab; it takes root.
 */

import { DirectMesh, delaysOf } from '../../tests/network/direct-mesh.ts'
import type { Cleanup } from '../../tests/network/lab.ts'
import { at } from '../remote-run/timed.ts'

const isJson = process.argv.includes('--json')
const runs = process.argv.includes('--quick') ? 1 : 4
const lines = 40
const oneWayMs = 40

const direct = await delays(true)
const relayed = await delays(false)
for (const [name, share] of [
  ['p50', 0.5],
  ['p99', 0.99],
] as const)
  tell(`print to the file on the other device, hub ${oneWayMs} ms away ${name}`, share)

async function delays(lan: boolean): Promise<number[]> {
  const closers: Parameters<Cleanup['after']>[0][] = []
  const mesh = await DirectMesh.open({ after: close => void closers.push(close) }, { lan, lines })
  try {
    await mesh.mesh.proxy.ask({ do: 'fault', router: 'home', fault: { kind: 'latency', ms: oneWayMs } })
    const all: number[] = []
    for (let i = 0; i < runs; i++) all.push(...delaysOf(await mesh.seenOnLaptop(await mesh.run(), lines, 60_000)))
    return all
  } finally {
    for (const close of closers) await close()
  }
}

function tell(metric: string, share: number): void {
  const [ours, peer] = [at(direct, share), at(relayed, share)]
  const line = {
    bench: 'direct-path',
    metric,
    unit: 'ms',
    ours,
    peer,
    peerName: 'through the hub',
    ratio: Math.round((peer / ours) * 100) / 100,
    runs: direct.length,
    min: Math.min(...direct),
    max: Math.max(...direct),
  }
  process.stdout.write(
    isJson
      ? `${JSON.stringify(line)}\n`
      : `${metric}: ${ours} ms, ${peer} ms ${line.peerName} (${line.runs} lines, ${line.min}–${line.max})\n`,
  )
}
