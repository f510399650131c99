/**
 * What a device tells of where its own network reaches it. Addresses are private ones alone, so that nobody can be made
 * to dial into the Internet, and at most a handful, so that nobody is made to scan.
 */
import * as v from 'valibot'
import { limits } from './limits.ts'

/** RFC 1918 and RFC 4193; no loopback, no link-local. */
export function isPrivateAddress(address: string): boolean {
  const [a = -1, b = -1] = ipv4(address) ?? []
  if (a >= 0) return a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)
  return /^f[cd][0-9a-f]{2}:[0-9a-f:]*$/.test(address)
}

function ipv4(address: string): number[] | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1).map(Number)
  return parts?.every(part => part < 256) ? parts : undefined
}

const addressSchema = v.pipe(v.string(), v.maxLength(39), v.check(isPrivateAddress, 'expected a private address'))

export const lanOfferSchema = v.object({
  addresses: v.pipe(v.array(addressSchema), v.minLength(1), v.maxLength(limits.lanAddressesPerDevice)),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
  /** DER, base64url: self-signed by the device's key. */
  certificate: v.pipe(v.string(), v.minLength(200), v.maxLength(800), v.regex(/^[\w-]+$/)),
})
export type LanOffer = v.InferOutput<typeof lanOfferSchema>

/** 256 bits, base64url. */
export const lanNonceSchema = v.pipe(v.string(), v.regex(/^[\w-]{43}$/))
