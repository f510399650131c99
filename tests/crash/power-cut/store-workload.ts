/**
 * Run as a program under a tracer: a relay over the shipped SQLite store in a folder, edited by peers of this process.
 * What it was told to be durable it writes down, line by line, in a file outside the folder, so that the tracer sees the
 * order of disk and promise.
 *
 *     node store-workload.ts FOLDER PROMISES SEED EDITS [MODULE]
 *
 * MODULE is loaded in the writer's thread before the database is opened.
 */
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type LocalPeer, openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import type { DocumentKey } from '@meshbook/relay/store/document-store.ts'
import { documentModule, SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { counterModule } from '@meshbook/relay/testing/counter-procedures.ts'
import { chanceOf } from '../../soak/random.ts'
import type { Promised } from './promises.ts'

const documents = 4
const [folder = '', promises = '', seed = '1', edits = '100', planted] = process.argv.slice(2)
const log = openSync(promises, 'a')
const tell = (promised: Promised): void => void writeSync(log, `${JSON.stringify(promised)}\n`)
let nextMark = 0

async function work(modules: URL[], share: number): Promise<void> {
  const database = await SqliteDatabase.open<DocumentProcedures>({
    file: join(folder, 'documents.sqlite'),
    modules: [...(planted ? [pathToFileURL(planted)] : []), ...modules],
  })
  const relay = new Relay({
    store: new SqliteDocumentStore(database),
    now: Date.now,
    random: systemRandom,
    limits: { ...limits, compactAfterUpdates: 25, compactChunkUpdates: 10, roomIdleMs: 20 },
  })
  const typing = keys.map((key, i) => type(relay, key, i, Math.ceil((Number(edits) * share) / documents)))
  await Promise.all(typing)
  await relay.close()
  await database.close()
}

const keys: DocumentKey[] = Array.from({ length: documents }, () => ({
  org: newId('org', Date.now(), systemRandom),
  document: newId('document', Date.now(), systemRandom),
}))

async function type(relay: Relay, key: DocumentKey, document: number, count: number): Promise<void> {
  const chance = chanceOf(Number(seed) * documents + document)
  let peer = openLocalPeer(relay, key, { name: 'typist' })
  await peer.ready
  for (let i = 0; i < count; i++) {
    if (chance.next() < 0.015) peer = await removed(relay, key, peer, document)
    else await insert(peer, document, chance.next() < 0.1 ? chance.between(1_000, 9_000) : chance.between(0, 60))
  }
  peer.close()
}

async function insert(peer: LocalPeer, document: number, filler: number): Promise<void> {
  const mark = nextMark++
  tell({ type: 'insert', at: document, mark })
  peer.doc.getArray('marks').push([mark])
  peer.doc.getMap('filler').set('last', 'x'.repeat(filler))
  await peer.durable()
  tell({ type: 'inserted', at: document, mark })
}

async function removed(relay: Relay, key: DocumentKey, peer: LocalPeer, document: number): Promise<LocalPeer> {
  tell({ type: 'remove', at: document })
  peer.close()
  await relay.remove(key)
  tell({ type: 'removed', at: document })
  const next = openLocalPeer(relay, key, { name: 'typist' })
  await next.ready
  return next
}

for (const [at, key] of keys.entries()) tell({ type: 'key', at, ...key })
await work([documentModule], 0.5)
// The next version of the program: more tables, brought up to date at its start.
tell({ type: 'migrate' })
await work([documentModule, counterModule], 0.5)
tell({ type: 'end' })
