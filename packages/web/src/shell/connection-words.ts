/** What is announced of the connection to those who hear the page: changes that matter, once each (W65). Pure. */
import type { SyncKind } from '../sync/sync-status.ts'

export type HubWord = 'connecting' | 'open' | 'down'

export function hubAnnouncement(before: HubWord, now: HubWord): string {
  if (before === now) return ''
  if (now === 'down') return 'The hub cannot be reached. You can go on working.'
  return now === 'open' && before === 'down' ? 'Connected to the hub again.' : ''
}

type Standing = 'fine' | 'offline' | 'not-saved'
const standings: Record<SyncKind, Standing | undefined> = {
  synced: 'fine',
  offline: 'offline',
  'offline-saved': 'offline',
  'not-saved': 'not-saved',
  // On the way to one of the others: not worth a word.
  syncing: undefined,
  connecting: undefined,
  saving: undefined,
}

/** Follows one document; `before` is what was returned last. */
export function syncAnnouncement(
  before: Standing | undefined,
  kind: SyncKind,
  text: string,
): { standing: Standing | undefined; say: string } {
  const standing = standings[kind]
  if (standing === undefined || standing === before) return { standing: before, say: '' }
  if (standing !== 'fine') return { standing, say: text }
  return { standing, say: before === undefined ? '' : 'Synced: every change is on the hub.' }
}
