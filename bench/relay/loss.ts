/** Updates that another client had seen and that are gone after kill -9 of the server under load. */
import { BareClient } from './bare-client.ts'
import { marksIn, sleep, textName, typing, within } from './marked-edits.ts'
import type { ServerProcess } from './server-process.ts'

export interface Loss {
  seen: number
  gone: number
}

export interface Load {
  documents: number
  /** Edits of each document in every 10 ms. */
  burst: number
  ms: number
}

interface Busy {
  document: string
  writer: BareClient
  reader: BareClient
  seen: Set<number>
}

const tickMs = 10

export async function lossAfterKill(server: ServerProcess, name: string, load: Load): Promise<Loss> {
  const busy = await Promise.all(Array.from({ length: load.documents }, (_, i) => openBusy(server, `${name}-${i}`)))
  await writeAndKill(server, busy, load)
  await within(3_000, () => busy.every(({ reader }) => !reader.connected))
  await Promise.all(busy.flatMap(({ writer, reader }) => [writer.close(), reader.close()]))
  await server.start()
  const gone = await Promise.all(busy.map(each => goneOf(server, each)))
  return {
    seen: busy.reduce((sum, { seen }) => sum + seen.size, 0),
    gone: gone.reduce((sum, count) => sum + count, 0),
  }
}

async function openBusy(server: ServerProcess, document: string): Promise<Busy> {
  const seen = new Set<number>()
  const writer = await BareClient.open(server.dial(document), () => undefined)
  const reader = await BareClient.open(server.dial(document), update => {
    for (const n of marksIn(update)) seen.add(n)
  })
  return { document, writer, reader, seen }
}

/** Sends at an even rate, and kills in the middle of it: the writers do not stop first. */
async function writeAndKill(server: ServerProcess, busy: Busy[], { burst, ms }: Load): Promise<void> {
  const updates = typing((ms / tickMs + 100) * burst)
  const started = performance.now()
  let [next, killed] = [0, undefined as Promise<void> | undefined]
  while (busy.some(({ writer }) => writer.connected) && next < updates.length) {
    const due = Math.floor((performance.now() - started) / tickMs) * burst
    for (; next < Math.min(due, updates.length); next++) for (const { writer } of busy) writer.send(updates[next]!)
    if (performance.now() - started >= ms) killed ??= server.stop('SIGKILL')
    await sleep(1)
  }
  await (killed ?? server.stop('SIGKILL'))
}

/** Reads back with a new client; a server that announces a document before it has loaded it is given time. */
async function goneOf(server: ServerProcess, { document, seen }: Busy): Promise<number> {
  const client = await BareClient.reading(server.dial(document))
  const missing = (): number => {
    const kept = new Set(marksIn(client.doc.getText(textName).toString()))
    return [...seen].filter(n => !kept.has(n)).length
  }
  await within(1_000, () => missing() === 0)
  await client.close()
  return missing()
}
