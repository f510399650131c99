import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SyncKind } from '../sync/sync-status.ts'
import { hubAnnouncement, syncAnnouncement } from './connection-words.ts'

test('W65 losing the hub and having it back is said once each, the first connection is not', () => {
  assert.equal(hubAnnouncement('connecting', 'open'), '')
  assert.match(hubAnnouncement('open', 'down'), /cannot be reached/)
  assert.match(hubAnnouncement('connecting', 'down'), /cannot be reached/)
  assert.equal(hubAnnouncement('down', 'down'), '')
  assert.match(hubAnnouncement('down', 'open'), /again/)
})

test('W65 of a document that is typed in nothing is said until it is offline, not saved, or synced again', () => {
  const said: string[] = []
  let standing: ReturnType<typeof syncAnnouncement>['standing']
  const kinds: SyncKind[] = ['connecting', 'synced', 'syncing', 'synced', 'syncing', 'offline-saved', 'saving']
  for (const kind of [...kinds, 'offline-saved', 'not-saved', 'syncing', 'synced'] as SyncKind[]) {
    const next = syncAnnouncement(standing, kind, kind)
    standing = next.standing
    if (next.say) said.push(next.say)
  }
  assert.deepEqual(said, ['offline-saved', 'not-saved', 'Synced: every change is on the hub.'])
})
