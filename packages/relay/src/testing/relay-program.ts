/**
 * Run as a program: a relay on the database file named by its argument, served over WebSockets, all sockets in one
 * document; prints its address. It compacts often, so that a kill also meets compactions.
 */
import { parseId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { Relay } from '../relay.ts'
import { SqliteDatabase } from '../sql/sqlite-database.ts'
import type { DocumentProcedures } from '../store/document-procedures.ts'
import { documentModule, SqliteDocumentStore } from '../store/sqlite-document-store.ts'
import { serveRelay } from './sync-server.ts'

const [file, org, document] = process.argv.slice(2)
const database = await SqliteDatabase.open<DocumentProcedures>({ file: file!, modules: [documentModule] })
const relay = new Relay({
  store: new SqliteDocumentStore(database),
  now: Date.now,
  random: systemRandom,
  limits: { ...limits, compactAfterUpdates: 40, compactChunkUpdates: 20 },
  onStorage: health => process.stdout.write(`${JSON.stringify(health)}\n`),
})
const key = { org: parseId('org', org), document: parseId('document', document) }
const server = await serveRelay(relay, () => key)
process.stdout.write(`${server.url}\n`)
