/** The heavy work on updates, as pure jobs that run on either side of a thread. Only compaction builds a Y.Doc. */
import * as Y from 'yjs'
import { encodeFacts } from './facts-index.ts'
import { inspectUpdate, readFacts, type UpdateFacts, type Verdict } from './update-facts.ts'

export interface Jobs {
  /** May the update be taken by a document that has these clocks? */
  inspect: { args: { update: Uint8Array; known: ReadonlyMap<number, number> }; result: Verdict }
  /** One update that says the same as the pieces, in the form that a client reads fastest. */
  compact: { args: { pieces: readonly Uint8Array[]; chunkUpdates: number }; result: Compacted }
  /** What the pieces have beyond a state vector. */
  diff: { args: { pieces: readonly Uint8Array[]; chunkUpdates: number; stateVector: Uint8Array }; result: Uint8Array }
  facts: { args: { pieces: readonly Uint8Array[] }; result: UpdateFacts[] }
}
/** `facts` as `encodeFacts` says them. */
export interface Compacted {
  data: Uint8Array
  facts: Uint8Array
}
export type JobName = keyof Jobs

export const emptyUpdate: Uint8Array = new Uint8Array([0, 0])

export const jobs: { [N in JobName]: (args: Jobs[N]['args']) => Jobs[N]['result'] } = {
  inspect: ({ update, known }) => inspectUpdate(update, known),
  compact: ({ pieces, chunkUpdates }) => {
    const data = compactPieces(pieces, chunkUpdates)
    return { data, facts: encodeFacts(readFacts(data)) }
  },
  diff: ({ pieces, chunkUpdates, stateVector }) => {
    const whole = mergeInChunks(pieces, chunkUpdates)
    return isEmptyStateVector(stateVector) ? whole : Y.diffUpdate(whole, stateVector)
  },
  facts: ({ pieces }) => pieces.map(readFacts),
}

/** Merging is quadratic in the number of updates; in chunks of chunks it is not. */
export function mergeInChunks(pieces: readonly Uint8Array[], chunkUpdates: number): Uint8Array {
  let level = pieces
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let i = 0; i < level.length; i += chunkUpdates) next.push(Y.mergeUpdates(level.slice(i, i + chunkUpdates)))
    level = next
  }
  return level[0] ?? emptyUpdate
}

/** Of somebody who has nothing: the whole is the difference. */
export function isEmptyStateVector(stateVector: Uint8Array): boolean {
  return stateVector.byteLength === 1 && stateVector[0] === 0
}

/**
 * Merging keeps every keystroke as it was sent; a document joins what belongs together, splits what was written into,
 * and forgets what deleted text said. A client takes a third of the time to read that. What a document cannot take whole
 * (it rests on something missing) stays merged.
 */
function compactPieces(pieces: readonly Uint8Array[], chunkUpdates: number): Uint8Array {
  const [first = emptyUpdate, ...rest] = pieces
  const doc = new Y.Doc()
  try {
    Y.applyUpdate(doc, first)
    Y.applyUpdate(doc, mergeInChunks(rest, chunkUpdates))
    const { pendingStructs, pendingDs } = doc.store
    return pendingStructs || pendingDs ? mergeInChunks(pieces, chunkUpdates) : Y.encodeStateAsUpdate(doc)
  } finally {
    doc.destroy()
  }
}

export function bytesOfJob(args: Jobs[JobName]['args']): number {
  return 'update' in args ? args.update.byteLength : args.pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
}
