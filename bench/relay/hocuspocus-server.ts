/**
 * The process of the peer Hocuspocus with its defaults: `<package folder> <file>`. Its SQLite extension is its database
 * extension with this table and these two statements; here they run in Node's own SQLite, which needs no compiler.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

interface Hocuspocus {
  Server: new (configuration: object) => { listen(): Promise<unknown>; address: { port: number } }
}
interface Stored {
  documentName: string
  state: Uint8Array
}
interface Storage {
  Database: new (configuration: {
    fetch(about: Pick<Stored, 'documentName'>): Promise<Uint8Array | null>
    store(stored: Stored): Promise<void>
  }) => object
}

const [folder = '', file = ''] = process.argv.slice(2)
const load = createRequire(join(folder, 'package.json'))
const { Server } = load('@hocuspocus/server') as Hocuspocus
const { Database } = load('@hocuspocus/extension-database') as Storage
const database = new DatabaseSync(file)
database.exec('CREATE TABLE IF NOT EXISTS documents (name varchar(255) NOT NULL, data blob NOT NULL, UNIQUE(name))')
const select = database.prepare('SELECT data FROM documents WHERE name = ? ORDER BY rowid DESC')
const upsert = database.prepare(
  'INSERT INTO documents (name, data) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET data = excluded.data',
)
const storage = new Database({
  fetch: async ({ documentName }) => (select.get(documentName)?.data as Uint8Array | undefined) ?? null,
  store: async ({ documentName, state }) => void upsert.run(documentName, state),
})
const server = new Server({ port: 0, address: '127.0.0.1', quiet: true, extensions: [storage] })
await server.listen()
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address.port}` })}\n`)
