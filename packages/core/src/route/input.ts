/** What the router is told and what it answers. It is told everything: it asks nobody, reads no clock and keeps nothing. */
import type { EnvironmentState } from '../environments.ts'
import type { ErrorCode } from '../errors.ts'
import type { DeviceId } from '../ids.ts'
import type { DeviceInfo, DeviceStatus } from '../messages.ts'

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
}

export interface RouteSession {
  /** Who holds the live head: that device has the variables. */
  holder?: DeviceId | undefined
  /** Whether it had variables before, wherever they were. */
  hasRun?: boolean | undefined
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

/** `reasons` are sentences for a person, at least one. */
export type RouteDecision = ({ to: DeviceId } | Outcome) & { reasons: string[] }
export interface WorkerDecision {
  worker: true
  reasons: string[]
}
