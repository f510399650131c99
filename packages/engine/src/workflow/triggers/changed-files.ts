/** Changes of files, until they are one event of a trigger (WF106, WF107): a fold over what a device sees. Pure. */
import type { RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { durationMs } from '@meshbook/core/workflow/duration.ts'
import { isMeant } from '@meshbook/core/workflow/glob.ts'
import type { FilesTrigger, Json } from '@meshbook/core/workflow/workflow-schema.ts'
import { type Digest, runOf } from './trigger-run.ts'

/** What has changed since the last event. */
export interface Changes {
  paths: ReadonlySet<string>
  /** There were more paths than one event names. */
  more: boolean
  firstAt: number
  lastAt: number
}

/** `path`: from the project on. What the trigger is not about changes nothing. */
export function withChange(
  changes: Changes | null,
  { path, at }: { path: string; at: number },
  { paths: globs }: FilesTrigger,
): Changes | null {
  if (!isMeant(globs, path)) return changes
  if (!changes) return { paths: new Set([path]), more: false, firstAt: at, lastAt: at }
  const { paths, more, firstAt, lastAt } = changes
  const isFull = !paths.has(path) && paths.size >= limits.pathsPerEvent
  return {
    paths: isFull || paths.has(path) ? paths : new Set([...paths, path]),
    more: more || isFull,
    firstAt,
    // A clock that was set back lengthens nothing.
    lastAt: Math.max(lastAt, at),
  }
}

/** When they become an event, if nothing else changes until then. */
export function eventAt({ firstAt, lastAt }: Changes, { quiet }: FilesTrigger): number {
  const quietMs = quiet === undefined ? limits.filesQuietMs : durationMs(quiet)!
  return Math.min(lastAt + quietMs, firstAt + Math.max(quietMs, limits.filesLongestMs))
}

export interface FilesEvent {
  run: RunId
  at: number
  /** What expressions of the trigger's inputs may name. */
  event: { paths: string[]; more: boolean; device: string; at: string }
}

/** Told again after a crash, before new changes are looked at, it is the same run. */
export function filesEvent(
  { trigger, device }: { trigger: string; device: string },
  { paths, more, lastAt }: Changes,
  digest: Digest,
): FilesEvent {
  const sorted = [...paths].sort()
  const event = { paths: sorted, more, device, at: new Date(lastAt).toISOString() } satisfies Json
  const same = JSON.stringify([device, more, sorted])
  return { run: runOf({ trigger, kind: 'files', event: same, at: lastAt }, digest), at: lastAt, event }
}
