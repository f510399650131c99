/** Updates delivered a second when two people type in each of many documents as fast as the relay takes it. */
import { BareClient } from './bare-client.ts'
import { marksIn, sleep, typing } from './marked-edits.ts'
import type { ServerProcess } from './server-process.ts'

const documents = 50
/** Edits of one writer that the other has not seen yet. */
const ahead = 32
const warmUpMs = 500
// More than a writer can send in the time; one pair of histories serves every document.
const histories = [typing(6_000), typing(6_000)] as const

export async function deliveredPerSecond(server: ServerProcess, name: string, ms: number): Promise<number> {
  let delivered = 0
  const pairs = await Promise.all(
    Array.from({ length: documents }, (_, i) => openPair(server, `${name}-${i}`, count => (delivered += count))),
  )
  for (const { begin } of pairs) begin()
  await sleep(warmUpMs)
  const [before, started] = [delivered, performance.now()]
  await sleep(ms)
  const rate = ((delivered - before) / (performance.now() - started)) * 1000
  await Promise.all(pairs.map(({ close }) => close()))
  return rate
}

interface Pair {
  begin: () => void
  close: () => Promise<void>
}

/** Each of the two sends the next edit when one of its edits has reached the other. */
async function openPair(server: ServerProcess, document: string, count: (marks: number) => void): Promise<Pair> {
  const sent = [0, 0]
  const clients: BareClient[] = []
  const send = (writer: 0 | 1) => {
    const update = histories[writer][sent[writer]!++]
    if (update) clients[writer]!.send(update)
  }
  const arrives = (writer: 0 | 1) => (update: Uint8Array) => {
    const marks = marksIn(update).length
    count(marks)
    for (let i = 0; i < marks; i++) send(writer)
  }
  clients.push(await BareClient.open(server.dial(document), arrives(1)))
  clients.push(await BareClient.open(server.dial(document), arrives(0)))
  return {
    begin: () => {
      for (let i = 0; i < ahead; i++) {
        send(0)
        send(1)
      }
    },
    close: async () => {
      await Promise.all(clients.map(client => client.close()))
    },
  }
}
