/** The runs of a session that a saved state does not have, asked of the hub when somebody looks at them. */
import type { Run } from '@meshbook/core/api.ts'
import type { AsOf } from '@meshbook/core/snapshot.ts'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { type RunInfo, runs } from '../state/mesh.ts'
import { missingRuns } from './missing-cells.ts'
import { movesApi } from './moves-api.ts'

export type MissingRun = RunInfo & { code?: string | undefined }

/** Of more than these the code is not asked for. */
export const namedCells = 6

/** Undefined until the hub has answered; what events said of a run is newer than the answer. */
export function useMissing(session: string, asOf: AsOf | null, until?: number): MissingRun[] | undefined {
  const [known, setKnown] = useState<readonly Run[]>()
  const [codes, setCodes] = useState<ReadonlyMap<string, string>>(new Map())
  useEffect(() => {
    let dropped = false
    // Without the hub the number stays, and the names are not known.
    movesApi.runsOf(session).then(
      list => dropped || setKnown(list),
      () => undefined,
    )
    return () => {
      dropped = true
    }
  }, [session, asOf?.at])
  const missing = known && asOf ? missingRuns(together(known, session), asOf, until) : undefined
  const unnamed = (missing ?? [])
    .slice(0, namedCells)
    .map(({ id }) => id)
    .filter(id => !codes.has(id))
  useEffect(() => {
    // A list of runs has no code; one that cannot be had goes by its document.
    for (const id of unnamed)
      void api.run(id).then(
        ({ code = '' }) => setCodes(now => new Map(now).set(id, code)),
        () => undefined,
      )
  }, [unnamed.join()])
  return missing?.map(run => ({ ...run, code: codes.get(run.id) }))
}

function together(known: readonly Run[], session: string): RunInfo[] {
  const byId = new Map<string, RunInfo>(known.map(run => [run.id, run]))
  for (const run of runs.value.values()) if (run.session === session) byId.set(run.id, run)
  return [...byId.values()]
}
