/** What is done about where a notebook runs, by name: for the bar, the pill below an output, and the palette. */

import { hasEnded } from '@meshbook/core/run.ts'
import { api } from '../api/client.ts'
import { runs } from '../state/mesh.ts'
import { notify, report } from '../state/toasts.ts'
import type { NotebookModel } from './notebook-model.ts'

/** Writes the device into the notebook, or takes it out, for everybody who opens it (W52). */
export async function keepInNotebook(notebook: NotebookModel, device: string | undefined): Promise<void> {
  try {
    const [{ parseDocument }, { setRunsOn }] = await Promise.all([
      import('virtual:full-yaml'),
      import('./runs-on-edit.ts'),
    ])
    notebook.store.write(setRunsOn(notebook.store.page.text, device, parseDocument), 'step')
    notebook.runner.on.value = undefined
    notify(
      device === undefined ? 'The notebook names no device any more' : `The notebook runs on ${device}`,
      device === undefined ? 'The router chooses.' : 'It stands in its front matter as runs-on.',
    )
  } catch (thrown) {
    report(thrown, 'The front matter was not changed')
  }
}

export function fork(notebook: NotebookModel): void {
  notebook.runner.fork()
  notify('A session of your own', 'It begins with no variables. Other devices go on in the shared one.')
}

export function backToShared(notebook: NotebookModel): void {
  notebook.runner.session.value = undefined
  notify('Back in the shared session', 'Your own one stays as it is.')
}

/** Gives the run of a cell that waits or was refused to a device: it is dropped, and asked for again there (W55). */
export async function runElsewhere(
  notebook: NotebookModel,
  key: string,
  run: string | undefined,
  device: string | undefined,
): Promise<void> {
  notebook.runner.on.value = device
  const known = run === undefined ? undefined : runs.value.get(run)
  try {
    if (known && !hasEnded(known.status)) await api.cancelRun(known.id, 'given to another device')
    await notebook.runner.run(key)
  } catch (thrown) {
    report(thrown, 'The run was not given to another device')
  }
}
