/** How values and data keys are sealed, and what is bound to each (VA2). Pure but for chance; it stores nothing. */
import type { HookId, OrgId, RandomBytes, UserId, WayId } from '@meshbook/core/ids.ts'
import type { SealedKey } from '../store/keys.ts'
import type { MasterKey } from './master-key.ts'
import { keyBytes, seal, unseal } from './sealed-box.ts'
import { Secret } from './secret.ts'

export type KeyPlace = Pick<SealedKey, 'org' | 'name' | 'kind' | 'at' | 'inside' | 'version'>

const aboutValue = ({ org, name, kind, at, inside, version }: KeyPlace): string =>
  JSON.stringify(['vault key', org, name, kind, at, inside, version])
export const aboutDataKey = (org: OrgId, version: number): string => `vault data key ${org} ${version}`
export const aboutComputeKeys = 'compute keys'
export const aboutHook = (hook: HookId): string => `hook secret ${hook}`
export const aboutWay = (way: WayId): string => `way ${way}`
export const aboutOwnerKey = ({ org, user }: { org: OrgId; user: UserId }, version: number): string =>
  `owner key ${org} ${user} ${version}`

/** A new data key: sealed for the store, and itself for as long as it is needed. */
export function newDataKey(
  master: MasterKey,
  random: RandomBytes,
  org: OrgId,
  version: number,
): { wrapped: string; key: Uint8Array } {
  const key = random(keyBytes)
  return { key, wrapped: master.seal(key, aboutDataKey(org, version)) }
}

export function sealValue(key: Uint8Array, random: RandomBytes, secret: Secret, place: KeyPlace): string {
  return seal(key, random, Buffer.from(secret.reveal()), aboutValue(place))
}

/** Why a value does not open: the master key is another one, or the row is not what was stored. */
export type Unopened = 'master key' | 'value'

export function openValue(master: MasterKey, row: SealedKey): Secret | Unopened {
  const key = master.open(row.wrapped, aboutDataKey(row.org, row.version))
  if (!key) return 'master key'
  const value = unseal(key, row.sealed, aboutValue(row))
  return value ? new Secret(Buffer.from(value).toString('utf8')) : 'value'
}
