/** Gates that an executor of this device has opened, until their run is over: a question outlives its asker (I9). */
import type { GateId, OrgId, RunId } from '@meshbook/core/ids.ts'
import type { DownMessage } from '@meshbook/core/messages.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'

export type GateOpened = Extract<RunEvent, { type: 'gate-opened' }>
export type GateMessage = Extract<DownMessage, { type: 'GATE_DECIDED' }>

export interface AskedGate {
  opened: GateOpened
  /** SHA-256 of what is shown. */
  digest: string
  decision: GateMessage | null
}

interface Row {
  opened: string
  digest: string
  decision: string | null
}

/** The same question of the same run is one gate, however often it is asked. */
export async function askGate(
  tx: Tx,
  a: { org: OrgId; run: RunId; key: string; digest: string; opened: GateOpened },
): Promise<AskedGate> {
  await tx.run(
    'INSERT INTO asked_gates (org_id, gate_id, run_id, ask_key, digest, opened, decision) VALUES (?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (run_id, ask_key) DO NOTHING',
    [a.org, a.opened.gate, a.run, a.key, a.digest, JSON.stringify(a.opened)],
  )
  return gateOf(
    (await tx.get<Row>(
      'SELECT opened, digest, decision FROM asked_gates WHERE org_id = ? AND run_id = ? AND ask_key = ?',
      [a.org, a.run, a.key],
    ))!,
  )
}

/** Keeps the first decision that is about what was asked; false for any other, and for a gate that is not of this device. */
export async function decideGate(tx: Tx, { org, message }: { org: OrgId; message: GateMessage }): Promise<boolean> {
  const row = await tx.get<Row>(
    'SELECT opened, digest, decision FROM asked_gates WHERE org_id = ? AND gate_id = ? AND run_id = ?',
    [org, message.gate, message.run],
  )
  if (!row) return false
  const { opened, digest, decision } = gateOf(row)
  if (decision) return true
  if (digest !== message.digest || opened.nonce !== message.nonce) return false
  await tx.run('UPDATE asked_gates SET decision = ? WHERE org_id = ? AND gate_id = ?', [
    JSON.stringify(message),
    org,
    message.gate,
  ])
  return true
}

export async function dropGates(tx: Tx, { org, run }: { org: OrgId; run: RunId }): Promise<GateId[]> {
  const rows = await tx.all<{ id: GateId }>('SELECT gate_id AS id FROM asked_gates WHERE org_id = ? AND run_id = ?', [
    org,
    run,
  ])
  await tx.run('DELETE FROM asked_gates WHERE org_id = ? AND run_id = ?', [org, run])
  return rows.map(({ id }) => id)
}

function gateOf({ opened, digest, decision }: Row): AskedGate {
  return {
    opened: JSON.parse(opened) as GateOpened,
    digest,
    decision: decision === null ? null : (JSON.parse(decision) as GateMessage),
  }
}
