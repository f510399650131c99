/**
 * Memory of a whole server that knows many documents and holds many sockets on which nothing happens: it is filled,
 * started afresh, and its sockets opened.
 */
import * as Y from 'yjs'
import { BareClient } from './bare-client.ts'
import { sleep } from './marked-edits.ts'
import { rssKiB, untilQuiet } from './process-figures.ts'
import type { ServerProcess } from './server-process.ts'

export interface IdleScale {
  connections: number
  documents: number
}

export interface IdleFigures {
  /** Freshly started, before anybody connects. */
  emptyMiB: number
  fullMiB: number
}

const atOnce = 40
const restMs = 3_000

export async function idleScale(server: ServerProcess, scale: IdleScale): Promise<IdleFigures> {
  await inParallel(scale.documents, i => fill(server, nameOf(i)))
  await untilQuiet(server.pid, 60_000)
  await server.stop('SIGTERM')
  await server.start()
  await untilQuiet(server.pid, restMs)
  const emptyMiB = rssKiB(server.pid) / 1024
  const open: BareClient[] = []
  try {
    await inParallel(scale.connections, async i => {
      open.push(await BareClient.open(server.dial(nameOf(i)), () => undefined))
    })
    await sleep(restMs)
    await untilQuiet(server.pid, restMs)
    return { emptyMiB, fullMiB: rssKiB(server.pid) / 1024 }
  } finally {
    await Promise.all(open.map(client => client.close()))
  }
}

const nameOf = (i: number): string => `known-${i}`

async function fill(server: ServerProcess, name: string): Promise<void> {
  const client = await BareClient.open(server.dial(name), () => undefined)
  client.doc.getText('content').insert(0, 'two kilobytes of text. '.repeat(90))
  client.send(Y.encodeStateAsUpdate(client.doc))
  // The answer to a second question comes after the edit was taken.
  await client.synced()
  await client.close()
}

async function inParallel(count: number, step: (i: number) => Promise<void>): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) await step(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}
