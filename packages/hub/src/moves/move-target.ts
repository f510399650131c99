/** Where a move goes, and what has to be saved for it: the router's answer to a question about one session (MV4–MV8). Pure. */
import type { ErrorCode } from '@meshbook/core/errors.ts'
import type { DeviceId } from '@meshbook/core/ids.ts'
import { parseId } from '@meshbook/core/ids.ts'
import type { SavedState } from '@meshbook/core/route/input.ts'
import { type RouteDevice, type RouteRequest, route } from '@meshbook/core/route.ts'
import type { Rung, SnapshotFit, SnapshotKind } from '@meshbook/core/snapshot.ts'
import { whyUnfit } from '@meshbook/core/snapshot-fit.ts'
import type { MoveFacts } from '../store/moves.ts'

export type MoveDevice = Omit<RouteDevice, 'busyRuns'>

export interface Target {
  to: DeviceId
  /** From what is saved already. */
  restore: Rung[]
  /** What the source has to save; empty where what is saved already goes on. */
  kinds: SnapshotKind[]
}
export interface NoTarget {
  code: ErrorCode
  detail: string
}

type Asked = Pick<
  MoveFacts,
  'kind' | 'language' | 'from' | 'to' | 'chosen' | 'makes' | 'saved' | 'askedBy' | 'projectOwner' | 'snapshot'
>

/** `saves`: the source is there, and saves what it has before anything goes on. */
export function targetOf(
  move: Asked,
  candidates: readonly MoveDevice[],
  saves: boolean,
  now: number,
): Target | NoTarget {
  const devices = candidates.map(device => ({ ...device, busyRuns: 0 }))
  const source = devices.find(({ id }) => id === move.from)
  const isNew = saves && move.snapshot === null
  const states = isNew ? statesToBe(source, move.language, now) : move.saved
  const sourceKinds = source?.restores?.kinds ?? []
  if (saves && sourceKinds.length === 0) return { code: 'SNAPSHOTS_OFF', detail: `${source?.name ?? 'its device'}` }
  if (states.length === 0) return { code: 'SNAPSHOT_UNFIT', detail: 'nothing was saved of the session' }
  const found = place(move, devices, states, now)
  if ('code' in found) return found
  if (!saves) return { ...found, kinds: [] }
  const kinds = isNew ? [...new Set(found.restore.map(({ kind }) => kind))] : [...sourceKinds]
  return { to: found.to, restore: isNew ? [] : found.restore, kinds }
}

function place(
  move: Asked,
  devices: readonly RouteDevice[],
  saved: readonly SavedState[],
  now: number,
): { to: DeviceId; restore: Rung[] } | NoTarget {
  if (move.to !== null && (move.chosen || move.kind === 'home')) return at(move, devices, saved, move.to, now)
  // A copy stays beside its original, and a state that is brought back where the session is, if it can.
  if (move.from !== null && (move.kind === 'fork' || move.kind === 'restore')) {
    const here = at(move, devices, saved, move.from, now)
    if (!('code' in here)) return here
  }
  const others = move.kind === 'migrate' ? devices.filter(({ id }) => id !== move.from) : devices
  const anyone = parseId('device', `dev_${'0'.repeat(26)}`)
  const session = { lostBy: move.from ?? anyone, saved, hasRun: true }
  const decision = route({ request: requestOf(move), devices: others, session, now })
  if (!('to' in decision)) return { code: 'NO_DEVICE', detail: 'wait' in decision ? decision.wait : decision.detail }
  if (decision.restore) return { to: decision.to, restore: decision.restore }
  return { code: 'SNAPSHOT_UNFIT', detail: 'no other device can take the session as it is saved' }
}

function at(
  move: Asked,
  devices: readonly RouteDevice[],
  saved: readonly SavedState[],
  to: DeviceId,
  now: number,
): { to: DeviceId; restore: Rung[] } | NoTarget {
  const request = { ...requestOf(move), on: to }
  const decision = route({ request, devices, session: { saved, hasRun: true }, now })
  if ('refuse' in decision) return { code: decision.refuse, detail: decision.detail }
  if ('wait' in decision) return { code: 'UNREACHABLE', detail: decision.wait }
  if (decision.restore) return { to, restore: decision.restore }
  const device = devices.find(({ id }) => id === to)!
  const [best] = saved
  const why = best && whyUnfit({ kind: best.rung.kind, fit: best.fit }, device)
  return { code: 'SNAPSHOT_UNFIT', detail: why ?? `${device.name} cannot take the session as it is saved` }
}

function requestOf({ language, askedBy, projectOwner }: Asked): RouteRequest {
  return { language, requires: [], by: askedBy, projectOwner }
}

/** What the source would save now fits where what the source is fits. */
function statesToBe(source: RouteDevice | undefined, language: string, now: number): SavedState[] {
  const { restores, owner } = source ?? {}
  if (!restores) return []
  const { os, arch, cpu } = restores
  return restores.kinds.map((kind, number) => {
    const fit: SnapshotFit = { os, arch, cpu: kind === 'image' ? cpu : [], language, version: '' }
    const snapshot = parseId('snapshot', `snp_${String(number).padStart(26, '0')}`)
    return { rung: { snapshot, kind, asOf: { at: now, run: null } }, fit, ...(owner !== undefined && { owner }) }
  })
}
