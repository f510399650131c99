/** Whose requests from an address are (RQ14). Pure. */
import { isIPv6 } from 'node:net'

/** The address itself; of IPv6 the network of 64 bits that it is in, which one customer has as a whole. */
export function addressBlock(address: string): string {
  if (!isIPv6(address)) return address
  const [front = '', back] = address.replace(/%.*$/, '').split('::')
  const left = front === '' ? [] : front.split(':')
  const right = back === undefined || back === '' ? [] : back.split(':')
  const between = Array.from({ length: 8 - left.length - right.length }, () => '0')
  const network = [...left, ...between, ...right].slice(0, 4)
  return `${network.map(part => Number.parseInt(part, 16).toString(16)).join(':')}::/64`
}
