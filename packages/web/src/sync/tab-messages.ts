/** What the tabs of one browser say to each other about a document, and the check of what arrives. */
import type { EditVector } from './edit-vector.ts'
import type { HubState } from './hub-connection.ts'

export interface Refusal {
  code: number
  reason: string
}

/** What only the leader knows. */
export interface LeaderStatus {
  hub: HubState
  refused: Refusal | undefined
}

export type TabMessage =
  /** Here I am, with this: tell me what I lack. */
  | { type: 'hello'; from: string; epoch: number | undefined; vector: Uint8Array; have: EditVector }
  | {
      type: 'state'
      to: string
      epoch: number
      update: Uint8Array
      have: EditVector
      acked: EditVector
      status: LeaderStatus | undefined
    }
  /** One edit, the `n`th of `from`. */
  | { type: 'edit'; from: string; epoch: number; n: number; update: Uint8Array }
  /** From the hub, through the leader. */
  | { type: 'remote'; epoch: number; update: Uint8Array }
  | { type: 'status'; epoch: number | undefined; acked: EditVector; status: LeaderStatus }
  /** Is the leader there? */
  | { type: 'ping' }
  | { type: 'presence'; update: Uint8Array }
  /** The document has this epoch now. */
  | { type: 'replaced'; epoch: number }
  /** Something of an older document waits to be carried over. */
  | { type: 'due' }
  /** It has been carried over, or the user has dismissed it. */
  | { type: 'carried' }

/** Tabs may run different versions of the app: what is not of this version is ignored. */
const version = 1
const types = new Set(['hello', 'state', 'edit', 'remote', 'status', 'ping', 'presence', 'replaced', 'due', 'carried'])

export function tabMessage(message: TabMessage): object {
  return { ...message, version }
}

export function readTabMessage(message: unknown): TabMessage | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  const { version: theirs, type } = message as { version?: unknown; type?: unknown }
  return theirs === version && types.has(String(type)) ? (message as TabMessage) : undefined
}
