import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { Documents } from './documents.ts'
import { EpochMoves } from './epoch-moves.ts'
import { Problems } from './problems.ts'
import { openDeviceDatabase } from './store/device-store.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const [org, project] = [newId('org', 0, systemRandom), newId('project', 0, systemRandom)]

test('DV44 whoever follows a document that somebody has open already is told at once, and when it is let go', async t => {
  const store = await openDeviceDatabase(join(await temporaryFolder(), 'device.db'), () => undefined)
  t.after(() => store.close())
  const relay = new Relay({ store: new SqliteDocumentStore(store), now: Date.now, random: systemRandom })
  const documents = new Documents({
    relay,
    org,
    uplink: undefined,
    problems: new Problems(),
    moves: new EpochMoves({ relay, org, store }),
    opened: () => undefined,
    closed: () => undefined,
  })
  const document = newId('document', 0, systemRandom)
  const quiet = newId('document', 1, systemRandom)
  const told: string[] = []
  const [first, second] = [documents.open(project, document), documents.open(project, document)]
  documents.follow(project, document, () => told.push('open'))
  documents.follow(project, quiet, () => told.push('quiet'))
  assert.deepEqual(told, ['open'])
  await first.close()
  assert.deepEqual(told, ['open', 'open'])
  await second.close()
})
