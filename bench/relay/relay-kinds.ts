/** The three relays of the comparison: how each is started and what its clients say first. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import { peerFolder } from './peer-package.ts'
import type { RelayKind } from './server-process.ts'

const nothing = new Uint8Array()
const token = 'mb_bench-relay-token'
const meshbook = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const quiet = '--disable-warning=ExperimentalWarning'
const urlIn = (line: string): string | undefined => (JSON.parse(line) as { url?: string }).url

export async function relayKinds(folder: string): Promise<RelayKind[]> {
  return [ours(folder), await hocuspocus(folder), await yWebsocket(folder)]
}

function ours(folder: string): RelayKind {
  const headers = { authorization: `Bearer ${token}` }
  return {
    name: 'meshbook',
    launch: async () => ({
      // As the launcher of the command line has it.
      args: [
        '--max-semi-space-size=16',
        quiet,
        meshbook,
        'hub',
        '--port',
        '0',
        '--json',
        '--data',
        join(folder, 'meshbook'),
      ],
      env: { MESHBOOK_BOOTSTRAP_TOKEN: token },
      ready: urlIn,
    }),
    prepare: async url => {
      const response = await fetch(`${url}/api/v1/projects`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'bench' }),
      })
      if (!response.ok) throw new Error(`making the project: ${response.status} ${await response.text()}`)
    },
    dial: (url, document) => ({ url: `${socketUrl(url)}/sync/me/bench/${document}.md`, headers, prefix: nothing }),
  }
}

async function hocuspocus(folder: string): Promise<RelayKind> {
  const packages = await peerFolder({
    name: 'hocuspocus',
    version: '4.7.0',
    packages: ['@hocuspocus/server@4.7.0', '@hocuspocus/extension-database@4.7.0'],
  })
  return {
    name: 'Hocuspocus 4.7 + SQLite',
    launch: async () => ({
      args: [quiet, join(import.meta.dirname, 'hocuspocus-server.ts'), packages, join(folder, 'hocuspocus.sqlite')],
      env: {},
      ready: urlIn,
    }),
    // A token message (type 2, kind 0) with an empty token: without a hook that checks it everyone is let in.
    dial: (url, document) => ({
      url: socketUrl(url),
      headers: {},
      prefix: Buffer.concat([Uint8Array.of(document.length), Buffer.from(document)]),
      hello: Uint8Array.of(2, 0, 0),
    }),
  }
}

async function yWebsocket(folder: string): Promise<RelayKind> {
  const packages = await peerFolder({ name: 'y-websocket', version: '2.1.0', packages: ['y-websocket@2.1.0'] })
  return {
    name: 'y-websocket 2.1 + LevelDB',
    launch: async () => {
      const port = await freePort()
      return {
        args: [join(packages, 'node_modules/y-websocket/bin/server.cjs')],
        env: { HOST: '127.0.0.1', PORT: `${port}`, YPERSISTENCE: join(folder, 'y-websocket') },
        ready: line => (line.startsWith('running') ? `http://127.0.0.1:${port}` : undefined),
      }
    },
    dial: (url, document) => ({ url: `${socketUrl(url)}/${document}`, headers: {}, prefix: nothing }),
  }
}

const socketUrl = (url: string): string => url.replace(/^http/, 'ws')

/** For a server that cannot say which port it was given. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
