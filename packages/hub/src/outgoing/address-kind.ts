/**
 * What an IP address is to a request that a user makes the hub send (S15). Pure. It must not know names: whoever connects
 * asks about the address that the connection goes to.
 */
import { isIP } from 'node:net'

/**
 * `public`: anybody's. `private`: this machine or its network, for which the owner of the hub must answer. `never`: the
 * addresses where clouds hand out credentials, and those that are nobody's.
 */
export type AddressKind = 'public' | 'private' | 'never'

type Range = readonly [network: string, bits: number, kind: AddressKind]

/** The narrowest that fits decides; what is in none of IPv4 is public, what is in none of IPv6 is never. */
const ranges4: readonly Range[] = [
  ['0.0.0.0', 8, 'never'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'private'],
  ['100.100.100.200', 32, 'never'],
  ['127.0.0.0', 8, 'private'],
  ['168.63.129.16', 32, 'never'],
  ['169.254.0.0', 16, 'never'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'never'],
  ['192.0.2.0', 24, 'never'],
  ['192.31.196.0', 24, 'never'],
  ['192.52.193.0', 24, 'never'],
  ['192.88.99.0', 24, 'never'],
  ['192.168.0.0', 16, 'private'],
  ['192.175.48.0', 24, 'never'],
  ['198.18.0.0', 15, 'never'],
  ['198.51.100.0', 24, 'never'],
  ['203.0.113.0', 24, 'never'],
  ['224.0.0.0', 4, 'never'],
  ['240.0.0.0', 4, 'never'],
]
const ranges6: readonly Range[] = [
  ['2000::', 3, 'public'],
  ['2001::', 23, 'never'],
  ['2001:db8::', 32, 'never'],
  ['3fff::', 20, 'never'],
  ['fc00::', 7, 'private'],
  ['fd00:ec2::', 32, 'never'],
  ['fd20:ce::254', 128, 'never'],
  ['::1', 128, 'private'],
]
/** Addresses that hold one of IPv4: the kind is that of what they hold; the number is where it begins. */
const carriers: readonly (readonly [network: string, bits: number, at: number])[] = [
  ['::ffff:0:0', 96, 96],
  ['::ffff:0:0:0', 96, 96],
  ['64:ff9b::', 96, 96],
  ['2002::', 16, 16],
]

/** Of what is no address at all: `never`. */
export function addressKind(address: string): AddressKind {
  const plain = address.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '')
  const family = isIP(plain)
  if (family === 4) return kindIn(ranges4, number4(plain), 32, number4) ?? 'public'
  return family === 6 ? kindOf6(number6(plain)) : 'never'
}

function kindOf6(number: bigint): AddressKind {
  for (const [network, bits, at] of carriers)
    if (sharesPrefix(number, number6(network), bits, 128)) {
      const held = (number >> BigInt(128 - at - 32)) & 0xffff_ffffn
      return kindIn(ranges4, held, 32, number4) ?? 'public'
    }
  return kindIn(ranges6, number, 128, number6) ?? 'never'
}

function kindIn(
  ranges: readonly Range[],
  number: bigint,
  width: number,
  read: (text: string) => bigint,
): AddressKind | undefined {
  const fitting = ranges.filter(([network, bits]) => sharesPrefix(number, read(network), bits, width))
  return fitting.sort(([, a], [, b]) => b - a)[0]?.[2]
}

function sharesPrefix(a: bigint, b: bigint, bits: number, width: number): boolean {
  const rest = BigInt(width - bits)
  return a >> rest === b >> rest
}

function number4(text: string): bigint {
  return text.split('.').reduce((number, part) => number * 256n + BigInt(part), 0n)
}

/** Of text that `isIP` has accepted. */
function number6(text: string): bigint {
  const dotted = /(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1]
  const plain = dotted ? text.slice(0, -dotted.length) + groupsOf(number4(dotted)) : text
  const [head = '', tail] = plain.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...gap, ...after].reduce((number, part) => (number << 16n) + BigInt(`0x${part}`), 0n)
}

function groupsOf(number: bigint): string {
  return `${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`
}
