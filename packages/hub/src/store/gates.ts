/** Procedures over gates: opened and received with events of a run's log, decided once (RU1–RU8). */
import { createHash } from 'node:crypto'
import type { Gate, GateAnswer } from '@meshbook/core/api.ts'
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, GateId, OrgId, RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { Json } from '@meshbook/core/workflow/workflow-schema.ts'
import { faultOf } from '@meshbook/engine/workflow/hear.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { Asker } from './places.ts'
import { endGate } from './tell-runs.ts'
import { tellWorkflow } from './workflow-inbox.ts'

type AskedForm = { [key: string]: Json } | null
type Opened = Extract<RunEvent, { type: 'gate-opened' }>
type Received = Extract<RunEvent, { type: 'gate-decided' }>

/** False when another gate has its id. */
export async function openGate(tx: Tx, a: { org: OrgId; run: RunId; event: Opened }): Promise<boolean> {
  const { gate, nonce, title, shown, deciders, at, expiresAt, choices, form } = a.event
  const digest = createHash('sha256').update(shown).digest('hex')
  const { changes } = await tx.run(
    `INSERT INTO gates (org_id, gate_id, run_id, state, title, shown, digest, nonce, deciders, choices, form, opened_at, expires_at)
    VALUES (?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, gate_id) DO NOTHING`,
    [
      a.org,
      gate,
      a.run,
      title,
      // PostgreSQL takes no NUL in a text; JSON writes it as an escape.
      JSON.stringify(shown),
      digest,
      nonce,
      deciders === undefined ? null : JSON.stringify(deciders),
      choices === undefined ? null : JSON.stringify(choices),
      form === undefined ? null : JSON.stringify(form),
      at,
      expiresAt,
    ],
  )
  return changes > 0
}

/** The executor's receipt; only the first counts. */
export async function receiveGate(tx: Tx, a: { org: OrgId; run: RunId; event: Received }): Promise<void> {
  await tx.run(
    "UPDATE gates SET received_at = ? WHERE org_id = ? AND gate_id = ? AND run_id = ? AND received_at IS NULL AND state IN ('approved', 'rejected', 'expired')",
    [a.event.at, a.org, a.event.gate, a.run],
  )
}

export async function voidGates(tx: Tx, a: { org: OrgId; run: RunId }): Promise<void> {
  await tx.run("UPDATE gates SET state = 'void' WHERE org_id = ? AND run_id = ? AND state = 'open'", [a.org, a.run])
}

interface Stored extends Omit<Gate, 'shown' | 'deciders' | 'choices' | 'form'> {
  shown: string | null
  deciders: string | null
  choices: string | null
  form: string | null
}

const select = `SELECT g.gate_id AS id, g.run_id AS run, r.project_id AS project, r.document_id AS document, d.path AS path, g.state AS state, g.title AS title, g.digest AS digest, g.nonce AS nonce, g.shown AS shown,
  g.deciders AS deciders, g.choices AS choices, g.form AS form, g.opened_at AS "openedAt", g.expires_at AS "expiresAt", g.decided_by AS "decidedBy", g.decided_at AS "decidedAt", g.comment AS comment, g.received_at AS "receivedAt", r.device_id AS device, v.name AS "deviceName"
  FROM gates g JOIN runs r ON r.org_id = g.org_id AND r.run_id = g.run_id
  LEFT JOIN documents d ON d.org_id = r.org_id AND d.document_id = r.document_id LEFT JOIN devices v ON v.device_id = r.device_id`

const visible =
  '(g.org_id = ? OR EXISTS (SELECT 1 FROM members m WHERE m.org_id = r.org_id AND m.project_id = r.project_id AND m.member_org = ? AND m.user_id = ?))'

function gateOf({ shown, deciders, choices, form, ...row }: Stored): Gate & { shown: string | null } {
  return {
    ...row,
    shown: shown === null ? null : (JSON.parse(shown) as string),
    deciders: deciders === null ? null : (JSON.parse(deciders) as string[]),
    choices: choices === null ? null : (JSON.parse(choices) as string[]),
    form: form === null ? null : (JSON.parse(form) as { [key: string]: Json }),
  }
}

export async function findGate(
  tx: Tx,
  a: { org: OrgId; id: GateId },
): Promise<(Gate & { shown: string | null }) | null> {
  const row = await tx.get<Stored>(`${select} WHERE g.org_id = ? AND g.gate_id = ?`, [a.org, a.id])
  return row ? gateOf(row) : null
}

/** All gates of a run (at most `limits.gatesPerRun`), oldest first. */
export async function gatesOfRun(tx: Tx, a: { org: OrgId; run: RunId }): Promise<Gate[]> {
  const rows = await tx.all<Stored>(`${select} WHERE g.org_id = ? AND g.run_id = ? ORDER BY g.gate_id`, [a.org, a.run])
  return rows.map(gateOf)
}

/** Those of one's own org and of projects that are shared with one, newest first; `before` is the id that ends the page before. */
export async function listGates(
  tx: Tx,
  a: { asker: Asker; run?: RunId | undefined; state?: Gate['state'] | undefined; before: string | null; rows: number },
): Promise<{ items: Gate[]; next: string | null }> {
  const given: [string, string][] = []
  if (a.run !== undefined) given.push(['g.run_id = ?', a.run])
  if (a.state !== undefined) given.push(['g.state = ?', a.state])
  if (a.before !== null) given.push(['g.gate_id < ?', a.before])
  const where = [visible, ...given.map(([text]) => text)].join(' AND ')
  const rows = Math.min(a.rows, limits.pageRows)
  const found = await tx.all<Stored>(`${select} WHERE ${where} ORDER BY g.gate_id DESC LIMIT ?`, [
    a.asker.org,
    a.asker.org,
    a.asker.user,
    ...given.map(([, value]) => value),
    rows + 1,
  ])
  const items = found.slice(0, rows).map(gateOf)
  return { items, next: found.length > rows ? items.at(-1)!.id : null }
}

const settled: Record<Exclude<Gate['state'], 'open'>, ErrorCode> = {
  approved: 'GATE_DECIDED',
  rejected: 'GATE_DECIDED',
  expired: 'GATE_EXPIRED',
  void: 'GATE_VOID',
}

/** The first valid decision wins; every other one throws, and changes nothing (RU4). */
export async function decideGate(
  tx: Tx,
  a: { org: OrgId; id: GateId; answer: GateAnswer; by: string; now: number },
): Promise<Gate> {
  const gate = await findGate(tx, a)
  if (!gate) throw new MeshError('NOT_FOUND', { detail: `gate ${a.id}` })
  if (gate.deciders !== null && !gate.deciders.includes(a.by))
    throw new MeshError('FORBIDDEN', { detail: `${gate.deciders.join(', ')} may decide this` })
  if (gate.nonce !== a.answer.nonce) throw new MeshError('GATE_REPLAYED', { detail: `gate ${a.id}` })
  if (gate.digest !== a.answer.digest) throw new MeshError('GATE_ALTERED', { detail: `gate ${a.id}` })
  if (gate.state !== 'open')
    throw new MeshError(settled[gate.state], {
      detail: gate.decidedBy === null ? `it is ${gate.state}` : `${gate.state} by ${gate.decidedBy}`,
    })
  if (gate.expiresAt <= a.now) throw new MeshError('GATE_EXPIRED', { detail: `gate ${a.id}` })
  const { decision, digest, choice = null, form = null, comment = null } = a.answer
  const said = { digest, verdict: decision, choice, form: form as Json }
  const fault = faultOf({ digest: gate.digest, choices: gate.choices, form: gate.form as AskedForm }, said)
  if (fault !== undefined) throw new MeshError('BAD_REQUEST', { detail: fault })
  await tellWorkflow(tx, {
    ...{ org: a.org, id: gate.run, now: a.now, key: `gate ${a.id}` },
    item: { type: 'decide', gate: a.id, by: a.by, comment, ...said },
  })
  await tx.run(
    "UPDATE gates SET state = ?, decided_by = ?, decided_at = ?, comment = ? WHERE org_id = ? AND gate_id = ? AND state = 'open'",
    [a.answer.decision, a.by, a.now, a.answer.comment ?? null, a.org, a.id],
  )
  await endGate(tx, { org: a.org, gate: a.id, state: a.answer.decision, by: a.by, now: a.now })
  return (await findGate(tx, a))!
}

/** What nobody decided in time. */
export async function overdueGates(tx: Tx, a: { now: number }): Promise<{ org: OrgId; id: GateId }[]> {
  return tx.all(
    "SELECT org_id AS org, gate_id AS id FROM gates WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at LIMIT 100",
    [a.now],
  )
}

/** Null when it was decided meanwhile. */
export async function expireGate(tx: Tx, a: { org: OrgId; id: GateId; now: number }): Promise<Gate | null> {
  const { changes } = await tx.run(
    "UPDATE gates SET state = 'expired', decided_at = ? WHERE org_id = ? AND gate_id = ? AND state = 'open' AND expires_at <= ?",
    [a.now, a.org, a.id, a.now],
  )
  if (changes === 0) return null
  await endGate(tx, { org: a.org, gate: a.id, state: 'expired', by: null, now: a.now })
  return findGate(tx, a)
}

/** What a device was told and has not confirmed, whosever runs they are (RU6). */
export async function unreceivedGates(tx: Tx, a: { device: DeviceId }): Promise<Gate[]> {
  const rows = await tx.all<Stored>(
    `${select} WHERE r.device_id = ? AND r.ended_at IS NULL AND g.received_at IS NULL AND g.state IN ('approved', 'rejected', 'expired') ORDER BY g.gate_id LIMIT 1000`,
    [a.device],
  )
  return rows.map(gateOf)
}
