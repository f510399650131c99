import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import { newId, parseEpoch, systemRandom } from '@meshbook/core/ids.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'
import { Documents } from './documents.ts'
import { EpochMoves } from './epoch-moves.ts'
import { Problems } from './problems.ts'
import { openDeviceDatabase } from './store/device-store.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'
import { until } from './testing/until.ts'
import type { Uplink } from './uplink.ts'

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

test('DV61 a text of the hub that the disk refused is stored later, also when the hub is out of reach', async t => {
  const store = await openDeviceDatabase(join(await temporaryFolder(), 'device.db'), () => undefined)
  t.after(() => store.close())
  const after = (ms: number, task: () => void) => systemAfter(ms / 50, task)
  const relay = new Relay({ store: new SqliteDocumentStore(store), now: Date.now, random: systemRandom, after })
  const moves = new EpochMoves({ relay, org, store })
  const epoch = parseEpoch(1)
  let atHub: typeof epoch | undefined = epoch
  const uplink: Uplink = {
    open: (_project, _id, events) => events.synced(),
    close: () => undefined,
    settledAt: () => atHub,
  }
  const noted: string[] = []
  const noteHubText = moves.noteHubText.bind(moves)
  moves.noteHubText = async (...asked) => {
    noted.push(asked[2])
    if (noted.length > 1) return noteHubText(...asked)
    atHub = undefined
    throw new MeshError('STORAGE_FAILED')
  }
  const problems = new Problems()
  const ports = { relay, org, uplink, problems, moves, opened: () => undefined, closed: () => undefined }
  const peer = new Documents(ports).open(project, newId('document', 2, systemRandom))
  await peer.ready
  peer.doc.getText(sharedNames.content).insert(0, 'at the hub\n')
  await until('the failure', () => problems.all().length === 1)
  peer.doc.getText(sharedNames.content).insert(0, 'not at the hub\n')
  await until('the next try', () => problems.all().length === 0)
  assert.deepEqual(noted, ['at the hub\n', 'at the hub\n'])
  await peer.close()
})
