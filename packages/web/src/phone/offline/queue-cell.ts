/** Run was pressed at a cell: everything that is to be known of it later, as it is now (PH21). */
import { pathOfId } from '@meshbook/core/executions.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { codeHash } from '@meshbook/core/notebook/cell-hash.ts'
import { demandsOf } from '@meshbook/core/notebook/demands.ts'
import * as Y from 'yjs'
import { ApiError } from '../../api/api-error.ts'
import type { NotebookModel } from '../../notebook/notebook-model.ts'
import { deviceById } from '../../state/known.ts'
import { queueRun } from './browser-outbox.ts'
import type { QueuedRun } from './queued-run.ts'

const clock = Date.now
const notStored = new ApiError(
  'STORAGE_FAILED',
  'This browser stores nothing for Meshbook.',
  'Allow this site to store data, make room, or leave the private window.',
  'Nothing can be queued here',
)

/** Undefined where there is nothing to run. */
export async function queueCell(notebook: NotebookModel, key: string): Promise<QueuedRun | undefined> {
  const item = notebook.store.find(key)
  if (item?.kind !== 'cell' || item.cell.code.trim() === '') return undefined
  const { code, language, from } = item.cell
  const { store, link, document, project } = notebook
  const anchor = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(store.text, from))
  const [demands, text, now] = [demandsIn(notebook, language), store.text.toString(), clock()]
  const after = await link.stored()
  if (!after) throw notStored
  return await queueRun({
    id: newId('run', now, systemRandom),
    document: document.id,
    project: document.project,
    address: `${project.owner}/${project.name}/${pathOfId(document.id)}`,
    path: document.path,
    ...{ language, code, anchor, demands, after },
    ...onNameOf(demands.on),
    codeHash: await codeHash(code),
    textHash: await codeHash(text),
    askedAt: now,
    expiresAt: now + limits.runWaitMs,
  })
}

function demandsIn({ runner, store }: NotebookModel, language: string): QueuedRun['demands'] {
  const { frontMatter } = store.page.notebook
  const session = runner.session.value ?? frontMatter?.session
  const on = runner.on.value
  return {
    ...demandsOf(frontMatter, language),
    ...(session !== undefined && { session }),
    ...(on !== undefined && { on: on as NonNullable<QueuedRun['demands']['on']> }),
  }
}

function onNameOf(on: string | undefined): { onName?: string } {
  const name = on === undefined ? undefined : deviceById.value.get(on)?.name
  return name === undefined ? {} : { onName: name }
}
