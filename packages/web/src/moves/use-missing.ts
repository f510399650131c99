/** The runs of a session, asked of the hub when somebody looks at what is missing. */
import type { Run } from '@meshbook/core/api.ts'
import type { AsOf } from '@meshbook/core/snapshot.ts'
import { useEffect, useState } from 'preact/hooks'
import { type RunInfo, runs } from '../state/mesh.ts'
import { missingRuns } from './missing-cells.ts'
import { movesApi } from './moves-api.ts'

export type MissingRun = RunInfo & { code?: string | undefined }

/** Undefined until the hub has answered; what events said of a run is newer than the answer. */
export function useMissing(session: string, asOf: AsOf | null, until?: number): MissingRun[] | undefined {
  const [known, setKnown] = useState<Run[]>()
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
  if (!known || !asOf) return undefined
  const byId = new Map<string, MissingRun>(known.map(run => [run.id, run]))
  for (const run of runs.value.values()) if (run.session === session) byId.set(run.id, { ...byId.get(run.id), ...run })
  return missingRuns([...byId.values()], asOf, until)
}
