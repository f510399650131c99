/**
 * The snapshot port: what saves a live session and makes one of what was saved. Two backends implement it, `image/` and
 * `portable/`, under one contract suite. A backend knows nothing of keys, hubs and records: it hands out parts and a plan
 * that says how they belong together, and gets both back, already checked to be the owner's, whole and unchanged.
 */
import type { Inside, LostItem, PartId, SnapshotFit, SnapshotKind } from '@meshbook/core/snapshot.ts'
import type { KernelSession, SavedKernel, SessionSpec } from '../kernels/port.ts'

/** Takes a part (at most `limits.snapshotPartBytes` less 1 KiB), and names it. Equal bytes have one name. */
export interface PartSink {
  put(bytes: Uint8Array): Promise<PartId>
  /** Whether this part, named by an earlier `put` of whatever session, need not be given again. */
  has(part: PartId): Promise<boolean>
}

export interface PartSource {
  /** Throws SNAPSHOT_REFUSED unless it is exactly what was put under that name. */
  get(part: PartId): Promise<Uint8Array>
}

/** JSON of the backend alone; sealed with the record. */
export type Plan = Record<string, unknown>

export interface Capture {
  plan: Plan
  /** All that is needed to restore it, each once, those of earlier captures that it builds on among them. */
  parts: PartId[]
  fit: SnapshotFit
  inside: Inside
  lost: LostItem[]
  /** For how long the session stood still. */
  pauseMs: number
  /** The run that the session had ended last, as its host says. */
  lastRun: string | null
  /** Of a capture in the middle of a run: which, and the number of its last event that is in it. */
  during?: { run: string; seq: number; kernelEvents: number }
}

export interface CaptureOptions {
  sink: PartSink
  /** Of the session on this device, for what the backend wants to find at its next capture; may be emptied at any time. */
  workFolder: string
  signal: AbortSignal
  /** In the middle of a run, without ending it (image alone). */
  during?: boolean
}

export interface OpenOptions {
  source: PartSource
  /** Empty. When `open` resolves all that `start` needs is in it and has been checked; nothing of it has been executed. */
  folder: string
  signal: AbortSignal
  /** Bytes. */
  progress(done: number, total: number): void
}

/** What this machine can do, for `sessions doctor` and for the hub. */
export type Ability = { ok: true; cpu: string[] } | { ok: false; why: string; next: string }

export interface SnapshotBackend {
  readonly kind: SnapshotKind
  ability(): Promise<Ability>
  /** Why this session cannot be saved so, in words; undefined if it can. */
  unfit(session: KernelSession): Promise<string | undefined>
  /** Throws SNAPSHOT_FAILED with the reason in words; the session goes on as if nothing had been. */
  capture(session: KernelSession, options: CaptureOptions): Promise<Capture>
  /** Why a record with this fit cannot be restored here, in words. */
  unfitHere(
    fit: SnapshotFit,
    spec: Pick<SessionSpec, 'language' | 'projectFolder' | 'kernelspec'>,
  ): Promise<string | undefined>
  open(plan: Plan, options: OpenOptions): Promise<void>
  /** From an opened folder: what `KernelSessions.start` makes a session of. May be called again with the same folder. */
  start(folder: string, spec: SessionSpec, signal: AbortSignal): Promise<SavedKernel>
}
