/** What a run of a workflow needs from around it. Nothing here knows where it runs. */
import { asMeshError, type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { Json, Step, StepKind, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import type { Time } from '../agent/ports.ts'
import type { Sent } from './sent.ts'

/** The pinned files of a run: the one that was started, and those that they name, by the hash of their text. */
export interface Definitions {
  hash: string
  of(hash: string): Workflow
  /** The hash of the file that one of them names. */
  child(hash: string, file: string): string
}

export interface WorkflowLog {
  /**
   * All of them or none, behind all before; resolves when they are durable. Rejects with STALE_FENCE where the run is
   * somebody else's now.
   */
  append(events: readonly RunEvent[]): Promise<void>
}

/** Results that are too large for the log, by the SHA-256 of their JSON. */
export interface ResultAssets {
  store(bytes: Uint8Array): Promise<string>
  load(asset: string): Promise<Uint8Array>
}

export interface Inbox {
  read(after: number): Promise<Sent[]>
  /** Resolves when there may be something new, or the signal is aborted. */
  changed(signal: AbortSignal): Promise<void>
}

export interface Execution {
  kind: StepKind
  /** The step's own part of the file, with its expressions evaluated. Secrets in headers are names. */
  input: Json
  step: Step
  /** In the log, such as `deploy[3].build`. */
  path: string
  attempt: number
  /** `run/step/attempt-group`: the same when an attempt is repeated of which nobody knows whether it had its effect. */
  key: string
  /** What is left of the time that it may take. */
  timeoutMs: number
  /** Aborted when it does not count any more; by an error with the code SHUTTING_DOWN when somebody else carries the run on. */
  signal: AbortSignal
  /** Something to show while it goes on. */
  emit(text: string): void
}

export interface Executed {
  output: Json
  microUsd?: number
}

/** `null`: costs nothing. `unknown`: nobody knows. */
export type Estimate = number | null | 'unknown'

export interface StepExecutor {
  /** Throws a `StepFailure`, another error, or the signal's reason. */
  execute(execution: Execution): Promise<Executed>
  /** The most that it can cost, in millionths of a dollar. Pure. */
  estimate(kind: StepKind, input: Json): Estimate
  /**
   * Its attempts are work that goes on elsewhere and is found again by path and attempt: whoever carries the run on next
   * is given the same attempt again (WF66).
   */
  goesOn?(kind: StepKind): boolean
}

export interface Concurrency {
  /**
   * Resolves when the run may go on; it then holds a place until it has ended. `waits`: it has none, and is carried on
   * again when there is one.
   */
  enter(
    place: { key: string; limit: number; onConflict: 'queue' | 'reject' | 'replace' },
    signal: AbortSignal,
  ): Promise<'entered' | 'refused' | 'waits'>
}

export interface WorkflowPorts {
  run: string
  log: WorkflowLog
  definitions: Definitions
  executor: StepExecutor
  assets: ResultAssets
  inbox: Inbox
  concurrency: Concurrency
  time: Time
  newGate(): string
  /** SHA-256, in hex. */
  digest(text: string): string
}

/** Why an attempt failed, in what matters for the next one. */
export class StepFailure extends MeshError {
  /** It is sure that it had no effect that another attempt would repeat. */
  readonly known: boolean
  readonly mayRetry: boolean
  readonly microUsd: number
  readonly retryAfterMs: number

  constructor(
    code: ErrorCode,
    detail: string,
    options: { known: boolean; mayRetry: boolean; microUsd?: number; retryAfterMs?: number; cause?: unknown },
  ) {
    super(code, { detail, cause: options.cause })
    this.name = 'StepFailure'
    this.known = options.known
    this.mayRetry = options.mayRetry
    this.microUsd = options.microUsd ?? 0
    this.retryAfterMs = options.retryAfterMs ?? 0
  }
}

/** What is thrown without saying more may have had its effect. */
export function asStepFailure(thrown: unknown): StepFailure {
  if (thrown instanceof StepFailure) return thrown
  const error = asMeshError(thrown)
  const detail = error.detail ?? (error.cause instanceof Error ? error.cause.message : error.message)
  return new StepFailure(error.code, detail, { known: false, mayRetry: error.entry.retry === 'backoff', cause: thrown })
}
