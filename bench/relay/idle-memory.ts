/** What a document of 2 KB with a socket that says nothing costs the server's memory. */

import * as Y from 'yjs'
import { BareClient } from './bare-client.ts'
import { sleep } from './marked-edits.ts'
import { rssKiB, untilQuiet } from './process-figures.ts'
import type { ServerProcess } from './server-process.ts'

/** With those of the warm-up below what Meshbook lets one user hold open. */
const documents = 180
const warmUp = 15

/** KiB for each document, from a freshly started process. */
export async function idleKiB(server: ServerProcess, name: string, restMs: number): Promise<number> {
  await server.stop('SIGTERM')
  await server.start()
  const open: BareClient[] = []
  try {
    await openMany(server, `${name}-warm`, warmUp, open)
    await rest(server, restMs)
    const before = rssKiB(server.pid)
    await openMany(server, `${name}-idle`, documents, open)
    await rest(server, restMs)
    return (rssKiB(server.pid) - before) / documents
  } finally {
    await Promise.all(open.map(client => client.close()))
  }
}

async function openMany(server: ServerProcess, name: string, count: number, open: BareClient[]): Promise<void> {
  for (let i = 0; i < count; i++) {
    const client = await BareClient.open(server.dial(`${name}-${i}`), () => undefined)
    open.push(client)
    client.doc.getText('content').insert(0, 'two kilobytes of text. '.repeat(90))
    client.send(Y.encodeStateAsUpdate(client.doc))
  }
}

async function rest(server: ServerProcess, ms: number): Promise<void> {
  await sleep(ms)
  await untilQuiet(server.pid, ms)
}
