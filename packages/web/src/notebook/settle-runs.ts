/** What this page knows of devices and runs, for the runs of an open notebook that nobody else would settle. */
import { api } from '../api/client.ts'
import { devices, rememberRun, runs } from '../state/mesh.ts'
import type { NotebookModel } from './notebook-model.ts'
import { settleUnplaced } from './settle-unplaced.ts'

/** Returns what ends it. */
export const settleRuns = ({ executions, store }: NotebookModel): (() => void) =>
  settleUnplaced(executions, {
    runs,
    devices,
    // Without the hub nothing more is known of it than before.
    ask: run => void api.run(run).then(rememberRun, () => undefined),
    client: store.doc.clientID,
  })
