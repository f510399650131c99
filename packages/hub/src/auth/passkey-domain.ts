/** For which domain a passkey made or used at this address is (AU20). Pure. */
import { isIP } from 'node:net'
import type { Visit } from '@meshbook/relay/serve/doorway.ts'

/** Null where the address is a number: browsers make no passkeys for those. */
export function passkeyDomain({ origin }: Visit): string | null {
  const { hostname } = new URL(origin)
  return isIP(hostname.replace(/^\[(.*)\]$/, '$1')) === 0 ? hostname : null
}
