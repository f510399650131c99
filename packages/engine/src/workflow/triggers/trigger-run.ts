/** Which run an event starts (WF100): the same event is the same run, whoever tells of it and however often. */
import { newId, type RunId } from '@meshbook/core/ids.ts'
import type { TriggerKind } from '@meshbook/core/workflow/workflow-schema.ts'

/** SHA-256, in hex. */
export type Digest = (text: string) => string

export interface TriggerEvent {
  /** The trigger's own id, as the hub keeps it: a workflow file of a project. */
  trigger: string
  kind: TriggerKind
  /** What makes it this event and no other. */
  event: string
  /** When it happened, by what tells of it; the id sorts by it. */
  at: number
}

export function runOf({ trigger, kind, event, at }: TriggerEvent, digest: Digest): RunId {
  const hex = digest(JSON.stringify([trigger, kind, event, at]))
  return newId('run', at, length =>
    Uint8Array.from({ length }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)),
  )
}
