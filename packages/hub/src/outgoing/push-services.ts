/**
 * The push services that browsers use (NT13). An endpoint is an address from a stranger, so it must be at one of these,
 * or at one that the hub's owner has allowed by name, which may then be anywhere.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { AddressKind } from './address-kind.ts'
import { checkedUrl } from './guarded-request.ts'

/** Hosts; a leading dot stands for any name below. */
const known: readonly string[] = [
  'fcm.googleapis.com',
  'updates.push.services.mozilla.com',
  '.push.apple.com',
  '.notify.windows.com',
]

/** To which kinds of addresses a push to the endpoint may go; throws PUSH_SERVICE where to none. */
export function pushServiceAllows(endpoint: string, allowed: readonly string[]): readonly AddressKind[] {
  const url = checkedUrl(endpoint)
  if (allowed.includes(url.origin)) return ['public', 'private']
  const { hostname, protocol, port } = url
  const isKnown = known.some(name => (name.startsWith('.') ? hostname.endsWith(name) : hostname === name))
  if (isKnown && protocol === 'https:' && port === '') return ['public']
  throw new MeshError('PUSH_SERVICE', { detail: url.host })
}
