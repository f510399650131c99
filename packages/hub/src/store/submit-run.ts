/**
 * Takes a run in and, where it can go at once, gives it to its device, in one transaction: one wait for the disk between
 * the request and the lease. What cannot go at once waits in the queue and is placed from there.
 */
import type { Run } from '@meshbook/core/api.ts'
import type { HeadId, ProjectId } from '@meshbook/core/ids.ts'
import type { RouteDevice } from '@meshbook/core/route.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import { decidePlacement } from '../runs/decide-placement.ts'
import { isWorthALook } from '../runs/still-wanted.ts'
import { createRun, type Leased, leaseRun, type NewRun, nextPlacement } from './run-queue.ts'

/** A device as it was when the run was asked for. */
export interface OfferedDevice extends Omit<RouteDevice, 'busyRuns' | 'attached'> {
  projects: ProjectId[]
}

export interface Offer {
  devices: OfferedDevice[]
  newHead: HeadId
  leaseExpiresAt: number
}

export interface Submitted {
  run: Run
  created: boolean
  leased: Leased | null
}

export async function submitRun(tx: Tx, a: NewRun & { offer?: Offer }): Promise<Submitted> {
  const { run, created } = await createRun(tx, a)
  const leased = created && a.offer ? await leaseAtOnce(tx, { ...a, offer: a.offer }, run) : null
  return { run: leased?.run ?? run, created, leased }
}

async function leaseAtOnce(tx: Tx, a: NewRun & { offer: Offer }, { session }: Run): Promise<Leased | null> {
  const { org, id, now, offer } = a
  const placement = await nextPlacement(tx, { org, session })
  if (placement?.next.id !== id || isWorthALook(placement.next, now)) return null
  const { next, holder } = placement
  // Who holds the session may be at work on its own, wherever it is: that is for who knows of it (I4).
  if (holder && !offer.devices.some(device => device.id === holder.device)) return null
  const fit = offer.devices.filter(({ kind, projects }) => kind !== 'worker' || projects.includes(next.project))
  const devices = fit.map(({ projects, ...device }) => ({
    ...device,
    attached: projects.includes(next.project),
  }))
  const decision = decidePlacement(devices, placement, now)
  if (!('to' in decision)) return null
  const { to: device, reasons, restore } = decision
  const { newHead, leaseExpiresAt: expiresAt } = offer
  return leaseRun(tx, { org, id, device, reasons, restore, newHead, now, expiresAt })
}
