/** Procedures over what users want to be told, and whether somebody looks at a page (NT1, NT2, NT5). */
import type { OrgId, ProjectId, UserId } from '@meshbook/core/ids.ts'
import { defaultNotifySettings, type NoticeKind, type NotifySettings } from '@meshbook/core/notify-api.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { Asker } from './places.ts'

/** Stored only by a handler that has checked them. */
export async function notifySettings(tx: Tx, a: Asker): Promise<NotifySettings> {
  const row = await tx.get<{ settings: string }>(
    'SELECT settings FROM notify_settings WHERE org_id = ? AND user_id = ?',
    [a.org, a.user],
  )
  return row ? (JSON.parse(row.settings) as NotifySettings) : defaultNotifySettings
}

export async function setNotifySettings(
  tx: Tx,
  a: { org: OrgId; user: UserId; settings: NotifySettings },
): Promise<void> {
  await tx.run(
    'INSERT INTO notify_settings (org_id, user_id, settings) VALUES (?, ?, ?) ON CONFLICT (org_id, user_id) DO UPDATE SET settings = excluded.settings',
    [a.org, a.user, JSON.stringify(a.settings)],
  )
}

/** A kind that the project does not set is as for all projects; one that nobody has set is on. */
export function isWanted(settings: NotifySettings, kind: NoticeKind, project: ProjectId | null): boolean {
  const own = settings.projects.find(one => one.project === project)
  return own?.kinds[kind] ?? settings.kinds[kind] ?? true
}

export function toldAfterMs(settings: NotifySettings, project: ProjectId | null): number {
  const own = settings.projects.find(one => one.project === project)
  return (own?.afterSeconds ?? settings.afterSeconds) * 1_000
}

/** The page of a browser session is in front of its user until then; 0 when it is not any more. */
export async function setLooking(tx: Tx, a: { org: OrgId; id: string; until: number }): Promise<void> {
  await tx.run('UPDATE browser_sessions SET looks_until = ? WHERE org_id = ? AND browser_session_id = ?', [
    a.until,
    a.org,
    a.id,
  ])
}

export interface AskedFrom {
  /** Somebody looks at the page right now. */
  looks: boolean
  phone: boolean
}

/** Of the browser session that asked for a run; nothing is known of what has ended, or was no browser. */
export async function askedFrom(tx: Tx, a: { org: OrgId; credential: string | null; now: number }): Promise<AskedFrom> {
  const [kind, id] = a.credential?.split(':') ?? []
  if (kind !== 'session' || id === undefined) return { looks: false, phone: false }
  const row = await tx.get<{ until: number; browser: string }>(
    'SELECT looks_until AS "until", browser AS browser FROM browser_sessions WHERE org_id = ? AND browser_session_id = ?',
    [a.org, id],
  )
  return {
    looks: row !== undefined && row.until > a.now,
    phone: row !== undefined && /Android|iPhone|iPad/.test(row.browser),
  }
}
