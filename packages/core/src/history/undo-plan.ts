/**
 * What undo and redo of one user mean, across devices, from the list of versions alone. Pure; `versions` always newest
 * first, as many as are known.
 */
import type { Version } from '../api.ts'

export type UndoStep = Pick<Version, 'version' | 'kind' | 'of' | 'added' | 'removed' | 'unattributed'> & {
  authors: readonly { user: string }[]
}

/** The version whose change is to be taken back next, or why there is none. */
export type UndoTarget = { version: number } | { refused: string }

const nothing = { refused: 'nothing of yours is left to undo; older versions can be restored from the history' }
const shared = {
  refused: 'the newest change of yours was made together with others’; restore a version from the history instead',
}

export function nextUndo(versions: readonly UndoStep[], user: string): UndoTarget {
  const redone = new Set<number>()
  const undone = new Set<number>()
  for (const [i, step] of versions.entries()) {
    if (step.kind === 'redo' && step.of !== null) redone.add(step.of)
    else if (step.kind === 'undo' && step.of !== null) {
      if (!redone.has(step.version)) undone.add(step.of)
    } else if (isChangeOf(step, user) && !undone.has(step.version)) return undoable(step, versions[i + 1], user)
  }
  return nothing
}

/** The undo that is to be taken back next. */
export function nextRedo(versions: readonly UndoStep[], user: string): UndoTarget {
  const redone = new Set<number>()
  for (const [i, step] of versions.entries()) {
    if (step.kind === 'redo' && step.of !== null) redone.add(step.of)
    else if (step.kind === 'undo') {
      if (!redone.has(step.version) && isOf(step, user)) return undoable(step, versions[i + 1], user)
    } else if (isChangeOf(step, user)) break
  }
  return { refused: 'nothing that you undid is left to redo' }
}

function undoable(step: UndoStep, before: UndoStep | undefined, user: string): UndoTarget {
  if (before?.version !== step.version - 1) return nothing
  if (step.unattributed || step.authors.some(author => author.user !== user)) return shared
  return { version: step.version }
}

function isChangeOf(step: UndoStep, user: string): boolean {
  return isOf(step, user) && step.added + step.removed > 0
}

function isOf(step: UndoStep, user: string): boolean {
  return step.authors.some(author => author.user === user)
}
