/** Whether code stands in a document as a cell at this moment (ME21): who may not write may run nothing else. */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import { canonicalLanguage } from '@meshbook/core/languages.ts'
import type { RunRequest } from '@meshbook/core/messages.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'

export function standsIn(text: string, { language, code }: Pick<RunRequest, 'language' | 'code'>): boolean {
  const wanted = hashOfCode(code)
  return parseNotebook(text).blocks.some(
    block =>
      block.kind === 'cell' &&
      canonicalLanguage(block.language) === canonicalLanguage(language) &&
      hashOfCode(block.code) === wanted,
  )
}

export function checkStands(text: string, request: Pick<RunRequest, 'language' | 'code'>): void {
  if (!standsIn(text, request))
    throw new MeshError('FORBIDDEN', { detail: 'you may run the cells of this document only as they stand in it now' })
}

function hashOfCode(code: string): string {
  return createHash('sha256').update(code).digest('hex')
}
