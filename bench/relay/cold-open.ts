/** From dialling to the whole text in the client's document, for a long history, after a restart of the server. */
import { BareClient } from './bare-client.ts'
import { markOf, marksIn, textName, within } from './marked-edits.ts'
import { untilQuiet } from './process-figures.ts'
import type { ServerProcess } from './server-process.ts'

const ahead = 500
const openMs = 30_000

export interface ColdOpen {
  /** Milliseconds; the first is after the first restart. Null: not the whole text came back. */
  opens: (number | null)[]
  /** From the open socket to the last byte of the first answer. */
  answers: number[]
}

export async function coldOpen(
  server: ServerProcess,
  document: string,
  updates: readonly Uint8Array[],
  restarts: number,
): Promise<ColdOpen> {
  await fill(server, document, updates)
  const opens: (number | null)[] = []
  const answers: number[] = []
  for (let i = 0; i < restarts; i++) {
    await server.stop('SIGTERM')
    await server.start()
    const { wholeMs, answerMs } = await openOnce(server, document, updates.length * markOf(0).length)
    opens.push(wholeMs)
    answers.push(answerMs)
  }
  return { opens, answers }
}

/** Writes the history through the relay, at the speed at which another client sees it, and lets the server store it. */
async function fill(server: ServerProcess, document: string, updates: readonly Uint8Array[]): Promise<void> {
  let [sent, arrived] = [0, 0]
  const writer = await BareClient.open(server.dial(document), () => undefined)
  const send = () => {
    while (sent < updates.length && sent < arrived + ahead) writer.send(updates[sent++]!)
  }
  const reader = await BareClient.open(server.dial(document), update => {
    arrived += marksIn(update).length
    send()
  })
  send()
  const whole = await within(120_000, () => arrived >= updates.length)
  await untilQuiet(server.pid, 60_000)
  await Promise.all([writer.close(), reader.close()])
  if (!whole) throw new Error(`${server.name}: ${arrived} of ${updates.length} edits arrived`)
  await untilQuiet(server.pid, 10_000)
}

async function openOnce(
  server: ServerProcess,
  document: string,
  length: number,
): Promise<{ wholeMs: number | null; answerMs: number }> {
  const started = performance.now()
  const client = await BareClient.reading(server.dial(document))
  const whole = await within(openMs, () => client.doc.getText(textName).length >= length)
  const wholeMs = whole ? performance.now() - started : null
  const answerMs = client.answeredAt - client.openedAt
  await client.close()
  return { wholeMs, answerMs }
}
