/** Stopping one run of a notebook, whatever page shows it. */
import { api } from '../api/client.ts'
import type { NotebookModel } from './notebook-model.ts'

/** A run that has begun is interrupted, so that its program may clean up; one that waits is cancelled. */
export async function stopRun(notebook: NotebookModel, run: string): Promise<void> {
  const entry = notebook.executions.read(run)
  const session = entry?.status === 'running' ? notebook.sessionOf(entry.language) : undefined
  if (session) await api.interrupt(session.id)
  else await api.cancelRun(run, 'cancelled in the notebook')
}
