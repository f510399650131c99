/**
 * Which hub has the channel of a device, for the other hubs on the same database. Only the hub and the channel that a row
 * names may change it: a device that has connected elsewhere meanwhile is not theirs any more (CH2).
 */
import type { DeviceId, OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { Metrics, ProjectEnvironment, ToldProblems } from '@meshbook/core/messages.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { Subject } from './news.ts'

/** What a device told of itself that is not in its row. */
export interface PresenceFacts {
  metrics: Metrics | null
  networks: readonly string[]
  network: string
  problems?: ToldProblems | undefined
  environments?: ProjectEnvironment[] | undefined
}

/** `left`: it said goodbye. `silent`: nobody has its channel. */
export type PresenceStatus = 'online' | 'suspect' | 'silent' | 'left'

export interface PresenceRow {
  org: OrgId
  device: DeviceId
  /** Empty when no hub has it. */
  hub: string
  status: PresenceStatus
  seenAt: number
  projects: ProjectId[]
  facts: PresenceFacts
}

export interface Holding {
  org: OrgId
  device: DeviceId
  hub: string
  channel: string
}

export async function enterPresence(tx: Tx, a: Holding & { facts: PresenceFacts; now: number }): Promise<void> {
  const columns = 'hub_id = excluded.hub_id, channel = excluded.channel, status = excluded.status'
  await tx.run(
    `INSERT INTO presence (org_id, device_id, hub_id, channel, status, connected_at, seen_at, facts) VALUES (?, ?, ?, ?, 'online', ?, ?, ?)
    ON CONFLICT (device_id) DO UPDATE SET ${columns}, connected_at = excluded.connected_at, seen_at = excluded.seen_at, facts = excluded.facts`,
    [a.org, a.device, a.hub, a.channel, a.now, a.now, JSON.stringify(a.facts)],
  )
}

/** False when the device has another channel by now. */
export async function renewPresence(
  tx: Tx,
  a: Holding & { status: PresenceStatus; facts: PresenceFacts; seenAt: number; tell: boolean },
): Promise<boolean> {
  const { changes } = await tx.run(
    'UPDATE presence SET status = ?, seen_at = ?, facts = ? WHERE org_id = ? AND device_id = ? AND hub_id = ? AND channel = ?',
    [a.status, a.seenAt, JSON.stringify(a.facts), a.org, a.device, a.hub, a.channel],
  )
  return changes > 0
}

export async function leavePresence(tx: Tx, a: Holding & { left: boolean; seenAt: number }): Promise<boolean> {
  const { changes } = await tx.run(
    "UPDATE presence SET hub_id = '', status = ?, seen_at = ? WHERE org_id = ? AND device_id = ? AND hub_id = ? AND channel = ?",
    [a.left ? 'left' : 'silent', a.seenAt, a.org, a.device, a.hub, a.channel],
  )
  return changes > 0
}

export const presenceTold = (changed: boolean, a: Holding & { tell?: boolean }): Subject[] =>
  changed && a.tell !== false ? [`device ${a.device}`] : []

type Stored = Omit<PresenceRow, 'projects' | 'facts'> & { projects: string; facts: string }

export async function listPresence(tx: Tx, a: { device: DeviceId | null }): Promise<PresenceRow[]> {
  const rows = await tx.all<Stored>(
    `SELECT p.org_id AS org, p.device_id AS device, p.hub_id AS hub, p.status AS status, p.seen_at AS "seenAt", p.facts AS facts, d.projects AS projects
    FROM presence p JOIN devices d ON d.org_id = p.org_id AND d.device_id = p.device_id WHERE d.revoked_at IS NULL${a.device === null ? '' : ' AND p.device_id = ?'}`,
    a.device === null ? [] : [a.device],
  )
  return rows.map(row => ({
    ...row,
    projects: JSON.parse(row.projects) as ProjectId[],
    facts: JSON.parse(row.facts) as PresenceFacts,
  }))
}

/** A hub that beats is alive; who has not beaten for long is forgotten. */
export async function beatHub(
  tx: Tx,
  a: { org: OrgId; hub: string; now: number; forgetBefore: number },
): Promise<void> {
  await tx.run('DELETE FROM hub_beats WHERE org_id = ? AND beat_at < ?', [a.org, a.forgetBefore])
  await tx.run(
    'INSERT INTO hub_beats (org_id, hub_id, beat_at) VALUES (?, ?, ?) ON CONFLICT (hub_id) DO UPDATE SET beat_at = excluded.beat_at',
    [a.org, a.hub, a.now],
  )
}

/** This hub has closed what was revoked up to there (CH10). */
export async function heardNews(tx: Tx, a: { org: OrgId; hub: string; position: number }): Promise<void> {
  await tx.run('UPDATE hub_beats SET heard = ? WHERE org_id = ? AND hub_id = ? AND heard < ?', [
    a.position,
    a.org,
    a.hub,
    a.position,
  ])
}

export async function listHubs(tx: Tx): Promise<{ hub: string; beatAt: number; heard: number }[]> {
  return tx.all('SELECT hub_id AS hub, beat_at AS "beatAt", heard AS heard FROM hub_beats')
}
