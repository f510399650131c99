/** How this machine is: load, memory, graphics cards, battery, networks. Whatever cannot be found out is left out. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { arch, cpus, freemem, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Metrics } from '@meshbook/core/messages.ts'
import { NetworkWatch } from './network-facts.ts'

const run = promisify(execFile)
const askMs = 2_000

const manifest: { version: string } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
export const machine = { os: `${platform()} ${release()}`.slice(0, 100), arch: arch(), software: manifest.version }

export class MachineFacts {
  #times = cpuTimes()
  #hasNvidia = true
  readonly #network: NetworkWatch

  /** `hub`: for whom it is measured. */
  constructor(hub: string) {
    this.#network = new NetworkWatch(hub)
  }

  async measure(): Promise<Metrics> {
    const [gpus, battery, network] = await Promise.all([this.#gpus(), batteryState(), this.#network.measure()])
    return {
      cpu: this.#cpu(),
      memoryBytes: totalmem(),
      memoryFreeBytes: freemem(),
      gpus,
      ...(battery ? { battery } : {}),
      ...network,
    }
  }

  /** The busy share of all processors since the last measurement. */
  #cpu(): number {
    const before = this.#times
    this.#times = cpuTimes()
    const all = this.#times.all - before.all
    return all > 0 ? Math.min(1, Math.max(0, (all - (this.#times.idle - before.idle)) / all)) : 0
  }

  async #gpus(): Promise<Metrics['gpus']> {
    if (!this.#hasNvidia) return []
    try {
      const fields = '--query-gpu=name,memory.total,memory.free,utilization.gpu'
      const { stdout } = await run('nvidia-smi', [fields, '--format=csv,noheader,nounits'], {
        timeout: askMs,
        maxBuffer: 64 * 1024,
      })
      return parseNvidia(stdout)
    } catch {
      this.#hasNvidia = false
      return []
    }
  }
}

function cpuTimes(): { idle: number; all: number } {
  const times = cpus().map(cpu => cpu.times)
  const idle = times.reduce((sum, time) => sum + time.idle, 0)
  return { idle, all: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0) }
}

/** Lines of `name, total MiB, free MiB, load %`. */
export function parseNvidia(text: string): Metrics['gpus'] {
  return text.split('\n').flatMap(line => {
    const [name, total, free, load] = line.split(',').map(field => field.trim())
    const numbers = [Number(total), Number(free), Number(load)]
    if (!name || total === undefined || numbers.some(number => !Number.isFinite(number) || number < 0)) return []
    const mebibyte = 2 ** 20
    return [
      {
        name: name.slice(0, 100),
        memoryBytes: numbers[0]! * mebibyte,
        memoryFreeBytes: numbers[1]! * mebibyte,
        load: numbers[2]! / 100,
      },
    ]
  })
}

async function batteryState(): Promise<Metrics['battery']> {
  const folder = '/sys/class/power_supply'
  try {
    const name = (await readdir(folder)).find(entry => /^BAT/i.test(entry))
    if (name === undefined) return undefined
    const read = (file: string) => readFile(join(folder, name, file), 'utf8')
    const level = Number(await read('capacity')) / 100
    return Number.isFinite(level)
      ? { level: Math.min(1, Math.max(0, level)), charging: !/discharging/i.test(await read('status')) }
      : undefined
  } catch {
    return undefined
  }
}
