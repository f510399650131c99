/** What the sync indicator says. Each sentence is said only when it is true. Pure. */

export interface SyncFacts {
  connected: boolean
  /** The hub's state has been received since the connection opened. */
  caughtUp: boolean
  /** Local updates that the hub has not acknowledged as durable. */
  unacked: number
  /** Local updates that this browser has not stored. */
  unstored: number
  /** This browser stores nothing. */
  storeFailed: boolean
  /** The hub refuses to write, and why. */
  refused: string | undefined
}

export type SyncStatus =
  | { kind: 'synced' }
  | { kind: 'syncing'; count: number }
  | { kind: 'connecting' }
  | { kind: 'offline-saved'; count: number }
  | { kind: 'not-saved'; reason: string }

export function syncStatus(facts: SyncFacts): SyncStatus {
  const { connected, caughtUp, unacked, unstored, storeFailed, refused } = facts
  if (refused !== undefined) return { kind: 'not-saved', reason: refused }
  if (connected && caughtUp && unacked === 0) return { kind: 'synced' }
  if (connected) return unacked > 0 ? { kind: 'syncing', count: unacked } : { kind: 'connecting' }
  if (unacked === 0) return { kind: 'offline-saved', count: 0 }
  if (storeFailed)
    return {
      kind: 'not-saved',
      reason: 'The hub cannot be reached, and this browser could not store your changes. Keep this page open.',
    }
  if (unstored > 0) return { kind: 'not-saved', reason: 'Storing your changes in this browser…' }
  return { kind: 'offline-saved', count: unacked }
}

/** Whether closing the page now would lose work. */
export function losesWork({ unacked, unstored, storeFailed }: SyncFacts): boolean {
  return unacked > 0 && (storeFailed || unstored > 0)
}

export function syncText(status: SyncStatus): string {
  switch (status.kind) {
    case 'synced':
      return 'Synced ✓'
    case 'syncing':
      return `Syncing… (${status.count})`
    case 'connecting':
      return 'Connecting…'
    case 'offline-saved':
      return status.count > 0 ? 'Offline, changes saved locally' : 'Offline'
    case 'not-saved':
      return 'Not saved'
  }
}
