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
  const isSettled = await settled(document, ports)
  const isHeld = isSettled && document.connection === connection
  const isOpen = new EntryView(document.peer.doc, run).get('status') === 'requested'
  if (isHeld && isOpen && goesOn(claims.of(run), client, other => document.isPresent(other))) return at
  claims.withdraw(run)
  return undefined
}

/** False when the connection did not hold, or somebody wants it to end. */
async function settled(
  document: ServerDocument,
  { limits, signal }: { limits: Limits; signal: AbortSignal },
): Promise<boolean> {
  try {
    await document.roundTrip()
    await sleep(limits.claimSettleMs, undefined, { signal })
    return true
  } catch (thrown) {
    if (signal.aborted || asMeshError(thrown).code === 'UNREACHABLE') return false
    throw thrown
  }
}
