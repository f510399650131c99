/** Who asks, and what they may do. Made only by the authenticator; handlers check nothing but this. */
import type { Scope } from '@meshbook/core/api.ts'
import type { DeviceId, DocumentId, OrgId, ProjectId, UserId } from '@meshbook/core/ids.ts'
import type { DeviceRow } from '../store/identity.ts'

/** What was shown. When it ends or is revoked, everything that was opened with it is closed. `issuer` is the `credentialKey` of what a ticket was made with. */
export type Credential =
  | { kind: 'session' | 'token'; id: string }
  | { kind: 'device'; id: DeviceId }
  | { kind: 'ticket'; id: string; issuer: string; document: DocumentId | null; project: ProjectId }

export interface Principal {
  org: OrgId
  user: UserId
  name: string
  can: ReadonlySet<Scope>
  credential: Credential
}

export const everyScope: ReadonlySet<Scope> = new Set(['read', 'write', 'run'])

/** A device acts for its user. */
export function deviceOwner({ org, user, userName, id }: DeviceRow): Principal {
  return { org, user, name: userName, can: everyScope, credential: { kind: 'device', id } }
}

/** A ticket's scope includes the smaller ones: who may run may write, who may write may read. */
export function scopesUpTo(scope: Scope): ReadonlySet<Scope> {
  if (scope === 'run') return everyScope
  return new Set(scope === 'write' ? ['read', 'write'] : ['read'])
}

export function credentialKey(credential: { kind: string; id: string }): string {
  return `${credential.kind}:${credential.id}`
}
