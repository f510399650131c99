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

/**
 * A worker for one agent task (CP60): no device, but a place with a checkout, the sockets of its broker and nothing else.
 * What it is to do it is told on the channel.
 */
export interface TaskWorkerSpec {
  id: WorkerId
  kind: 'task'
  /** What it says on the channel; in a file that its runner alone reads, in no environment. */
  token: string
  /** Of this worker alone (`tasks/broker-sockets.ts`). */
  socketFolder: string
  workspace: TaskWorkspace
  limits: TaskWorkerLimits
}

/** `folder`: a checkout of this worker alone, that belongs to the tools. Without one the worker clones through its broker. */
export type TaskWorkspace = { from: 'nothing' } | { from: 'folder'; folder: string }

export interface TaskWorkerLimits extends WorkerLimits {
  diskBytes: number
  /** After so long it is told to end, and ended. */
  wallMs: number
}

export interface FoundWorker {
  id: WorkerId
  /** `ended`: it does not run, whether it never did or not any more. */
  state: 'running' | 'ended'
}

export type ComputeDescription =
  | {
      ready: true
      driver: string
      engine: string
      languages: readonly string[]
      gpu: boolean
      /** What this machine cannot do for it that others can, in words. */
      weaker?: readonly string[]
    }
  | { ready: false; driver: string; problem: string; fix: string }

export interface ComputeDriver<Spec extends { id: WorkerId } = WorkerSpec> {
  describe(): Promise<ComputeDescription>
  start(spec: Spec): Promise<void>
  /** `said`: the last of what an ended worker wrote, to find out why it ended. */
  stop(id: WorkerId, graceMs: number): Promise<{ said: string }>
  list(): Promise<FoundWorker[]>
}

export interface TaskDriver extends ComputeDriver<TaskWorkerSpec> {
  /** On the worker's disk, hidden from it: for what is below its checkout. Null where it has no disk on this machine. */
  room(id: WorkerId, diskBytes: number): Promise<string | null>
  /** Gives a checkout to a worker, whether it runs or is only about to; false where that is not possible (CP64). */
  give(id: WorkerId, workspace: TaskWorkspace): Promise<boolean>
  /** The hub ends: workers go on, and of the rest nothing is left. Absent where nothing would be. */
  close?(): Promise<void>
}
