/** Whether a queued run may be sent without a look into its document (PH25): what the worker knows of it. */
import { codeHash } from '@meshbook/core/notebook/cell-hash.ts'
import type { DocumentDatabase } from '../../sync/link-ports.ts'
import { hasEdits, type QueuedRun, type Standing } from '../offline/queued-run.ts'

/** The hub has all that was edited before, and its text is that of the press. Everything else is the app's to judge. */
export async function unchanged(
  documents: Pick<DocumentDatabase, 'heads'>,
  textAtHub: (document: string) => Promise<string | undefined>,
  run: QueuedRun,
): Promise<Standing> {
  const head = (await documents.heads()).get(run.document)
  if (!head || !hasEdits(head, run.after)) return { is: 'unknown' }
  const text = await textAtHub(run.document)
  return text !== undefined && (await codeHash(text)) === run.textHash ? { is: 'same' } : { is: 'unknown' }
}
