import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { sharedNames } from '@meshbook/core/executions.ts'
import { newId, parseEpoch, systemRandom } from '@meshbook/core/ids.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import * as Y from 'yjs'
import { commonBase, EpochMoves } from './epoch-moves.ts'
import { type DeviceDatabase, openDeviceDatabase } from './store/device-store.ts'
import type { Projection } from './store/projections.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const org = newId('org', 0, systemRandom)
const later = parseEpoch(1_700_000_000)
const contentOf = (doc: Y.Doc) => doc.getText(sharedNames.content)

/** A database whose process dies before or after its nth write: from then on nothing happens and nothing answers. */
function mortal(database: DeviceDatabase, writes: number, isLate: boolean): DeviceDatabase {
  let left = writes
  const call = async (...args: unknown[]): Promise<unknown> => {
    const isLast = --left === 0
    if (left < 0 || (isLast && !isLate)) return new Promise(() => undefined)
    const result: unknown = await (database.call as (...args: unknown[]) => Promise<unknown>).apply(database, args)
    return isLast ? new Promise(() => undefined) : result
  }
  return new Proxy(database, {
    get: (target, name: keyof DeviceDatabase) => {
      const value: unknown = name === 'call' ? call : target[name]
      return typeof value === 'function' && name !== 'call' ? value.bind(target) : value
    },
  })
}

async function open(t: TestContext, folder: string, writes = Number.POSITIVE_INFINITY, isLate = false) {
  const database = await openDeviceDatabase(join(folder, 'device.db'), () => undefined)
  const store = mortal(database, writes, isLate)
  const relay = new Relay({ store: new SqliteDocumentStore(store), now: Date.now, random: systemRandom })
  const moves = new EpochMoves({ relay, org, store })
  t.after(() => database.close())
  return { database, relay, moves }
}

const document = newId('document', 0, systemRandom)
const key = { org, document }

async function write(relay: Relay, change: (text: Y.Text) => void): Promise<string> {
  const peer = openLocalPeer(relay, key, { name: 'writer' })
  await peer.ready
  change(contentOf(peer.doc))
  await peer.durable()
  peer.close()
  return contentOf(peer.doc).toString()
}

/** What the hub has in its new epoch, as the stream brings it. */
function fromHub(text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = 77
  contentOf(doc).insert(0, text)
  return Y.encodeStateAsUpdate(doc)
}

async function receive(relay: Relay, update: Uint8Array): Promise<void> {
  const peer = openLocalPeer(relay, key, { name: 'hub' })
  await peer.ready
  Y.applyUpdate(peer.doc, update)
  await peer.durable()
  peer.close()
}

async function withUnsent(t: TestContext): Promise<string> {
  const folder = await temporaryFolder()
  const { database, relay, moves } = await open(t, folder)
  const text = await write(relay, content => content.insert(0, 'one\ntwo\nthree\n'))
  await moves.noteHubText(document, parseEpoch(1), text)
  await write(relay, content => {
    content.insert(content.length, 'unsent\n')
    content.delete(0, 4)
  })
  await relay.close()
  await database.close()
  return folder
}

test('DV62 a document of another epoch gets the unsent edits once, wherever the device is killed on the way', async t => {
  const hub = fromHub('one\ntwo, changed there\nthree\n')
  let kills = 0
  for (const isLate of [false, true])
    for (let writes = 1; writes < 9; writes++) {
      const folder = await withUnsent(t)
      const doomed = await open(t, folder, writes, isLate)
      const life = async () => {
        await doomed.moves.begin(document, later)
        await receive(doomed.relay, hub)
        await doomed.moves.finish(document)
        return 'lived'
      }
      const outcome = await Promise.race([life(), new Promise(resolve => setTimeout(resolve, 150, 'killed'))])
      if (outcome === 'killed') kills++
      await doomed.database.close()
      const { relay, moves, database } = await open(t, folder)
      await moves.begin(document, later)
      await receive(relay, hub)
      await moves.finish(document)
      assert.equal(await write(relay, () => undefined), 'two, changed there\nthree\nunsent\n', `${writes} ${isLate}`)
      assert.deepEqual(await moves.list(), [])
      await relay.close()
      await database.close()
    }
  assert.ok(kills >= 6, `${kills} kills`)
})

test('DV62 a document that is renewed again while edits are carried gets them once', async t => {
  const { relay, moves } = await open(t, await withUnsent(t))
  await moves.begin(document, later)
  await moves.begin(document, parseEpoch(later + 1))
  await receive(relay, fromHub('one\ntwo\nthree\nfour\n'))
  await moves.finish(document)
  assert.equal(await write(relay, () => undefined), 'two\nthree\nunsent\nfour\n')
  await moves.begin(document, parseEpoch(later + 2))
  await receive(relay, fromHub('one\ntwo\nthree\nfour\nfive\n'))
  await moves.finish(document)
  assert.equal(await write(relay, () => undefined), 'two\nthree\nunsent\nfour\nfive\n')
  await relay.close()
})

test('DV62 a text of which nothing is known to be at the hub is joined with that of the hub: no line is lost or doubled', async t => {
  const { relay, moves } = await open(t, await temporaryFolder())
  await write(relay, content => content.insert(0, 'a\nmine\nb\n'))
  await moves.begin(document, later)
  await receive(relay, fromHub('a\ntheirs\nb\n'))
  await moves.finish(document)
  const lines = (await write(relay, () => undefined)).split('\n').sort()
  assert.deepEqual(lines, ['', 'a', 'b', 'mine', 'theirs'])
  await relay.close()
})

test('DV63 what was read of a file before its document was renewed cannot be stored afterwards; a merge on its way is carried', async t => {
  const { database, relay, moves } = await open(t, await temporaryFolder())
  const text = await write(relay, content => content.insert(0, 'one\n'))
  await moves.noteHubText(document, parseEpoch(1), text)
  const doc = new Y.Doc()
  contentOf(doc).insert(0, 'from the file\n')
  const merge = Y.encodeStateAsUpdate(doc)
  const row: Projection = {
    document,
    project: newId('project', 0, systemRandom),
    path: 'a.md',
    client: 5,
    version: 1,
    before: null,
    base: { text: 'from the file\none\n', snapshot: new Uint8Array([0, 0]) },
    past: [],
    merge,
    inode: null,
    stamp: null,
    position: 1,
    gone: false,
  }
  await database.call('saveProjection', { org, projection: row })
  await moves.begin(document, later)
  await assert.rejects(
    database.call('saveProjection', { org, projection: row }),
    (error: unknown) => error instanceof MeshError && error.code === 'EPOCH',
  )
  const { base, client, merge: left } = await database.query('loadProjection', { org, document })
  assert.deepEqual([base, left], [{ text: 'from the file\none\n', snapshot: null }, null])
  assert.notEqual(client, 5)
  await receive(relay, fromHub('one\ntwo\n'))
  await moves.finish(document)
  const lines = (await write(relay, () => undefined)).split('\n').sort()
  assert.deepEqual(lines, ['', 'from the file', 'one', 'two'])
  await relay.close()
})

test('DV61 an edit that reached the hub without an answer is not made twice', () => {
  assert.equal(commonBase('a\n', 'a\nb\n', 'a\nb\n'), 'a\nb\n')
  assert.equal(commonBase('a\n', 'a\n1\n2\n3\n', 'a\n1\n2\n'), 'a\n1\n2\n')
  assert.equal(commonBase('a\n', 'a\nmine\n', 'theirs\na\n'), 'a\n')
})
