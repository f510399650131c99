/** What the router has to know to say where a session would go on if its holder were gone. */
import type { DeviceId, OrgId, ProjectId, SessionId } from '@meshbook/core/ids.ts'
import type { SavedState } from '@meshbook/core/route/input.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { liveHeads } from './heads.ts'
import { savedStates } from './saved-states.ts'

export interface FailoverPlan {
  project: ProjectId
  language: string
  holder: DeviceId
  saved: SavedState[]
}

/** Null where nobody holds it. */
export async function failoverPlan(tx: Tx, a: { org: OrgId; session: SessionId }): Promise<FailoverPlan | null> {
  const row = await tx.get<{ project: ProjectId; language: string }>(
    'SELECT project_id AS project, language AS language FROM sessions WHERE org_id = ? AND session_id = ?',
    [a.org, a.session],
  )
  const [live] = await liveHeads(tx, a.org, 'session_id', a.session)
  if (!row || !live) return null
  return { ...row, holder: live.device, saved: await savedStates(tx, { session: a.session, head: live.head }) }
}

/** The sessions whose live head the device has, in whichever org; the newest first. */
export async function sessionsOn(tx: Tx, a: { device: DeviceId }): Promise<{ org: OrgId; session: SessionId }[]> {
  return tx.all(
    'SELECT org_id AS org, session_id AS session FROM heads WHERE device_id = ? AND ended_at IS NULL ORDER BY created_at DESC, head_id LIMIT 100',
    [a.device],
  )
}
