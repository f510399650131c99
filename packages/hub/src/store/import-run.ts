/**
 * The procedure that takes in a run that a device gave itself while the hub was out of reach (RU60–RU66): the head that it
 * ran on becomes one of the hub's, under a fence that nobody else has, and the run is one that its device holds.
 */
import type { Run } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type DeviceId,
  type Fence,
  type HeadId,
  type OrgId,
  type ProjectId,
  parseFence,
  type RunId,
  type Seq,
  type SessionId,
} from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { LocalHead } from '@meshbook/core/messages.ts'
import { hasEnded, stepRun } from '@meshbook/core/run.ts'
import { acrossOrgs } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { endHead, fenceOf, type HeadRow, liveHeads } from './heads.ts'
import { leaveHead } from './left-heads.ts'
import { addRun, type NewRun, projectOf } from './run-queue.ts'
import { type RunRow, runRow, saveState, showRun } from './run-rows.ts'
import type { HeadRestore } from './saved-states.ts'

export interface ImportedRun extends NewRun {
  device: DeviceId
  deviceName: string
  localHead: LocalHead
  reasons: string[]
  /** The number of its last event; null while it goes on. */
  end: Seq | null
  leaseExpiresAt: number
}

interface Settled {
  session: SessionId
  sessionName: string
  head: HeadId
  fence: Fence
  /** Whether the session got a new head by it. */
  moved: boolean
}

export interface Imported extends Settled {
  run: Run
  seq: number
  created: boolean
}

/** Idempotent by id: what was imported before is only told again. */
export async function importRun(tx: Tx, a: ImportedRun): Promise<Imported> {
  const known = await runRow(tx, a.org, a.id)
  const before = known && (await importedBefore(tx, a, known))
  if (before) return before
  const project = await projectOf(tx, a)
  const settled = await settleHead(tx, a, project)
  if (known)
    await tx.run('UPDATE runs SET session_id = ?, asks = NULL WHERE org_id = ? AND run_id = ?', [
      settled.session,
      a.org,
      a.id,
    ])
  else await addRun(tx, a, project, settled.session)
  await hold(tx, a, settled)
  return { ...settled, ...(await stand(tx, a)), created: true }
}

/** Undefined where the hub has it only waiting: it was begun on the device, so it is the device's (RU61). */
async function importedBefore(tx: Tx, a: ImportedRun, known: RunRow): Promise<Imported | undefined> {
  const { state, head, device, importedEnd, session, sessionName } = known
  if (known.codeHash !== a.codeHash || known.document !== a.document)
    throw new MeshError('RUN_EXISTS', { detail: `run ${a.id}` })
  if (importedEnd !== null && device === a.device && head !== null && 'fence' in state) {
    if (a.end !== null) await noteEnd(tx, a.org, a.id, a.end)
    return { session, sessionName, head, fence: state.fence, moved: false, ...(await stand(tx, a)), created: false }
  }
  if (hasEnded(state.status)) throw new MeshError('RUN_ENDED', { detail: `run ${a.id} has ${state.status} at the hub` })
  if (state.status !== 'queued')
    throw new MeshError('RUN_EXISTS', { detail: `the hub gave run ${a.id} to a device of its own choice` })
  return undefined
}

async function stand(tx: Tx, a: ImportedRun): Promise<{ run: Run; seq: number }> {
  const run = (await showRun(tx, { org: a.org, id: a.id }))!
  return { run, seq: run.seq }
}

async function noteEnd(tx: Tx, org: OrgId, id: RunId, end: number): Promise<void> {
  await tx.run('UPDATE runs SET imported_end = ? WHERE org_id = ? AND run_id = ?', [end, org, id])
}

async function hold(tx: Tx, a: ImportedRun, { head, fence }: Settled): Promise<void> {
  const row = (await runRow(tx, a.org, a.id))!
  const state = stepRun(row.state, { type: 'leased', fence })
  if ('refused' in state) throw new MeshError('INTERNAL', { detail: `importing run ${a.id}: ${state.refused}` })
  await saveState(tx, { ...row, state, head, device: a.device, reasons: a.reasons })
  await noteEnd(tx, a.org, a.id, a.end ?? 0)
}

/** Where the local head belongs (I4): to the session, unless that is live on another device; then to a session of its own. */
async function settleHead(tx: Tx, a: ImportedRun, project: ProjectId): Promise<Settled> {
  const { localHead } = a
  const [same, spare] = [await liveHead(tx, a, localHead.head), await headRow(tx, a, localHead.spareHead)]
  const known = spare ?? same
  if (known) return { ...known, moved: false }
  const session = await sessionOf(tx, a, project)
  const live = await liveHeads(tx, a.org, 'session_id', session.id)
  // A head that has ended must not be the newest of a session that is live.
  const isTaken = localHead.live ? live.some(({ device }) => device !== a.device) : live.length > 0
  if (isTaken && (await comesHome(tx, a, session.id, live))) return newHead(tx, a, session)
  const own = isTaken ? await fork(tx, a, project) : session
  if (!isTaken)
    for (const { head } of live) await endHead(tx, a.org, head, 'the session went on without the hub', a.now)
  return newHead(tx, a, own)
}

/**
 * The device was lost, and its session went on elsewhere for as long as it was away. It has the very kernel that was live
 * then, and has used it: that one is preferred, and what the other has beyond what it was restored from is kept (MV43).
 */
async function comesHome(tx: Tx, a: ImportedRun, session: SessionId, live: readonly HeadRow[]): Promise<boolean> {
  if (!a.localHead.live) return false
  const home = await tx.get(
    "SELECT h.head_id FROM heads h JOIN sessions s ON s.org_id = h.org_id AND s.session_id = h.session_id WHERE h.org_id = ? AND h.head_id = ? AND h.session_id = ? AND h.device_id = ? AND h.left_state = 'there' AND s.home = h.device_id",
    [a.org, a.localHead.head, session, a.device],
  )
  if (!home) return false
  for (const { head } of live) {
    const base = await beganWith(tx, a.org, head)
    await endHead(tx, a.org, head, 'its device is back and had gone on', a.now)
    await leaveHead(tx, { org: a.org, head, next: a.localHead.spareHead, base, now: a.now })
  }
  // Its kernel goes on, so that there is nothing of it to be kept.
  await tx.run('UPDATE heads SET left_state = NULL WHERE org_id = ? AND head_id = ?', [a.org, a.localHead.head])
  await tx.run('UPDATE sessions SET home = NULL WHERE org_id = ? AND session_id = ?', [a.org, session])
  return true
}

/** As of when the state is that the head was restored from; 0: from none. */
async function beganWith(tx: Tx, org: OrgId, head: HeadId): Promise<number> {
  const row = await tx.get<{ restored: string | null; restore: string | null }>(
    'SELECT restored, restore FROM heads WHERE org_id = ? AND head_id = ?',
    [org, head],
  )
  if (row?.restored) return (JSON.parse(row.restored) as { asOf: { at: number } }).asOf.at
  return row?.restore ? ((JSON.parse(row.restore) as HeadRestore).ladder[0]?.asOf.at ?? 0) : 0
}

interface KnownHead extends Omit<Settled, 'moved'> {
  endedAt: number | null
}

async function headRow(tx: Tx, a: ImportedRun, head: HeadId): Promise<KnownHead | undefined> {
  return tx.get<KnownHead>(
    `SELECT h.head_id AS head, h.session_id AS session, s.name AS "sessionName", h.fence AS fence, h.ended_at AS "endedAt"
    FROM heads h JOIN sessions s ON s.org_id = h.org_id AND s.session_id = h.session_id
    WHERE h.org_id = ? AND h.head_id = ? AND h.device_id = ?`,
    [a.org, head, a.device],
  )
}

/** Nobody had the session since: the hub's head goes on under its fence, which is the newest. */
async function liveHead(tx: Tx, a: ImportedRun, head: HeadId): Promise<KnownHead | undefined> {
  const row = await headRow(tx, a, head)
  return row?.endedAt === null ? row : undefined
}

interface OwnSession {
  id: SessionId
  name: string
}

async function sessionOf(tx: Tx, a: ImportedRun, project: ProjectId): Promise<OwnSession> {
  const { session, sessionName } = a.localHead
  const known =
    (await tx.get<OwnSession>(
      'SELECT session_id AS id, name FROM sessions WHERE org_id = ? AND project_id = ? AND language = ? AND session_id = ?',
      [a.org, project, a.runtime, session],
    )) ?? (await sessionNamed(tx, a, project, sessionName))
  return known ?? addSession(tx, a, project, { id: session, name: sessionName })
}

async function sessionNamed(tx: Tx, a: ImportedRun, project: ProjectId, name: string): Promise<OwnSession | undefined> {
  return tx.get<OwnSession>(
    'SELECT session_id AS id, name FROM sessions WHERE org_id = ? AND project_id = ? AND language = ? AND name = ?',
    [a.org, project, a.runtime, name],
  )
}

async function addSession(tx: Tx, a: ImportedRun, project: ProjectId, session: OwnSession): Promise<OwnSession> {
  await tx.run(
    'INSERT INTO sessions (org_id, session_id, project_id, language, name, fence, created_at) VALUES (?, ?, ?, ?, ?, 0, ?)',
    [a.org, session.id, project, a.runtime, session.name, a.now],
  )
  return session
}

/** A session of its own beside the one that went on elsewhere: nobody's variables are lost. */
async function fork(tx: Tx, a: ImportedRun, project: ProjectId): Promise<OwnSession> {
  for (let number = 1; ; number++) {
    const name = forkName(a.localHead.sessionName, a.deviceName, number)
    if (!(await sessionNamed(tx, a, project, name)))
      return addSession(tx, a, project, { id: a.localHead.spareSession, name })
  }
}

function forkName(name: string, device: string, number: number): string {
  const mark = ` (offline on ${device.slice(0, limits.nameChars / 2)}${number === 1 ? '' : `, ${number}`})`
  return `${name.slice(0, limits.nameChars - mark.length)}${mark}`.trim()
}

/** Under the next fence; a head whose kernel has gone is one that was. */
async function newHead(tx: Tx, a: ImportedRun, { id: session, name }: OwnSession): Promise<Settled> {
  const { localHead } = a
  const fence = parseFence(Math.max(await fenceOf(tx, a.org, session), localHead.fence - 1) + 1)
  // The ids of heads are those of one database.
  const isTaken = await acrossOrgs(tx, tx => tx.get('SELECT head_id FROM heads WHERE head_id = ?', [localHead.head]))
  const head = isTaken || !localHead.live ? localHead.spareHead : localHead.head
  const [endedAt, reason] = localHead.live ? [null, null] : [a.now, 'its kernel had ended before the hub was back']
  await tx.run('UPDATE sessions SET fence = ? WHERE org_id = ? AND session_id = ?', [fence, a.org, session])
  await tx.run(
    'INSERT INTO heads (org_id, head_id, session_id, device_id, fence, expires_at, created_at, ended_at, end_reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [a.org, head, session, a.device, fence, a.leaseExpiresAt, a.now, endedAt, reason],
  )
  return { session, sessionName: name, head, fence, moved: true }
}
