/** Procedures that take runs in, give them out under a lease, and keep their order. */

import type { Run } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, DocumentId, HeadId, OrgId, ProjectId, RunId, SessionId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { CellRef, Lease } from '@meshbook/core/messages.ts'
import type { SessionPolicy } from '@meshbook/core/moves-api.ts'
import type { SavedState } from '@meshbook/core/route/input.ts'
import { queued, type RunKind, stepRun } from '@meshbook/core/run.ts'
import type { Rung } from '@meshbook/core/snapshot.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { liveHeads, takeHead } from './heads.ts'
import { newestHead, whyHeldByMove } from './moves.ts'
import {
  activeStatuses,
  leaseFor,
  type RunDemands,
  type RunRow,
  runRow,
  saveState,
  selectRuns,
  showRun,
} from './run-rows.ts'
import { type HeadRestore, runsBehind, savedStates } from './saved-states.ts'
import { isStopping, usedWorker } from './workers.ts'

export interface NewRun {
  org: OrgId
  id: RunId
  document: DocumentId
  /** As written on the fence. */
  language: string
  /** Of the session: the language whose kernel runs it. */
  runtime: string
  sessionName: string
  /** Id for the session, should it not exist yet. */
  newSession: SessionId
  code: string
  codeHash: string
  cell: CellRef | null
  chosenDevice: DeviceId | null
  demands?: RunDemands
  requestedBy: string
  /** Whose run it is; null where that is not known. */
  asker?: { org: OrgId; user: UserId } | null
  /** `credentialKey` of what it was asked for with. */
  from?: string | null
  now: number
  expiresAt: number
  askedAt?: number | null
  againOf?: RunId | null
}

/** Idempotent by id: the same id with the same code in the same document is the same run. */
export async function createRun(tx: Tx, a: NewRun): Promise<{ run: Run; created: boolean }> {
  const known = await runRow(tx, a.org, a.id)
  if (known && (known.codeHash !== a.codeHash || known.document !== a.document))
    throw new MeshError('RUN_EXISTS', { detail: `run ${a.id}` })
  if (!known && a.expiresAt <= a.now) throw new MeshError('RUN_EXPIRED', { detail: `run ${a.id}` })
  if (!known) await insertRun(tx, a)
  return { run: (await showRun(tx, { org: a.org, id: a.id }))!, created: !known }
}

async function insertRun(tx: Tx, a: NewRun): Promise<void> {
  const project = await projectOf(tx, a)
  const session = await sessionFor(tx, a, project)
  const { waiting } = (await tx.get<{ waiting: number }>(
    "SELECT COUNT(*) AS waiting FROM runs WHERE org_id = ? AND session_id = ? AND status = 'queued'",
    [a.org, session],
  ))!
  if (waiting >= limits.runQueuePerSession)
    throw new MeshError('TOO_MANY', { detail: `${waiting} runs wait for this session` })
  await addRun(tx, a, project, session)
}

export async function projectOf(tx: Tx, a: Pick<NewRun, 'org' | 'document'>): Promise<ProjectId> {
  const document = await tx.get<{ project: ProjectId }>(
    'SELECT project_id AS project FROM documents WHERE org_id = ? AND document_id = ?',
    [a.org, a.document],
  )
  if (!document) throw new MeshError('NOT_FOUND', { detail: `document ${a.document}` })
  return document.project
}

/** A task or a workflow is no cell of a notebook: it stands under the tree of its project, in a session that no device has. */
export async function insertOwnRun(
  tx: Tx,
  a: Pick<
    NewRun,
    'org' | 'id' | 'document' | 'newSession' | 'code' | 'codeHash' | 'requestedBy' | 'asker' | 'from' | 'now'
  > & {
    project: ProjectId
    kind: 'task' | 'workflow'
  },
): Promise<void> {
  const language = a.kind === 'task' ? 'agent' : 'workflow'
  const run: NewRun = {
    ...{ ...a, language, runtime: language, sessionName: `${a.kind}s`, cell: null, chosenDevice: null },
    expiresAt: Number.MAX_SAFE_INTEGER,
  }
  await addRun(tx, run, a.project, await sessionFor(tx, run, a.project), a.kind)
}

export async function addRun(
  tx: Tx,
  a: NewRun,
  project: ProjectId,
  session: SessionId,
  kind: RunKind = 'cell',
): Promise<void> {
  const { arrival } = (await tx.get<{ arrival: number }>(
    'SELECT COALESCE(MAX(arrival), 0) + 1 AS arrival FROM runs WHERE org_id = ?',
    [a.org],
  ))!
  await tx.run(
    `INSERT INTO runs (org_id, run_id, arrival, kind, project_id, document_id, session_id, language, code, code_hash, cell, requested_by, asked_org, asked_by, requested_at, expires_at, chosen_device, demands, status, state, asked_at, again_of, asked_from, seq, log_bytes, reasons)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '[]')`,
    [
      a.org,
      a.id,
      arrival,
      kind,
      project,
      a.document,
      session,
      a.language,
      a.code,
      a.codeHash,
      a.cell && JSON.stringify(a.cell),
      a.requestedBy,
      a.asker?.org ?? null,
      a.asker?.user ?? null,
      a.now,
      a.expiresAt,
      a.chosenDevice,
      JSON.stringify(a.demands ?? {}),
      queued.status,
      JSON.stringify(queued),
      a.askedAt ?? null,
      a.againOf ?? null,
      a.from ?? null,
    ],
  )
}

async function sessionFor(tx: Tx, a: NewRun, project: ProjectId): Promise<SessionId> {
  const known = await tx.get<{ id: SessionId }>(
    'SELECT session_id AS id FROM sessions WHERE org_id = ? AND project_id = ? AND language = ? AND name = ?',
    [a.org, project, a.runtime, a.sessionName],
  )
  if (known) return known.id
  await tx.run(
    'INSERT INTO sessions (org_id, session_id, project_id, language, name, fence, created_at) VALUES (?, ?, ?, ?, ?, 0, ?)',
    [a.org, a.newSession, project, a.runtime, a.sessionName, a.now],
  )
  return a.newSession
}

export interface Placement {
  next: RunRow
  /** The live head and until when its holder may rely on it. */
  holder: { device: DeviceId; expiresAt: number } | null
  /** How many runs each device holds. */
  busy: { device: DeviceId; runs: number }[]
  /** Whether the session ever had a head. */
  hasRun: boolean
  /** The longest that this code took of late in this document. */
  tookMs: number | null
  /** Name of the user whose project it is. */
  projectOwner: string
  /** What may be used of what was saved of the session. */
  saved: SavedState[]
  /** Where it was live until that device lost it, where nobody holds it now. */
  lostBy: DeviceId | null
  /** What holds for the session where the run does not say otherwise. */
  policy: SessionPolicy
  /** Why nothing of it begins: it is being saved or moved. */
  held: string | null
}

/** All that the router needs to know from the store to place the session's next run; null when there is none to place. */
export async function nextPlacement(tx: Tx, a: { org: OrgId; session: SessionId }): Promise<Placement | null> {
  const next = await nextRun(tx, a)
  if (!next) return null
  const [head] = await liveHeads(tx, a.org, 'session_id', a.session)
  const busy = await tx.all<{ device: DeviceId; runs: number }>(
    `SELECT device_id AS device, COUNT(*) AS runs FROM runs WHERE org_id = ? AND status IN ${activeStatuses} GROUP BY device_id`,
    [a.org],
  )
  const about = await tx.get<{ fence: number; owner: string; policy: string }>(
    'SELECT s.fence AS fence, p.owner AS owner, s.policy AS policy FROM sessions s JOIN projects p ON p.org_id = s.org_id AND p.project_id = s.project_id WHERE s.org_id = ? AND s.session_id = ?',
    [a.org, a.session],
  )
  return {
    next,
    holder: head ? { device: head.device, expiresAt: head.expiresAt } : null,
    busy,
    hasRun: (about?.fence ?? 0) > 0,
    tookMs: await lastTook(tx, next),
    projectOwner: about?.owner ?? '',
    policy: JSON.parse(about?.policy ?? '{}') as SessionPolicy,
    held: (await whyHeldByMove(tx, a.org, a.session)) ?? null,
    ...(await savedOf(tx, a, head?.head)),
  }
}

/** Of the live head, or of one that its device has lost; a head that ended otherwise was not to go on. */
async function savedOf(
  tx: Tx,
  { org, session }: { org: OrgId; session: SessionId },
  live: HeadId | undefined,
): Promise<Pick<Placement, 'saved' | 'lostBy'>> {
  if (live) return { saved: await savedStates(tx, { session, head: live }), lostBy: null }
  const newest = await newestHead(tx, org, session)
  if (newest?.lost !== 1) return { saved: [], lostBy: null }
  return { saved: await savedStates(tx, { session, head: newest.head }), lostBy: newest.device }
}

/** How long the same code took in the same document: the longest of its last runs, of any outcome (RT33). */
async function lastTook(tx: Tx, { org, document, codeHash, arrival }: RunRow): Promise<number | null> {
  const past = await tx.all<{ ms: number | null }>(
    'SELECT duration_ms AS ms FROM runs WHERE org_id = ? AND document_id = ? AND code_hash = ? AND arrival < ? ORDER BY arrival DESC LIMIT ?',
    [org, document, codeHash, arrival, limits.pastRunRows],
  )
  const known = past.flatMap(({ ms }) => ms ?? [])
  return known.length > 0 ? Math.max(...known) : null
}

/** The run whose turn it is, unless one of the session is under way. */
async function nextRun(tx: Tx, a: { org: OrgId; session: SessionId }): Promise<RunRow | null> {
  const active = await tx.get(
    `SELECT run_id FROM runs WHERE org_id = ? AND session_id = ? AND status IN ${activeStatuses} AND COALESCE(imported_end, 0) = 0 LIMIT 1`,
    [a.org, a.session],
  )
  if (active) return null
  const [next] = await selectRuns(
    tx,
    "r.org_id = ? AND r.session_id = ? AND r.status = 'queued' AND r.asks IS NULL ORDER BY r.arrival LIMIT 1",
    [a.org, a.session],
  )
  return next ?? null
}

/** `asker` is the org of somebody who waits there: a device of theirs may take the run too (ME22). */
export async function sessionsWithQueue(tx: Tx): Promise<{ org: OrgId; session: SessionId; asker: OrgId | null }[]> {
  return tx.all(
    "SELECT DISTINCT org_id AS org, session_id AS session, asked_org AS asker FROM runs WHERE kind = 'cell' AND status = 'queued' AND asks IS NULL",
  )
}

export interface Leased {
  lease: Lease
  run: Run
  device: DeviceId
  /** Whether the session got a new head by it. */
  moved: boolean
}

export interface Leasing {
  org: OrgId
  id: RunId
  device: DeviceId
  newHead: HeadId
  reasons: string[]
  /** What the session goes on from there, the best first. */
  restore?: Rung[] | undefined
  now: number
  expiresAt: number
}

/** Gives the run to the device, when it still waits and is still its turn; null when the world has moved on. */
export async function leaseRun(tx: Tx, a: Leasing): Promise<Leased | null> {
  const row = await runRow(tx, a.org, a.id)
  if (row?.state.status !== 'queued' || (await nextRun(tx, { org: a.org, session: row.session }))?.id !== a.id)
    return null
  if ((await isRevoked(tx, a)) || (await isStopping(tx, a.device))) return null
  if ((await whyHeldByMove(tx, a.org, row.session)) !== undefined) return null
  const isChosen = row.chosenDevice !== null || row.demands.runsOn !== undefined
  const { head, fence, moved } = await takeSession(tx, { ...a, session: row.session, isChosen })
  const state = stepRun(row.state, { type: 'leased', fence })
  if ('refused' in state) return null
  await usedWorker(tx, a)
  await saveState(tx, { ...row, state, head, device: a.device, reasons: a.reasons })
  const run = (await showRun(tx, { org: a.org, id: a.id }))!
  return { lease: await leaseFor(tx, { ...row, state, head }, head, fence, a.expiresAt), run, device: a.device, moved }
}

type Taking = Omit<Leasing, 'id' | 'reasons'> & { session: SessionId; isChosen: boolean }

/** The device's head of the session; a new one begins with what was saved, and remembers where the session is at home. */
export async function takeSession(tx: Tx, a: Taking): Promise<Awaited<ReturnType<typeof takeHead>>> {
  const [best] = a.restore ?? []
  const asOf = best?.asOf
  const behind = asOf ? await runsBehind(tx, { org: a.org, session: a.session, asOf }) : 0
  const taken = await takeHead(tx, { ...a, base: asOf?.at ?? 0 })
  if (!taken.moved) return taken
  if (a.restore && a.restore.length > 0) {
    const restore: HeadRestore = { ladder: a.restore, behind, from: taken.before }
    const values = [JSON.stringify(restore), a.org, taken.head]
    await tx.run('UPDATE heads SET restore = ? WHERE org_id = ? AND head_id = ?', values)
  }
  await noteHome(tx, a, taken.before, best !== undefined && !a.isChosen)
  return taken
}

/** Where it was before it was lost for the first time, until it is there again or somebody chooses another place (MV40). */
async function noteHome(tx: Tx, a: Taking, before: DeviceId | null, isLost: boolean): Promise<void> {
  const home = isLost ? before : null
  await tx.run(
    'UPDATE sessions SET home = CASE WHEN ? = 0 THEN NULL WHEN COALESCE(home, ?) = ? THEN NULL ELSE COALESCE(home, ?) END WHERE org_id = ? AND session_id = ?',
    [Number(isLost), home, a.device, home, a.org, a.session],
  )
}

/** It may have been revoked since the router looked at it (S8). */
async function isRevoked(tx: Tx, a: { org: OrgId; device: DeviceId }): Promise<boolean> {
  const row = await tx.get<{ revokedAt: number | null }>(
    'SELECT revoked_at AS "revokedAt" FROM devices WHERE org_id = ? AND device_id = ?',
    [a.org, a.device],
  )
  return row !== undefined && row.revokedAt !== null
}

/** The lease of a run that the device holds and has not begun; null for any other. */
export async function leaseOfHolder(
  tx: Tx,
  a: { org: OrgId; id: RunId; device: DeviceId; expiresAt: number },
): Promise<Lease | null> {
  const row = await runRow(tx, a.org, a.id)
  if (!row || row.device !== a.device || row.head === null || !('fence' in row.state)) return null
  const isUnbegun = row.state.status === 'leased' || row.resumeSeq !== null
  return isUnbegun ? leaseFor(tx, row, row.head, row.state.fence, a.expiresAt) : null
}

export interface Undelivered {
  org: OrgId
  id: RunId
  device: DeviceId
  status: string
  cancelReason: string | null
}

/** Leases that nobody has begun and cancellations that nobody has followed: their devices may never have heard (CH7). */
export async function undeliveredOrders(tx: Tx): Promise<Undelivered[]> {
  return tx.all(
    `SELECT org_id AS org, run_id AS id, device_id AS device, CASE WHEN resume_seq IS NULL THEN status ELSE 'leased' END AS status, cancel_reason AS "cancelReason" FROM runs
    WHERE status IN ${activeStatuses} AND device_id IS NOT NULL AND (status = 'leased' OR resume_seq IS NOT NULL OR cancel_reason IS NOT NULL) ORDER BY org_id, arrival LIMIT 1000`,
  )
}

/** Notes why a run waits; null when nothing changed. */
export async function setReasons(tx: Tx, a: { org: OrgId; id: RunId; reasons: string[] }): Promise<Run | null> {
  const { changes } = await tx.run(
    "UPDATE runs SET reasons = ? WHERE org_id = ? AND run_id = ? AND status = 'queued' AND asks IS NULL AND reasons <> ?",
    [JSON.stringify(a.reasons), a.org, a.id, JSON.stringify(a.reasons)],
  )
  return changes > 0 ? showRun(tx, { org: a.org, id: a.id }) : null
}
