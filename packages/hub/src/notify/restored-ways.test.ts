import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { isKept } from '../store/backup-tables.ts'
import { hubModule } from '../store/hub-store.ts'
import type { HubProcedures } from '../store/procedures.ts'
import { atEnd } from '../testing/at-end.ts'
import { temporaryFolder } from '../testing/test-hub.ts'

const now = 1_800_000_000_000
const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, now, systemRandom)

test('NT10 NT23 a backup carries the key, ways and settings; after a restore browsers are to sign in first, the rest goes on', async t => {
  const kept = ['push_keys', 'ways', 'notify_settings', 'notices', 'deliveries'].map(isKept)
  assert.deepEqual(kept, [true, true, true, false, false])
  const file = join(await temporaryFolder(t), 'hub.db')
  const store = await SqliteDatabase.open<HubProcedures>({ file, modules: [hubModule] })
  atEnd(t, () => store.close())
  const owner = { org: id('org'), user: id('user') }
  await store.call('firstUser', { ...owner, name: 'me', now, token: null })
  const keys = { publicKey: 'public', privateKey: 'private' }
  assert.deepEqual(await store.call('pushKeys', { made: keys, now }), keys)
  const secrets = { p256dh: null, auth: null, topic: null, secret: null, sealed: null }
  const none = { ...secrets, inside: false, shown: null, mark: null, replaces: null, name: 'W', now }
  const way = { ...owner, ...none, credential: 'session:s' }
  await store.call('addWay', { ...way, id: id('way'), kind: 'push', url: 'https://p.example/', p256dh: 'k', auth: 'a' })
  await store.call('addWay', { ...way, id: id('way'), kind: 'ntfy', url: 'https://n.example/', topic: 't' })
  const about = { user: null, name: null, credential: null, target: null, detail: {}, address: null, request: null }
  await store.call('settleRestore', {
    now,
    note: { org: null, id: id('audit'), at: now, action: 'backup-restored', ...about },
  })
  assert.deepEqual(
    (await store.query('listWays', owner)).map(({ kind }) => kind),
    ['ntfy'],
  )
  assert.deepEqual(await store.call('pushKeys', { made: { publicKey: 'x', privateKey: 'y' }, now }), keys)
})
