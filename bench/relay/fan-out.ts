/** How long an edit takes from its writer to each of its readers. */
import { BareClient } from './bare-client.ts'
import { marksIn, sleep, typing, within } from './marked-edits.ts'
import type { ServerProcess } from './server-process.ts'

const betweenMs = 10
const warmUp = 30

/** Milliseconds of every delivery after the warm-up. */
export async function fanOutMs(
  server: ServerProcess,
  document: string,
  readers: number,
  edits: number,
): Promise<number[]> {
  const updates = typing(warmUp + edits)
  const sent: number[] = []
  const times: number[] = []
  let arrived = 0
  const onUpdate = (update: Uint8Array) => {
    const now = performance.now()
    for (const n of marksIn(update)) {
      arrived++
      if (n >= warmUp) times.push(now - sent[n]!)
    }
  }
  const writer = await BareClient.open(server.dial(document), () => undefined)
  const audience = await Promise.all(
    Array.from({ length: readers }, () => BareClient.open(server.dial(document), onUpdate)),
  )
  for (const update of updates) {
    sent.push(performance.now())
    writer.send(update)
    await sleep(betweenMs)
  }
  const whole = await within(10_000, () => arrived >= updates.length * readers)
  await Promise.all([writer, ...audience].map(client => client.close()))
  if (!whole) throw new Error(`${server.name}: ${arrived} of ${updates.length * readers} deliveries arrived`)
  return times
}
