/** Writes ASN.1 values in DER (X.690), as far as a certificate needs them. Pure. */
import { isIPv4, isIPv6 } from 'node:net'

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body])
}

function lengthOf(count: number): Buffer {
  if (count < 0x80) return Buffer.from([count])
  const digits = Buffer.from(count.toString(16).padStart(count > 0xffff ? 6 : count > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([0x80 | digits.length]), digits])
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts)
export const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts)
export const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes)
export const bits = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), bytes)
export const text = (value: string): Buffer => der(0x0c, Buffer.from(value, 'utf8'))
export const yes = (): Buffer => der(0x01, Buffer.from([0xff]))

/** Of a number that is not negative, from its bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let first = 0
  while (first < bytes.length - 1 && bytes[first] === 0) first++
  const shortest = Buffer.from(bytes.subarray(first))
  return der(0x02, ...(shortest[0]! >= 0x80 ? [Buffer.from([0])] : []), shortest)
}

export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(baseOf128)]))
}

function baseOf128(arc: number): number[] {
  const digits = [arc & 0x7f]
  for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
  return digits
}

/** To the second; certificates write years from 2050 on with four digits. */
export function time(at: number): Buffer {
  const digits = `${new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`
  return Number(digits.slice(0, 4)) < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits))
}

/** The bytes of an address: four or sixteen. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  if (!isIPv6(address)) throw new RangeError('not an address')
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const groups = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap(group => {
          if (group.includes('.')) return [...addressBytes(group)]
          const value = Number.parseInt(group, 16)
          return [value >> 8, value & 0xff]
        })
  const [before, after] = [groups(head), groups(tail ?? '')]
  return Buffer.from([...before, ...new Array(16 - before.length - after.length).fill(0), ...after])
}
