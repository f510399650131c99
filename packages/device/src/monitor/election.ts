/** Which of several monitors runs a request (HM20 to HM22): claim, wait for what is on its way, look who is first. */
import { setTimeout as sleep } from 'node:timers/promises'
import { asMeshError } from '@meshbook/core/errors.ts'
import type { Now, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { goesOn, isTaken } from './claims.ts'
import { EntryView } from './execution-entry.ts'
import type { ServerDocument } from './server-document.ts'

export interface ElectionPorts {
  now: Now
  limits: Limits
  signal: AbortSignal
}

/** When it was claimed, if this monitor goes on; undefined if it does not. */
export type Election = (run: RunId, document: ServerDocument, ports: ElectionPorts) => Promise<number | undefined>

/**
 * Of two who go at once the server, which keeps order, lets at least one see the other before it is answered; who sees
 * another withdraws.
 */
export async function stand(
  run: RunId,
  document: ServerDocument,
  ports: { now: Now; limits: Limits; signal: AbortSignal },
): Promise<number | undefined> {
  const { connection, claims, client } = document
  if (connection === undefined) return undefined
  const at = ports.now()
  claims.make(run, at)
  const isPresent = (other: number) => document.isPresent(other)
  const isFirst = () => goesOn(claims.of(run), client, isPresent)
  const isOpen = () => new EntryView(document.peer.doc, run).get('status') === 'requested'
  const isFree = () => document.connection === connection && isOpen() && !isTaken(claims.of(run), client, isPresent)
  const isMine = async () => {
    if (!(await settled(document, ports, ports.limits.claimSettleMs)) || !isFree() || !isFirst()) return false
    claims.goes(run, at, ports.now())
    return (await settled(document, ports, 0)) && isFree()
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
