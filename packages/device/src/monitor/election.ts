/** Which of several monitors runs a request (HM20 to HM22): claim, wait for what is on its way, look who is first. */
import { setTimeout as sleep } from 'node:timers/promises'
import { asMeshError } from '@meshbook/core/errors.ts'
import type { Now, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { goesOn } from './claims.ts'
import { EntryView } from './execution-entry.ts'
import type { ServerDocument } from './server-document.ts'

/** When it was claimed, if this monitor goes on; else it has withdrawn. */
export async function stand(
  run: RunId,
  document: ServerDocument,
  ports: { now: Now; limits: Limits; signal: AbortSignal },
): Promise<number | undefined> {
  const { connection, claims, client } = document
  if (connection === undefined) return undefined
  const at = ports.now()
  claims.make(run, at)
  const isFirst = () => goesOn(claims.of(run), client, other => document.isPresent(other))
  const isHeld = () => document.connection === connection
  const isOpen = () => new EntryView(document.peer.doc, run).get('status') === 'requested'
  const isMine = async () => {
    if (!(await settled(document, ports, ports.limits.claimSettleMs)) || !isHeld() || !isOpen() || !isFirst())
      return false
    // Said before it is done: of two who go at once the server lets at least one see the other before it is answered.
    claims.ran(run, at, ports.now())
    if (!(await settled(document, ports, 0)) || !isHeld() || !isOpen()) return false
    return !claims.of(run).some(it => it.ranAt !== undefined && it.client !== client && document.isPresent(it.client))
  }
  if (await isMine()) return at
  claims.withdraw(run)
  return undefined
}

/** False when the connection did not hold, or somebody wants it to end. */
async function settled(
  document: ServerDocument,
  { signal }: { signal: AbortSignal },
  waitMs: number,
): Promise<boolean> {
  try {
    await document.roundTrip()
    if (waitMs > 0) await sleep(waitMs, undefined, { signal })
    return true
  } catch (thrown) {
    if (signal.aborted || asMeshError(thrown).code === 'UNREACHABLE') return false
    throw thrown
  }
}
