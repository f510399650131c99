/** Gathers what the router is told of a waiting run: the devices as they are now, and what the store knows of its past. */
import { routedImports } from '@meshbook/core/notebook/imports.ts'
import {
  type RouteDecision,
  type RouteDevice,
  type RouteRequest,
  route,
  type WorkerDecision,
  type WorkerOffer,
} from '@meshbook/core/route.ts'
import type { Placement } from '../store/run-queue.ts'

type Candidates = readonly Omit<RouteDevice, 'busyRuns'>[]

/** With a worker that could be had, the answer may be to have it. */
export function decidePlacement(candidates: Candidates, placement: Placement, now: number): RouteDecision
export function decidePlacement(
  candidates: Candidates,
  placement: Placement,
  now: number,
  worker: WorkerOffer | undefined,
): RouteDecision | WorkerDecision
export function decidePlacement(
  candidates: Candidates,
  placement: Placement,
  now: number,
  worker?: WorkerOffer,
): RouteDecision | WorkerDecision {
  const { holder, busy, hasRun, saved, lostBy, held } = placement
  if (held !== null)
    return { wait: held, unblock: 'It starts when that is over; a move can be cancelled.', reasons: [held] }
  const busyRuns = new Map(busy.map(({ device, runs }) => [device, runs]))
  const devices = candidates.map((device): RouteDevice => {
    // A holder whose lease has not run out may still be at work on its own: it counts as silent, not as gone (I4).
    const relies = holder?.device === device.id && holder.expiresAt > now
    const status = device.status === 'offline' && relies ? 'suspect' : device.status
    return { ...device, status, busyRuns: busyRuns.get(device.id) ?? 0 }
  })
  const session = { holder: holder?.device, hasRun, saved, lostBy: lostBy ?? undefined }
  const failover = placement.next.demands.failover ?? placement.policy.failover
  const input = { request: { ...requestOf(placement), failover }, devices, session, now }
  return worker ? route({ ...input, worker }) : route(input)
}

type Asked = Pick<Placement, 'next' | 'tookMs' | 'projectOwner'>

export function requestOf({ next, tookMs, projectOwner }: Asked): RouteRequest {
  const { language, code, demands, chosenDevice, requestedBy } = next
  let imports: readonly string[] | undefined
  return {
    language,
    requires: demands.requires ?? [],
    runsOn: demands.runsOn,
    kernel: demands.kernel,
    elsewhere: next.elsewhere,
    networks: demands.networks,
    on: chosenDevice ?? undefined,
    tookMs: tookMs ?? undefined,
    by: requestedBy,
    projectOwner,
    // Only a run that may go to several devices is worth the parsing.
    get imports() {
      imports ??= routedImports(language, code)
      return imports
    },
  }
}
