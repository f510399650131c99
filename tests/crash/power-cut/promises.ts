/** What the traced program said while it ran, one JSON line each. `insert` and `remove` are wishes, the rest is promised. */
import type { DocumentId, OrgId } from '@meshbook/core/ids.ts'

export type Promised =
  | { type: 'key'; at: number; org: OrgId; document: DocumentId }
  | { type: 'insert' | 'inserted'; at: number; mark: number }
  | { type: 'remove' | 'removed'; at: number }
  | { type: 'migrate' }
  | { type: 'end' }
