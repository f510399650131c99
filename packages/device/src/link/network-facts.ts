/**
 * The networks that this machine is on, as names that hold no address, and whether they are metered. Known where the
 * system tells it in files or by a program that is there; whatever cannot be found out is left out.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { limits } from '@meshbook/core/limits.ts'
import type { Metrics } from '@meshbook/core/messages.ts'

const run = promisify(execFile)
const askMs = 2_000

export type NetworkFacts = Pick<Metrics, 'metered' | 'networks'>

/** What is asked of the system, so that tests can be another one. */
export interface NetworkSources {
  read(file: string): Promise<string>
  /** Standard output; rejects with code ENOENT where the program is not there. */
  run(program: string, args: string[]): Promise<string>
}

export const systemSources: NetworkSources = {
  read: file => readFile(file, 'utf8'),
  run: async (program, args) => (await run(program, args, { timeout: askMs, maxBuffer: 64 * 1024 })).stdout,
}

const networkManager = ['org.freedesktop.NetworkManager', '/org/freedesktop/NetworkManager']

export class NetworkWatch {
  readonly #sources: NetworkSources
  /** Goes into every name, so that two hubs cannot tell that they know the same network. */
  readonly #scope: string
  #hasTool = true

  constructor(scope: string, sources = systemSources) {
    this.#scope = scope
    this.#sources = sources
  }

  async measure(): Promise<NetworkFacts> {
    const [metered, networks] = await Promise.all([this.#metered(), this.#networks()])
    return { ...(metered !== undefined && { metered }), ...(networks.length > 0 && { networks }) }
  }

  async #metered(): Promise<boolean | undefined> {
    if (!this.#hasTool) return undefined
    try {
      const property = ['get-property', ...networkManager, 'org.freedesktop.NetworkManager', 'Metered']
      return parseMetered(await this.#sources.run('busctl', ['--system', ...property]))
    } catch (thrown) {
      // A bus that is down may come up; a program that is not there is not asked for again.
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') this.#hasTool = false
      return undefined
    }
  }

  async #networks(): Promise<string[]> {
    try {
      const [routes, neighbours] = await Promise.all(
        ['/proc/net/route', '/proc/net/arp'].map(file => this.#sources.read(file)),
      )
      return networksOf(routes!, neighbours!)
        .slice(0, limits.networksPerDevice)
        .map(network => createHash('sha256').update(`meshbook network\n${this.#scope}\n${network}`).digest('hex'))
    } catch {
      return []
    }
  }
}

/** NetworkManager's NMMetered: 1 yes, 2 no, 3 and 4 the same as guesses, 0 unknown. */
export function parseMetered(text: string): boolean | undefined {
  const value = /^u ([0-4])\s*$/.exec(text)?.[1]
  return value === undefined || value === '0' ? undefined : value === '1' || value === '3'
}

/** The gateway's hardware address and the subnet, for each default route: private subnets are the same in many homes. */
export function networksOf(routes: string, neighbours: string): string[] {
  const rows = rowsOf(routes).map(([iface, to, gateway, , , , , mask]) => ({ iface, to, gateway, mask }))
  const found = rows
    .filter(({ to, mask }) => to === '00000000' && mask === '00000000')
    .flatMap(({ iface, gateway }) => {
      const hardware = hardwareOf(neighbours, iface!, addressOf(gateway!))
      const subnets = rows.filter(row => row.iface === iface && row.gateway === '00000000' && row.to !== '00000000')
      return hardware === undefined ? [] : subnets.map(({ to, mask }) => `${hardware} ${to}/${mask}`)
    })
  return [...new Set(found)].sort()
}

/** Lines of fields, without the heading. */
function rowsOf(text: string): string[][] {
  const lines = text.split('\n').slice(1)
  return lines.map(line => line.trim().split(/\s+/)).filter(fields => fields.length > 5)
}

/** The kernel writes an address as a little-endian number in hex. */
function addressOf(hex: string): string {
  const bytes = hex.match(/../g) ?? []
  return bytes
    .toReversed()
    .map(byte => Number.parseInt(byte, 16))
    .join('.')
}

function hardwareOf(neighbours: string, iface: string, address: string): string | undefined {
  const row = rowsOf(neighbours).find(fields => fields[0] === address && fields[5] === iface)
  const hardware = row?.[3]
  return hardware === undefined || /^[0:]*$/.test(hardware) ? undefined : hardware
}
