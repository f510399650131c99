/** A document without its outputs; everything else stays as it is. */
import { parseNotebook } from '../notebook/cells.ts'
import { applyEdits } from '../notebook/edits.ts'

export function withoutOutputs(markdown: string): string {
  const cells = parseNotebook(markdown).blocks.filter(block => block.kind === 'cell' && block.output)
  const edits = cells.map(cell => {
    const { to, outputsTo } = cell as { to: number; outputsTo: number }
    return { at: to, remove: outputsTo - to, insert: '' }
  })
  return applyEdits(markdown, edits)
}
