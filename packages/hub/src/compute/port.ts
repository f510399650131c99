/**
 * What makes workers (SPEC.md, CP1–CP5): an interface that knows of no container, so that later ones can make them
 * elsewhere. One contract suite for all (`tests/contract/compute.ts`).
 */
import type { WorkerId } from '@meshbook/core/ids.ts'

export interface WorkerSpec {
  id: WorkerId
  /** Good once: with it the worker joins the hub (CP30). */
  token: string
  /** Whether it may save and restore sessions: its owner lets the hub (CP40). */
  restores: boolean
  limits: WorkerLimits
}

export interface WorkerLimits {
  memoryBytes: number
  /** Processors; a half is allowed. */
  cpus: number
  processes: number
}

export interface FoundWorker {
  id: WorkerId
  /** `ended`: it does not run, whether it never did or not any more. */
  state: 'running' | 'ended'
}

export type ComputeDescription =
  | { ready: true; driver: string; engine: string; languages: readonly string[]; gpu: boolean }
  | { ready: false; driver: string; problem: string; fix: string }

export interface ComputeDriver {
  describe(): Promise<ComputeDescription>
  start(spec: WorkerSpec): Promise<void>
  /** `said`: the last of what an ended worker wrote, to find out why it ended. */
  stop(id: WorkerId, graceMs: number): Promise<{ said: string }>
  list(): Promise<FoundWorker[]>
}
