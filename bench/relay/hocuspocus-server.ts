/** The process of the peer Hocuspocus with its SQLite extension and otherwise its defaults: `<package folder> <file>`. */
import { createRequire } from 'node:module'
import { join } from 'node:path'

interface Hocuspocus {
  Server: new (configuration: object) => { listen(): Promise<unknown>; address: { port: number } }
}
interface Storage {
  SQLite: new (configuration: { database: string }) => object
}

const [folder = '', database = ''] = process.argv.slice(2)
const load = createRequire(join(folder, 'package.json'))
const { Server } = load('@hocuspocus/server') as Hocuspocus
const { SQLite } = load('@hocuspocus/extension-sqlite') as Storage
const server = new Server({ port: 0, address: '127.0.0.1', quiet: true, extensions: [new SQLite({ database })] })
await server.listen()
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address.port}` })}\n`)
