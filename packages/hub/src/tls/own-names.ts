/** Under which names and addresses a machine is reached, and which of them an authority may vouch for (TL2, TL3). Pure. */

import { BlockList, isIP } from 'node:net'
import type { networkInterfaces } from 'node:os'
import type { Permitted } from './certificates.ts'

export interface Machine {
  hostname: string
  interfaces: ReturnType<typeof networkInterfaces>
  publicUrl: string | null
}

const privateNetworks = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  'fc00::/7',
  'fe80::/10',
  '::1/128',
]
/** Of containers and virtual machines: nobody reaches the hub under these. */
const inner = /^(?:docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel)/

/** Of the machine on its networks, those that a phone is likeliest to reach first. */
export function lanAddresses({ interfaces }: Pick<Machine, 'interfaces'>): string[] {
  const all = Object.entries(interfaces).flatMap(([name, addresses = []]) =>
    addresses
      .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
      .map(({ address, family }) => ({ address, rank: (inner.test(name) ? 2 : 0) + (family === 'IPv4' ? 0 : 1) })),
  )
  return [...new Set(all.sort((a, b) => a.rank - b.rank).map(({ address }) => address))]
}

/** All names that a certificate of this hub should have. */
export function ownNames(machine: Machine): string[] {
  const own = hostNames(machine)
  const names = ['localhost', ...own, ...publicName(machine), '127.0.0.1', '::1', ...lanAddresses(machine)]
  return [...new Set(names)].slice(0, mostNames)
}
const mostNames = 100

/** What an authority that is made now may vouch for. */
export function permittedFor(machine: Machine): Permitted {
  const single = [...publicName(machine), ...lanAddresses(machine)].filter(name => isIP(name) !== 0)
  const outside = single.filter(address => !isWithin(address, privateNetworks))
  const exact = outside.map(address => `${address}/${isIP(address) === 6 ? 128 : 32}`)
  const hosts = ['localhost', ...hostNames(machine), ...publicName(machine)].filter(name => isIP(name) === 0)
  return { names: [...new Set(hosts)], networks: [...privateNetworks, ...new Set(exact)] }
}

/** Splits names by whether an authority with these constraints may vouch for them. */
export function sorted(names: readonly string[], permitted: Permitted): { covered: string[]; left: string[] } {
  const isCovered = (name: string): boolean =>
    isIP(name) === 0
      ? permitted.names.some(host => name === host || name.endsWith(`.${host}`))
      : isWithin(name, permitted.networks)
  return { covered: names.filter(isCovered), left: names.filter(name => !isCovered(name)) }
}

function hostNames({ hostname }: Machine): string[] {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (!/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(name) || isIP(name) !== 0) return []
  const [first = name] = name.split('.')
  return [...new Set([name, `${first}.local`])].filter(own => own !== 'localhost')
}

function publicName({ publicUrl }: Machine): string[] {
  return publicUrl === null ? [] : [new URL(publicUrl).hostname.replace(/^\[(.*)\]$/, '$1')]
}

function isWithin(address: string, networks: readonly string[]): boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [first = '', length] = network.split('/')
    list.addSubnet(first, Number(length), isIP(first) === 6 ? 'ipv6' : 'ipv4')
  }
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
