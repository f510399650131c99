/** What a task needs outside of the store: a place to work in, and what becomes of its work. Others provide it. */
import type { WorkerId } from '@meshbook/core/ids.ts'
import type { TaskDiff, TaskFile, TaskFolder } from '@meshbook/core/tasks-api.ts'
import type { TaskRow } from '../store/tasks.ts'

/** Lines of the socket `channel` of one worker, and a way to answer. */
export interface WorkerLines {
  /** Ends when the worker has gone; each is one line without its end, at most `brokerLineBytes`. */
  lines: AsyncIterable<string>
  /** Resolves when there is room for more. */
  send(line: string): Promise<void>
  close(): void
}

export interface FoundPlace {
  worker: WorkerId
  state: 'running' | 'ended'
}

/** Sandboxes for tasks. Idempotent by worker: what was begun twice is there once, what is taken away twice is gone. */
export interface TaskPlaces {
  /** Null: tasks can be worked on here. */
  problem(): Promise<{ problem: string; fix: string } | null>
  /** A worker that waits for a task, to be used for the next one; absent or undefined where there is none. */
  spare?(): { worker: WorkerId; token: string } | undefined
  /**
   * Checkout, sockets, sandbox. The commit that it begins from is noted before the worker can ask for its order. Rejects
   * with REPO_REFUSED and the like where trying again is of no use.
   */
  open(task: TaskRow, worker: WorkerId, token: string, noteBase: (base: string) => Promise<void>): Promise<void>
  /** After a restart of the hub: its sockets are there again. */
  resume(task: TaskRow, worker: WorkerId): Promise<void>
  /** After a restart of the hub, before anything else: what is there of any other task is taken away. */
  settle(tasks: readonly Pick<TaskRow, 'org' | 'id'>[]): Promise<void>
  close(task: Pick<TaskRow, 'org' | 'id'>, worker: WorkerId): Promise<void>
  /** All of this hub, those that have ended too. */
  list(): Promise<FoundPlace[]>
}

export interface Delivery {
  /** Null where nothing was made. Safe to be asked again. */
  push(task: TaskRow): Promise<{ branch: string; commit: string } | null>
  /** Null where the host has none. Safe to be asked again: the one of the branch is found. */
  pullRequest(task: TaskRow): Promise<{ url: string; number: number } | null>
  /** Nothing of the task is kept any more but its branch. */
  forget(task: Pick<TaskRow, 'org' | 'id'>): Promise<void>
  diff(task: TaskRow): Promise<TaskDiff>
  /** Of the last checkpoint, before that of where it began; `path` is checked here. */
  folder(task: TaskRow, path: string): Promise<TaskFolder>
  file(task: TaskRow, path: string): Promise<TaskFile>
  /** Every task of which something is kept here; `isOver`: only to be looked at and gone on from. */
  kept(): (Pick<TaskRow, 'org' | 'id'> & { isOver: boolean })[]
  /** What it pushed and is kept here goes; its branch at the host stays. */
  drop(task: Pick<TaskRow, 'org' | 'id'>): Promise<void>
}
