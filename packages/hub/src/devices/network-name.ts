/** A name for the network that an address is on, from which the address cannot be read off. */
import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { OrgId } from '@meshbook/core/ids.ts'

/** Computers of one household share an IPv4 address, or the first half of an IPv6 address. */
export function networkName(org: OrgId, address: string): string {
  const network = isIPv6(address) ? firstHalf(address) : address
  return createHash('sha256').update(`meshbook address\n${org}\n${network}`).digest('hex')
}

function firstHalf(address: string): string {
  const [before = '', after] = address.split('::', 2)
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const head = groups(before)
  const tail = groups(after ?? '')
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0')
  return [...head, ...zeros, ...tail]
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')
}
