/** What the router is told and what it answers. It is told everything: it asks nobody, reads no clock and keeps nothing. */
import type { EnvironmentState } from '../environments.ts'
import type { ErrorCode } from '../errors.ts'
import type { DeviceId } from '../ids.ts'
import type { DeviceInfo, DeviceStatus, Failover } from '../messages.ts'
import type { RestoreAbility, Rung, SnapshotFit } from '../snapshot.ts'

type Known = 'id' | 'name' | 'kind' | 'lastSeenAt' | 'runtimes' | 'metrics' | 'policy'

export interface RouteDevice extends Pick<DeviceInfo, Known> {
  status: DeviceStatus | 'revoked'
  /** Whether it has the project's files. */
  attached: boolean
  /** Runs that it holds now. */
  busyRuns: number
  /** What it has of the packages that the project's lock files ask for. */
  environments?: readonly Pick<EnvironmentState, 'language' | 'file' | 'state'>[] | undefined
  /** Name of the user whose device it is; absent where there is but one. */
  owner?: string | undefined
  /** Names of the networks that it is on. */
  networks?: readonly string[] | undefined
  /** What it can restore of saved sessions. */
  restores?: RestoreAbility | undefined
}

export interface RouteRequest {
  language: string
  /** What the notebook demands of the device: `gpu`. */
  requires: readonly string[]
  /** "Run on…": this device or none. */
  on?: DeviceId | undefined
  /** The notebook's `runs-on`: name or id of a device, or none. */
  runsOn?: string | undefined
  /** What the code imports, as dotted names. */
  imports?: readonly string[] | undefined
  /** How long this cell took before. */
  tookMs?: number | undefined
  /** Name of the user who asks; absent where there is but one. */
  by?: string | undefined
  /** Name of the user whose project it is. */
  projectOwner?: string | undefined
  /** Names of the networks that the one who asks is on. */
  networks?: readonly string[] | undefined
  /** Name of the kernelspec that the notebook asks for. */
  kernel?: string | undefined
  /** What to do while the holder does not answer; absent: `wait`. */
  failover?: Failover | undefined
  /** Somebody said that it waits for the holder no longer. */
  elsewhere?: boolean | undefined
}

export interface RouteSession {
  /** Who holds the live head: that device has the variables. */
  holder?: DeviceId | undefined
  /** Whether it had variables before, wherever they were. */
  hasRun?: boolean | undefined
  /** Where it was live until that device lost it; only where nobody holds it. */
  lostBy?: DeviceId | undefined
  /** What was saved of it and may be used; absent where nobody asked. */
  saved?: readonly SavedState[] | undefined
}

/** A saved state of the session, and what the device has to be like. */
export interface SavedState {
  rung: Rung
  fit: SnapshotFit
  /** Name of the user whose devices alone can open it; absent where there is but one. */
  owner?: string | undefined
}

export interface RouteInput {
  request: RouteRequest
  devices: readonly RouteDevice[]
  session?: RouteSession | undefined
  now: number
}

/** What a worker would be, if one is started for this run. */
export interface WorkerOffer {
  languages: readonly string[]
  gpu: boolean
  /** Whether it could open what its owner's devices saved; absent where that was not asked. */
  restores?: boolean
}

export interface Wait {
  wait: string
  /** What would let it start. */
  unblock: string
}
export interface Refusal {
  refuse: ErrorCode
  detail: string
  unblock: string
}
export type Outcome = Wait | Refusal

/** The session goes on there from one of these, the best first; without them it is live there, or begins anew. */
export interface Placed {
  to: DeviceId
  restore?: Rung[]
}

/** `reasons` are sentences for a person, at least one. */
export type RouteDecision = (Placed | Outcome) & { reasons: string[] }
export interface WorkerDecision {
  worker: true
  reasons: string[]
}
