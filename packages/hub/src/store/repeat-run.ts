/** A run once more, because somebody asked for it: never by itself (RU21, S16). */
import type { Run } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, RunId, SessionId } from '@meshbook/core/ids.ts'
import { runtimeFor } from '@meshbook/core/languages.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { Tx } from '@meshbook/relay/sql/tx.ts'
import type { Asker } from './places.ts'
import { createRun } from './run-queue.ts'
import { runRow } from './run-rows.ts'

export interface Repeated {
  run: Run
  created: boolean
  /** It may still be at the old run, and is to stop (RU24). */
  stop: DeviceId | null
}

export interface RepeatOf {
  org: OrgId
  of: RunId
  id: RunId
  chosenDevice: DeviceId | null
  /** Whatever becomes of it, it is not repeated by itself (RU71). */
  once?: boolean
  networks: readonly string[]
  newSession: SessionId
  requestedBy: string
  /** Whose run it is; null where that is not known. */
  asker: Asker | null
  /** `credentialKey` of what it was asked for with. */
  from: string | null
  now: number
  expiresAt: number
}

export async function repeatRun(tx: Tx, a: RepeatOf): Promise<Repeated> {
  const old = await runRow(tx, a.org, a.of)
  if (!old) throw new MeshError('NOT_FOUND', { detail: `run ${a.of}` })
  if (!hasEnded(old.state.status)) throw new MeshError('CONFLICT', { detail: `run ${a.of} has not ended` })
  const { document, language, sessionName, code, codeHash, cell, demands } = old
  const { networks: _, ...kept } = demands
  const made = await createRun(tx, {
    org: a.org,
    id: a.id,
    document,
    language,
    runtime: runtimeFor(language),
    sessionName,
    newSession: a.newSession,
    code,
    codeHash,
    cell,
    chosenDevice: a.chosenDevice ?? old.chosenDevice,
    demands: {
      ...kept,
      ...(a.networks.length > 0 && { networks: a.networks }),
      ...(a.once && { onLoss: 'interrupt' as const }),
    },
    requestedBy: a.requestedBy,
    asker: a.asker,
    from: a.from,
    now: a.now,
    expiresAt: a.expiresAt,
    againOf: a.of,
  })
  return { ...made, stop: old.state.status === 'interrupted' ? old.device : null }
}
