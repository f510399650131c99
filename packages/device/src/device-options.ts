/** What a device is made of and what it offers: the interface between `startDevice` and whoever starts it. */
import type { DeviceId, Now, ProjectId, RandomBytes } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, ProjectInfo } from '@meshbook/core/messages.ts'
import type { SnapshotUse } from '@meshbook/core/snapshot.ts'
import type { SnapshotsHere } from '@meshbook/core/snapshots-here.ts'
import type { DeviceKey, KeychainUse } from './device-key.ts'
import type { KernelSessions } from './kernels/port.ts'
import type { LinkStatus } from './link/hub-link.ts'
import type { SleepSources } from './link/sleep-notice.ts'
import type { Loopback, LoopbackOptions } from './loopback/loopback.ts'
import type { AccountProjects } from './materialise/account-projects.ts'
import type { OwnerKeys } from './owner-key/owner-keys.ts'
import type { FetchState } from './projects/asset-wishes.ts'
import type { TrashEntry } from './projects/trash.ts'
import type { SnapshotParts } from './snapshots/snapshot-parts.ts'
import type { Attachment } from './store/attachments.ts'

export interface DeviceOptions {
  /** What the device keeps: its key, its database, assets, deleted files. */
  folder: string
  name: string
  kind: DeviceInfo['kind']
  /** Absent: the device works alone. */
  hub?: {
    url: string
    /** The right of this device at the hub, for what its own web app asks there; another one than `stale`. */
    token?: (stale?: string) => Promise<string>
  }
  /** Other devices of its user may connect with it on their own network; absent: it listens on nothing and dials nobody (LAN1). */
  lan?: { addresses?: () => string[] }
  limits: Limits
  kernels: KernelSessions
  /** Where folders for projects are made that are attached without naming one. */
  projectsFolder: string
  /** Whether private keys go into the system's keychain; absent: into a file. */
  keychain?: KeychainUse
  /** How sessions are saved and restored; absent: not at all. */
  snapshots?: SnapshotOptions
  /** The recipient of the owner's recovery key, where this machine has been given one. */
  recovery?: () => Promise<string | null>
  /** Makes the hub know this device's public key (raw, base64url); may be called again. */
  register?: (publicKey: string, name: string, kind: DeviceInfo['kind']) => Promise<DeviceId>
}

export interface SnapshotOptions {
  use: SnapshotUse
  /** Where a CRIU of the device's own is set up, and looked for. */
  criuFolder?: string
  /** What saves, and where it is kept; the device's own if absent. */
  parts?: SnapshotParts
}

export interface DeviceLog {
  debug(detail: object, message: string): void
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
}

export interface DevicePorts {
  now: Now
  random: RandomBytes
  log: DeviceLog
  /** Where the system tells that it sleeps; without it only the clock does, afterwards. */
  sleep?: SleepSources
}

export interface DeviceStatus {
  link: LinkStatus
  problems: string[]
  /** Absent where direct connections are off. */
  direct?: { peers: DeviceId[]; sentBytes: number; receivedBytes: number }
}

export interface Device {
  readonly id: DeviceId
  /** Raw Ed25519, base64url. */
  readonly publicKey: string
  readonly name: string
  readonly linked: boolean
  /** `keys are in …`: where its private keys are, and why not in the keychain. */
  readonly keys: string
  /** The owner's data key, in all versions that this device has a copy of. */
  readonly ownerKey: Pick<OwnerKeys, 'current' | 'open' | 'copiesFor'>
  /** The Authorization header of this device for one request to a hub. */
  proof(host: string): ReturnType<DeviceKey['proof']>
  /** What the user should know, in sentences; empty while all is well. */
  problems(): string[]
  status(): DeviceStatus
  /** Calls back at every change; returns what ends that. */
  onStatus(listener: (status: DeviceStatus) => void): () => void
  /** The projects of the account, those made here, and by which policy they get folders (DV100–DV111). */
  readonly projects: Pick<AccountProjects, 'policy' | 'setPolicy' | 'list' | 'named' | 'make' | 'sawLost'>
  /** Attaches a folder, by default one named after the project. Resolves once its notebooks are documents. */
  attach(attachment: { project: ProjectInfo; folder?: string }): Promise<void>
  /** The files stay where they are. */
  detach(project: ProjectId): Promise<void>
  attachments(): Attachment[]
  /** Deleted files of all projects, the newest first. */
  trash(): Promise<TrashEntry[]>
  /** Puts one back, in the place of no other; tells its path. NOT_FOUND if it, or its project, is not here. */
  restore(name: string): Promise<TrashEntry>
  /** Asks for shared files at or below a path of a project ('' is all of it): they come, now or later. Tells how far they are. */
  fetch(project: ProjectId, path: string): Promise<FetchState>
  /** How far they are, without asking for them. */
  fetched(project: ProjectId, path: string): Promise<FetchState>
  /** What is saved of the sessions here, and what cannot be (SN97). */
  snapshotsHere(): Promise<SnapshotsHere>
  /** Saves what has changed, as far as that gets in a moment: before kernels end (SN51). */
  saveSessions(): Promise<void>
  /** Serves the web app to browsers of this machine until the device is closed (loopback/SPEC.md). */
  serveLoopback(options: LoopbackOptions): Promise<Loopback>
  /** Stops; kernels and their runs go on. */
  close(): Promise<void>
}
