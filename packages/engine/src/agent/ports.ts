/** What the loop needs from around it: the log, a store for what is large, people, and time. */
import type { CellRequest } from '@meshbook/core/cell-request.ts'
import type { RunId } from '@meshbook/core/ids.ts'
import type { RunStatus } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import type { Sleep } from '../backoff.ts'

export interface TaskLog {
  /** In this order; returns before it is durable. */
  write(event: TaskEvent): void
  /** All that was written is durable. Fails where the task is not this worker's any more. */
  flush(): Promise<void>
}

/** Blobs by their SHA-256. `store` returns when it is durable. */
export interface TaskAssets {
  store(bytes: Uint8Array, mimeType: string): Promise<string>
  load(asset: string): Promise<Uint8Array>
}

/** A question to a person: may this be done? `call` is the same when it is asked again after a restart, and no other's. */
export interface ApprovalQuestion {
  call: string
  tool: string
  title: string
  /** All of it, byte for byte. */
  shown: string
}

export interface ApprovalAnswer {
  decision: 'approved' | 'rejected' | 'expired'
  /** SHA-256 of the bytes that were decided about, in hex. */
  digest: string
  by: string | null
  comment: string | null
}

export interface People {
  approve(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer>
  /** A question with words as its answer. */
  ask(question: { call: string; text: string }, signal: AbortSignal): Promise<string>
}

/** Cells of notebooks on the mesh, where the hub lets the task run them (AL47). */
export interface MeshCells {
  /** The same `call` is the same run. Rejects with why it may not be, and with the signal. */
  run(
    asked: { call: string; request: CellRequest },
    began: (run: RunId, reasons: readonly string[]) => void,
    signal: AbortSignal,
  ): Promise<CellEnd>
}

export interface CellEnd {
  run: RunId
  status: RunStatus
  /** The name of where it ran. */
  device: string | null
  /** Why it did not end by itself, or why it failed. */
  reason: string
  text: string
}

/** Milliseconds since 1970. */
export type Clock = () => number

export interface Time {
  clock: Clock
  sleep: Sleep
  /** From 0 up to, but not including, 1. */
  random: () => number
}
