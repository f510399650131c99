/**
 * What connected devices cost a hub: processor time with heartbeats and pings, and memory for each. The hub is the
 * shipped process; the devices are real WebSockets of this process, over loopback, at their real times.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { rssKiB, untilQuiet } from '../relay/process-figures.ts'
import { BareDevice } from './bare-device.ts'
import { prepareHub } from './prepare-hub.ts'

const quick = process.argv.includes('--quick')
const count = quick ? 500 : 2_000
const measuredMs = quick ? 35_000 : 65_000
const warmUp = 50
const cli = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
  const devices = Array.from({ length: count + warmUp }, () => new BareDevice())
  await prepareHub(folder, devices)
  const hub = spawn(process.execPath, [cli, 'hub', '--port', '0', '--json', '--data', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    print(await measure(hub, devices))
  } finally {
    for (const device of devices) device.close()
    hub.kill('SIGTERM')
    await new Promise(resolve => hub.once('exit', resolve))
    await rm(folder, { recursive: true })
  }
}

interface Figures {
  devices: number
  joinMs: number
  cpuPercent: number
  kibPerDevice: number
  bytesPerDeviceSecond: number
}

async function measure(hub: ChildProcess, devices: readonly BareDevice[]): Promise<Figures> {
  const url = await urlOf(hub)
  const pid = hub.pid!
  await joinAll(devices.slice(0, warmUp), url)
  await untilQuiet(pid, 10_000)
  const before = rssKiB(pid)
  const began = performance.now()
  await joinAll(devices.slice(warmUp), url)
  const joinMs = performance.now() - began
  // One round of heartbeats first, so that what joining took is over.
  await sleep(quick ? 10_000 : 35_000)
  const received = bytesOf(devices)
  const [cpu, from] = [await cpuMs(pid), performance.now()]
  await sleep(measuredMs)
  const ms = performance.now() - from
  const gone = devices.filter(device => !device.isConnected).length
  if (gone > 0) throw new Error(`${gone} devices lost their channel`)
  return {
    devices: devices.length,
    joinMs: Math.round(joinMs),
    cpuPercent: (100 * ((await cpuMs(pid)) - cpu)) / ms,
    kibPerDevice: (rssKiB(pid) - before) / (devices.length - warmUp),
    bytesPerDeviceSecond: (bytesOf(devices) - received) / devices.length / (ms / 1_000),
  }
}

/** Spread over a while as their heartbeats then are, a few at a time. */
async function joinAll(devices: readonly BareDevice[], url: string): Promise<void> {
  for (let i = 0; i < devices.length; i += 50) {
    await Promise.all(devices.slice(i, i + 50).map(device => device.connect(url)))
    await sleep(100)
  }
}

const bytesOf = (devices: readonly BareDevice[]) => devices.reduce((sum, device) => sum + device.receivedBytes, 0)

/** User and system time of all threads. */
async function cpuMs(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ')[1]!.split(' ')
  return 10 * (Number(fields[11]) + Number(fields[12]))
}

async function urlOf(hub: ChildProcess): Promise<string> {
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: hub.stdout! }).once('line', resolve)
    hub.once('exit', () => reject(new Error('the hub did not start')))
  })
  return (JSON.parse(line) as { url: string }).url
}

function print(figures: Figures): void {
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify(figures)}\n`)
    return
  }
  const { devices, joinMs, cpuPercent, kibPerDevice, bytesPerDeviceSecond } = figures
  const lines = [
    `${devices} devices joined in ${(joinMs / 1_000).toFixed(1)} s`,
    `one core: ${cpuPercent.toFixed(1)} % (at most 25)`,
    `memory: ${kibPerDevice.toFixed(1)} KiB a device (at most 60)`,
    `sent to each device: ${bytesPerDeviceSecond.toFixed(0)} bytes a second`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

await main()
