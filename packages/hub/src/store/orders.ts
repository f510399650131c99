/**
 * What one hub has for a device, or for a hub, that only another hub can hand over. An order is durable before whoever
 * asked for it is answered, and is taken by the hub that has the channel at that moment (CH3).
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DownMessage, UpMessage } from '@meshbook/core/messages.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { waitingInput } from './run-log.ts'
import { leaseOfHolder } from './run-queue.ts'

type Answer = Extract<UpMessage, { type: 'MRP_RESPONSE' }>

/** A lease goes by the name of its run: whether it still holds is seen when it is handed over. */
export type Order =
  | { to: 'device'; message: Exclude<DownMessage, { type: 'LEASE' }>; from: string }
  | { to: 'device'; lease: RunId }
  | { to: 'hub'; device: DeviceId; answer: Answer }

export interface DueOrder {
  message: DownMessage
  /** The hub that wants to hear the answer, where there is one. */
  from: string
}

interface Taking {
  org: OrgId
  device: DeviceId
  hub: string
  channel: string
}

interface Taken {
  due: DueOrder[]
  /** Numbers of those that stay although they were handed over; the same channel does not hand them over again. */
  given: number[]
}

interface Row {
  number: number
  message: string
}

/** False when no hub has the device's channel; leases and cancels wait for it in their own tables. */
export async function postOrder(
  tx: Tx,
  a: { org: OrgId; recipient: string; order: Order; now: number; expiresAt: number },
): Promise<boolean> {
  if (a.order.to === 'device' && !(await isConnected(tx, a.org, a.recipient))) return false
  await tx.run('DELETE FROM orders WHERE org_id = ? AND recipient = ? AND expires_at <= ?', [a.org, a.recipient, a.now])
  const { count, last } = (await tx.get<{ count: number; last: number }>(
    'SELECT COUNT(*) AS count, COALESCE(MAX(number), 0) AS last FROM orders WHERE org_id = ? AND recipient = ?',
    [a.org, a.recipient],
  ))!
  if (count >= limits.ordersPerDevice)
    throw new MeshError('SLOW_DOWN', { detail: `${count} orders wait for one device` })
  await tx.run('INSERT INTO orders (org_id, recipient, number, message, expires_at) VALUES (?, ?, ?, ?, ?)', [
    a.org,
    a.recipient,
    last + 1,
    JSON.stringify(a.order),
    a.expiresAt,
  ])
  return true
}

async function isConnected(tx: Tx, org: OrgId, device: string): Promise<boolean> {
  const row = await tx.get("SELECT 1 AS one FROM presence WHERE org_id = ? AND device_id = ? AND hub_id <> ''", [
    org,
    device,
  ])
  return row !== undefined
}

/**
 * Takes what waits for a device, if this hub has its channel. An answer to a question of a run stays until the run has
 * taken it, so that it outlives a channel that was cut; the device knows the question by its id and takes it once.
 */
export async function takeDeviceOrders(
  tx: Tx,
  a: Taking & { given: readonly number[]; leaseExpiresAt: number },
): Promise<Taken> {
  const taken: Taken = { due: [], given: [] }
  const holds = await tx.get(
    'SELECT 1 AS one FROM presence WHERE org_id = ? AND device_id = ? AND hub_id = ? AND channel = ?',
    [a.org, a.device, a.hub, a.channel],
  )
  if (!holds) return taken
  for (const { number, message } of await waiting(tx, a.org, a.device)) {
    const order = JSON.parse(message) as Extract<Order, { to: 'device' }>
    const isInput = !('lease' in order) && order.message.type === 'RUN_INPUT'
    const stays = isInput && (await isUnanswered(tx, a.org, order))
    if (stays) taken.given.push(number)
    else await remove(tx, a.org, a.device, number)
    const isDue = isInput ? stays && !a.given.includes(number) : true
    const due = isDue ? await messageOf(tx, a, order) : undefined
    if (due) taken.due.push({ message: due, from: 'from' in order ? order.from : a.hub })
  }
  return taken
}

async function messageOf(
  tx: Tx,
  a: { org: OrgId; device: DeviceId; leaseExpiresAt: number },
  order: Extract<Order, { to: 'device' }>,
): Promise<DownMessage | undefined> {
  if (!('lease' in order)) return order.message
  const { org, device } = a
  const lease = await leaseOfHolder(tx, { org, device, id: order.lease, expiresAt: a.leaseExpiresAt })
  return lease ? { type: 'LEASE', lease } : undefined
}

async function isUnanswered(tx: Tx, org: OrgId, order: Extract<Order, { to: 'device' }>): Promise<boolean> {
  if ('lease' in order || order.message.type !== 'RUN_INPUT') return false
  const { run, id } = order.message
  return (await waitingInput(tx, { org, id: run }))?.inputId === id
}

/** Answers for this hub; each is handed over once. */
export async function takeHubOrders(tx: Tx, a: { org: OrgId; hub: string }): Promise<Extract<Order, { to: 'hub' }>[]> {
  const rows = await waiting(tx, a.org, a.hub)
  for (const { number } of rows) await remove(tx, a.org, a.hub, number)
  return rows.map(({ message }) => JSON.parse(message) as Extract<Order, { to: 'hub' }>)
}

async function waiting(tx: Tx, org: OrgId, recipient: string): Promise<Row[]> {
  return tx.all(
    'SELECT number AS number, message AS message FROM orders WHERE org_id = ? AND recipient = ? ORDER BY number',
    [org, recipient],
  )
}

async function remove(tx: Tx, org: OrgId, recipient: string, number: number): Promise<void> {
  await tx.run('DELETE FROM orders WHERE org_id = ? AND recipient = ? AND number = ?', [org, recipient, number])
}
