/** Of an open document what is kept for reading: its text, and what is known of the runs whose output stands in it. */
import { type ExecutionEntry, sharedNames } from '@meshbook/core/executions.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import type * as Y from 'yjs'
import { entryOf } from '../../notebook/execution-store.ts'
import type { KeptText } from './kept-text.ts'

export function keptOf(doc: Y.Doc): KeptText {
  const text = doc.getText(sharedNames.content).toString()
  const known = doc.getMap(sharedNames.executions)
  const entries: Record<string, ExecutionEntry> = {}
  for (const block of parseNotebook(text).blocks) {
    const entry = block.kind === 'output' ? entryOf(block.runId, known.get(block.runId)) : undefined
    if (entry) entries[entry.id] = entry
  }
  return { text, entries }
}
