/** The private addresses of this machine's interfaces, in an order that stays. */
import { networkInterfaces } from 'node:os'
import { isPrivateAddress } from '@meshbook/core/lan.ts'
import { limits } from '@meshbook/core/limits.ts'

export function lanAddresses(): string[] {
  const found = Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .filter(({ internal, address }) => !internal && isPrivateAddress(address))
    .map(({ address }) => address)
  return [...new Set(found)].sort().slice(0, limits.lanAddressesPerDevice)
}
