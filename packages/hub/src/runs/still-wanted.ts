/** Whether a run that had to wait is still what its notebook says (RU31). */
import { asMeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import type { RunRow } from '../store/run-rows.ts'

type Waiting = Pick<RunRow, 'cell' | 'requestedAt' | 'askedAt' | 'confirmedAt'>

/** A run that comes at once is not looked at: the text may reach the hub after the request. */
export function isWorthALook({ cell, requestedAt, askedAt, confirmedAt }: Waiting, now: number): boolean {
  if (cell === null || confirmedAt !== null) return false
  return now - Math.min(requestedAt, askedAt ?? requestedAt) > limits.runFreshMs
}

/** A notebook that is gone has no cells. */
export async function isInNotebook(read: () => Promise<string>, code: string): Promise<boolean> {
  try {
    const { blocks } = parseNotebook(await read())
    return blocks.some(block => block.kind === 'cell' && block.code === code)
  } catch (thrown) {
    if (asMeshError(thrown).code === 'NOT_FOUND') return false
    throw thrown
  }
}
