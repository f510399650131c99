/** What signs a person in again, counted where one is taken away (AU6). */
import type { ProviderName } from '@meshbook/core/account-api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, UserId } from '@meshbook/core/ids.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

type Owner = { org: OrgId; user: UserId }

/** What this hub accepts today: an identity of another issuer, or a passkey for another domain, signs nobody in. */
export interface Accepted {
  issuers: { provider: ProviderName; issuer: string }[]
  domains: string[]
}

/** Does it unless nobody could sign in to the account afterwards (AU6); then nothing is done. */
export async function keepingAWayIn(
  tx: Tx,
  a: Owner & { accepted: Accepted },
  remove: () => Promise<{ changes: number }>,
): Promise<boolean> {
  const before = await waysIn(tx, a)
  const { changes } = await remove()
  if (before > 0 && (await waysIn(tx, a)) === 0) throw new MeshError('LAST_WAY_IN')
  return changes > 0
}

async function waysIn(tx: Tx, a: Owner & { accepted: Accepted }): Promise<number> {
  const first = await tx.get<{ user: UserId }>('SELECT user_id AS user FROM users ORDER BY created_at LIMIT 1')
  const identities = await tx.all<{ provider: ProviderName; issuer: string }>(
    'SELECT provider, issuer FROM identities WHERE org_id = ? AND user_id = ?',
    [a.org, a.user],
  )
  const passkeys = await tx.all<{ domain: string }>('SELECT domain FROM passkeys WHERE org_id = ? AND user_id = ?', [
    a.org,
    a.user,
  ])
  const { issuers, domains } = a.accepted
  const accepted = (row: { provider: ProviderName; issuer: string }): boolean =>
    issuers.some(({ provider, issuer }) => provider === row.provider && issuer === row.issuer)
  return (
    (first?.user === a.user ? 1 : 0) +
    identities.filter(accepted).length +
    passkeys.filter(({ domain }) => domains.includes(domain)).length
  )
}
