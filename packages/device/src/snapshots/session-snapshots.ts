/** What saving and restoring ask of the place where saved sessions are kept: sealed, here and at the hub. */
import type { Fence, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import type { Rung, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { Capture, PartSink, PartSource, Plan } from './port.ts'

/** What a record says beyond what the capture tells. */
export type About = Pick<SnapshotRecord, 'session' | 'head' | 'fence' | 'kind' | 'name' | 'asOf'>

export interface KeptRecord {
  record: SnapshotRecord
  atHub: boolean
}

export interface Progress {
  signal: AbortSignal
  /** Bytes. */
  progress(done: number, total: number): void
}

/** What was asked for: a record that is another one is refused (SN5, SN6). */
export interface Expected {
  rung: Rung
  /** Null for a copy into another session. */
  session: SessionId | null
  fence: Fence | null
  /** Not one that somebody chose, or that others had to give way to. */
  newest: boolean
}

export interface Examined {
  plan: Plan
  source: PartSource
}

/** One saving that is under way: where the parts of its capture go. In the end `abandon` is called, also after `finish`. */
export interface Saving extends PartSink {
  /** Sealed with its plan, and durable on this device. */
  finish(about: About, capture: Capture): Promise<SnapshotRecord>
  abandon(): Promise<void>
}

export interface SavedSessions {
  /** Throws OWNER_KEY_MISSING. */
  begin(): Promise<Saving>
  /** Records that this device made, the oldest first. */
  kept(): Promise<KeptRecord[]>
  /** Resolves once its parts and then the record are at the hub; goes on from what is there. */
  upload(record: SnapshotRecord, signal: AbortSignal): Promise<void>
  /** It need not come to the hub any more. */
  superseded(snapshot: SnapshotId): Promise<void>
  /** Here or at the hub. Throws NOT_FOUND. */
  find(snapshot: SnapshotId, signal: AbortSignal): Promise<SnapshotRecord>
  /** Its manifest, checked to be the owner's, whole and that of this record; else SNAPSHOT_REFUSED. */
  examine(record: SnapshotRecord, expected: Expected, signal: AbortSignal): Promise<Examined>
  /** All of its parts are here afterwards. */
  fetch(record: SnapshotRecord, options: Progress): Promise<void>
  /** What is under way is given up. */
  close(): Promise<void>
}
