/**
 * Which changes of runs, gates and devices are told to whom (NT1–NT4). Called in the transactions that make them; does
 * nothing for who has no way. It must not know how a notice travels.
 */
import type { DeviceId, GateId, OrgId, ProjectId, RunId, UserId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { rightsOf } from '@meshbook/core/roles.ts'
import { gatesOf, type RunEvent, type RunState } from '@meshbook/core/run.ts'
import { acrossOrgs, inOrg } from '@meshbook/relay/sql/org-scope.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import {
  decidedWords,
  type EndedRun,
  endedWords,
  gateWords,
  inputGivenWords,
  inputWords,
  lostWords,
  notNeededWords,
  wantedWords,
} from '../notify/words.ts'
import { endNotices, idFrom, makeNotice, type NewNotice, type NoticePlace, selectNotices, wishesOf } from './notices.ts'
import { askedFrom } from './notify-settings.ts'
import { type Asker, rolesIn } from './places.ts'

/** What is told of a run. */
interface ToldRun {
  org: OrgId
  id: RunId
  project: ProjectId
  path: string | null
  deviceName: string | null
  /** What an agent was asked to do, where it is a task. */
  task: string | null
  askedOrg: OrgId | null
  askedBy: UserId | null
  askedFrom: string | null
  askedAt: number
}

async function toldRun(tx: Tx, org: OrgId, id: RunId): Promise<ToldRun | undefined> {
  return tx.get<ToldRun>(
    `SELECT r.org_id AS org, r.run_id AS id, r.project_id AS project, d.path AS path, v.name AS "deviceName", CASE WHEN r.kind IN ('task', 'workflow') THEN r.code ELSE NULL END AS task, r.asked_org AS "askedOrg", r.asked_by AS "askedBy", r.asked_from AS "askedFrom", COALESCE(r.asked_at, r.requested_at) AS "askedAt"
    FROM runs r LEFT JOIN documents d ON d.org_id = r.org_id AND d.document_id = r.document_id LEFT JOIN devices v ON v.device_id = r.device_id
    WHERE r.org_id = ? AND r.run_id = ?`,
    [org, id],
  )
}

/** Whose run it is; of one that a device gave itself, all users of its org. */
async function askersOf(tx: Tx, run: ToldRun): Promise<Asker[]> {
  if (run.askedOrg !== null && run.askedBy !== null) return [{ org: run.askedOrg, user: run.askedBy }]
  return tx.all('SELECT org_id AS org, user_id AS "user" FROM users WHERE org_id = ?', [run.org])
}

export const runTag = (org: OrgId, run: RunId): string => idFrom('run', org, run).slice(0, 24)
const gateTag = (org: OrgId, gate: GateId): string => idFrom('gate', org, gate).slice(0, 24)

const placesOf = ({ org, project }: ToldRun): NoticePlace[] => [{ org, project }]
const noId = (run: ToldRun, to: Asker, ...of: string[]): string => idFrom(run.org, run.id, to.org, to.user, ...of)

function ofRun(run: ToldRun, to: Asker, now: number): Pick<NewNotice, 'to' | 'places' | 'subject' | 'tag' | 'now'> {
  return { to, places: placesOf(run), subject: { of: 'run' }, tag: runTag(run.org, run.id), now }
}

/** An event was appended to the log of a run, which was in the state `before`. */
export async function tellOfEvent(
  tx: Tx,
  a: { org: OrgId; id: RunId; seq: number; before: RunState; event: RunEvent; now: number },
): Promise<void> {
  const { event } = a
  if (event.type === 'input-request') await tellInput(tx, { ...a, prompt: event.prompt })
  else if (event.type === 'input-answered') await endOfRunNotices(tx, a, inputGivenWords)
  else if (event.type === 'gate-opened') await tellGate(tx, { ...a, event })
  else if (event.type === 'completed' || event.type === 'failed' || event.type === 'interrupted')
    await tellEnd(tx, { ...a, event })
  else if (event.type === 'cancelled') await endOfRunNotices(tx, a, notNeededWords)
  if (
    event.type === 'completed' ||
    event.type === 'failed' ||
    event.type === 'interrupted' ||
    event.type === 'cancelled'
  )
    for (const gate of gatesOf(a.before)) await endGate(tx, { ...a, gate, state: 'void', by: null })
}

async function endOfRunNotices(
  tx: Tx,
  a: { org: OrgId; id: RunId; now: number },
  wordsOf: (run: ToldRun) => Parameters<typeof endNotices>[1]['words'],
): Promise<void> {
  const tag = runTag(a.org, a.id)
  await acrossOrgs(tx, async tx => {
    const run = (await isTold(tx, tag)) ? await toldRun(tx, a.org, a.id) : undefined
    if (run) await endNotices(tx, { tag, words: wordsOf(run), now: a.now })
  })
}

async function isTold(tx: Tx, tag: string): Promise<boolean> {
  return (await tx.get('SELECT 1 AS one FROM notices WHERE tag = ? LIMIT 1', [tag])) !== undefined
}

async function tellInput(
  tx: Tx,
  a: { org: OrgId; id: RunId; seq: number; prompt: string; now: number },
): Promise<void> {
  const run = await toldRun(tx, a.org, a.id)
  if (!run) return
  const words = inputWords(run, a.prompt)
  for (const to of await askersOf(tx, run))
    await makeNotice(tx, {
      ...ofRun(run, to, a.now),
      ...words,
      kind: 'input',
      id: noId(run, to, 'input', String(a.seq)),
    })
}

type Ending = Extract<RunEvent, { type: 'completed' | 'failed' | 'interrupted' }>

/** What somebody looks at who asked for it by a page is not told; what was asked for from a phone is, however short (NT2). */
async function tellEnd(tx: Tx, a: { org: OrgId; id: RunId; event: Ending; now: number }): Promise<void> {
  const run = await toldRun(tx, a.org, a.id)
  if (!run) return
  const words = endedWords(run, endOf(a.event))
  await endOfRunNotices(tx, a, () => words)
  // A device that was away for long brings ends that are no news.
  if (a.event.at < a.now - limits.noticeMs && a.event.type !== 'interrupted') return
  const kind = a.event.type === 'completed' ? 'finished' : 'failed'
  for (const to of await askersOf(tx, run)) {
    await inOrg(tx, to.org, async tx => {
      if ((await wishesOf(tx, to)) === undefined) return
      const from = await askedFrom(tx, { org: to.org, credential: run.askedFrom, now: a.now })
      if (from.looks) return
      const tookMs = from.phone ? undefined : Math.max(a.event.durationMs, a.now - run.askedAt)
      await makeNotice(tx, { ...ofRun(run, to, a.now), ...words, kind, tookMs, id: endId(run, to) })
    })
  }
}

const endId = (run: ToldRun, to: Asker): string => noId(run, to, 'end')

function endOf(event: Ending): EndedRun {
  if (event.type === 'completed') return { status: 'completed', ms: event.durationMs }
  if (event.type === 'interrupted') return { status: 'interrupted', ms: event.durationMs, why: event.reason }
  return { status: 'failed', ms: event.durationMs, why: `${event.error.name}: ${event.error.message}` }
}

type GateOpened = Extract<RunEvent, { type: 'gate-opened' }>

async function tellGate(tx: Tx, a: { org: OrgId; id: RunId; event: GateOpened; now: number }): Promise<void> {
  const { gate, title, deciders } = a.event
  const run = await toldRun(tx, a.org, a.id)
  if (!run) return
  for (const { name, ...to } of await usersWithWays(tx, run)) {
    if (deciders !== undefined && !deciders.includes(name)) continue
    if (!rightsOf(await rolesIn(tx, run, to)).has('run')) continue
    const about = { ...ofRun(run, to, a.now), subject: { of: 'gate', id: gate } as const, tag: gateTag(run.org, gate) }
    await makeNotice(tx, { ...about, ...gateWords(run, gate, title), kind: 'gate', id: noId(run, to, 'gate', gate) })
  }
}

/** Of the owner's org and of the members of the project. */
async function usersWithWays(tx: Tx, { org, project }: ToldRun): Promise<(Asker & { name: string })[]> {
  return acrossOrgs(tx, tx =>
    tx.all(
      `SELECT u.org_id AS org, u.user_id AS "user", u.name AS name FROM users u
    WHERE EXISTS (SELECT 1 FROM ways w WHERE w.org_id = u.org_id AND w.user_id = u.user_id)
    AND (u.org_id = ? OR EXISTS (SELECT 1 FROM members m WHERE m.org_id = ? AND m.project_id = ? AND m.member_org = u.org_id AND m.user_id = u.user_id))
    ORDER BY u.org_id, u.user_id`,
      [org, org, project],
    ),
  )
}

/** A gate was decided, has expired, or nobody waits for it any more. */
export async function endGate(
  tx: Tx,
  a: { org: OrgId; gate: GateId; state: 'approved' | 'rejected' | 'expired' | 'void'; by: string | null; now: number },
): Promise<void> {
  const tag = gateTag(a.org, a.gate)
  await acrossOrgs(tx, async tx => {
    const [notice] = await selectNotices(tx, 'tag = ? LIMIT 1', [tag])
    if (notice) await endNotices(tx, { tag, words: decidedWords(notice.title, a.gate, a.state, a.by), now: a.now })
  })
}

/** A run asks whether it is still wanted, or has its answer. */
export async function tellWanted(tx: Tx, a: { org: OrgId; id: RunId; reason: string; now: number }): Promise<void> {
  const run = await toldRun(tx, a.org, a.id)
  if (!run) return
  const words = wantedWords(run, a.reason)
  for (const to of await askersOf(tx, run))
    await makeNotice(tx, {
      ...ofRun(run, to, a.now),
      ...words,
      kind: 'wanted',
      id: noId(run, to, 'wanted', String(a.now)),
    })
}

export async function endWanted(tx: Tx, a: { org: OrgId; id: RunId; now: number }): Promise<void> {
  await endOfRunNotices(tx, a, notNeededWords)
}

/** A run ended because nothing was heard of its device: its owner is told once for all its runs, and not of each (NT1). */
export async function tellLost(tx: Tx, a: Lost): Promise<void> {
  await acrossOrgs(tx, tx => tellOwnerOfLost(tx, a))
}

interface Lost {
  org: OrgId
  id: RunId
  device: DeviceId
  seenAt: number
  now: number
}

async function tellOwnerOfLost(tx: Tx, a: Lost): Promise<void> {
  const run = await toldRun(tx, a.org, a.id)
  const owner = await tx.get<Asker & { name: string }>(
    'SELECT org_id AS org, user_id AS "user", name AS name FROM devices WHERE device_id = ?',
    [a.device],
  )
  if (!run || !owner) return
  const to: Asker = { org: owner.org, user: owner.user }
  const { count } = (await tx.get<{ count: number }>(
    "SELECT COUNT(*) AS count FROM runs WHERE device_id = ? AND status = 'interrupted' AND ended_at > ?",
    [a.device, a.seenAt],
  ))!
  const id = idFrom('lost', a.device, String(a.seenAt))
  // Where the run is somebody else's, its notebook is not named.
  const words = lostWords(owner.name, count, owner.org === run.org ? run : null)
  const about = { to, places: [], subject: { of: 'device', id: a.device } as const, tag: id.slice(0, 24) }
  const dueAt = a.now + limits.noticeGatherMs
  if (!(await makeNotice(tx, { ...about, ...words, id, kind: 'device', now: a.now, dueAt }))) return
  const update = "UPDATE notices SET title = ?, text = ? WHERE org_id = ? AND notice_id = ? AND state = 'new'"
  await tx.run(update, [words.title, words.text, to.org, id])
  const gone = "DELETE FROM notices WHERE org_id = ? AND notice_id = ? AND state = 'new'"
  await tx.run(gone, [to.org, endId(run, to)])
}
