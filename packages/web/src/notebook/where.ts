/** Where a notebook's code runs, in a few words for its bar (W50). Pure. */
import type { DeviceInfo, SessionInfo } from '@meshbook/core/messages.ts'

export interface WhereFacts {
  session: Pick<SessionInfo, 'device' | 'kernel' | 'language' | 'since' | 'saved' | 'moving'> | undefined
  devices: readonly DeviceInfo[]
  /** Id of the device that was chosen in this browser. */
  chosen: string | undefined
  /** What the notebook's front matter says. */
  runsOn: string | undefined
  /** Id of the device that this page is on, where that is known. */
  here: string | undefined
  isForked: boolean
  now: number
}

export type WhereKind = 'live' | 'cloud' | 'starting' | 'away' | 'next' | 'none'
export interface Where {
  kind: WhereKind
  text: string
}

/** As the router finds it: by id, or by name if only one has it. */
export function deviceNamed(devices: readonly DeviceInfo[], wanted: string): DeviceInfo | undefined {
  const name = wanted.trim().toLowerCase()
  const found = devices.filter(device => device.id === wanted.trim() || device.name.trim().toLowerCase() === name)
  return found.length === 1 ? found[0] : undefined
}

/** Where it is live, where it goes next, and which name or id was asked for. */
export interface Place {
  holder: DeviceInfo | undefined
  target: DeviceInfo | undefined
  wanted: string | undefined
  isRestoring: boolean
}

export function placeOf({ devices, chosen, runsOn, session }: WhereFacts): Place {
  const wanted = chosen ?? runsOn
  const target = chosen === undefined ? deviceNamed(devices, wanted ?? '') : devices.find(({ id }) => id === chosen)
  const { phase = 'waiting' } = session?.moving ?? {}
  return {
    holder: devices.find(({ id }) => id === session?.device),
    target: wanted === undefined ? undefined : target,
    wanted,
    isRestoring: phase !== 'waiting' && phase !== 'saving',
  }
}

export function whereOf(facts: WhereFacts): Where {
  const { holder, target, wanted, isRestoring } = placeOf(facts)
  if (isRestoring) return { kind: 'starting', text: 'Restoring session…' }
  if (wanted === undefined) return holder ? liveAt(holder, facts) : { kind: 'none', text: 'No runtime' }
  if (!target) return { kind: 'away', text: facts.chosen === undefined ? wanted : 'Not paired' }
  if (target.id === holder?.id) return liveAt(target, facts)
  return { kind: target.status === 'online' ? 'next' : 'away', text: target.name }
}

function liveAt({ id, name, kind, status }: DeviceInfo, { session, here }: WhereFacts): Where {
  if (status !== 'online') return { kind: 'away', text: name }
  if (!session?.kernel) return { kind: 'starting', text: 'Starting session…' }
  if (kind === 'worker') return { kind: 'cloud', text: 'Cloud' }
  return { kind: 'live', text: here !== undefined && here !== id ? `${name} (remote)` : name }
}
