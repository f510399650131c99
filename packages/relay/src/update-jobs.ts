/** The heavy work on updates, as pure jobs that run on either side of a thread. No Y.Doc is built. */
import * as Y from 'yjs'
import { inspectUpdate, readFacts, type UpdateFacts, type Verdict } from './update-facts.ts'

export interface Jobs {
  /** May the update be taken by a document that has these clocks? */
  inspect: { args: { update: Uint8Array; known: ReadonlyMap<number, number> }; result: Verdict }
  /** One update that says the same as the pieces. */
  merge: { args: { pieces: readonly Uint8Array[]; chunkUpdates: number }; result: Uint8Array }
  /** What the pieces have beyond a state vector. */
  diff: { args: { pieces: readonly Uint8Array[]; chunkUpdates: number; stateVector: Uint8Array }; result: Uint8Array }
  facts: { args: { pieces: readonly Uint8Array[] }; result: UpdateFacts[] }
}
export type JobName = keyof Jobs

export const emptyUpdate: Uint8Array = new Uint8Array([0, 0])

export const jobs: { [N in JobName]: (args: Jobs[N]['args']) => Jobs[N]['result'] } = {
  inspect: ({ update, known }) => inspectUpdate(update, known),
  merge: ({ pieces, chunkUpdates }) => mergeInChunks(pieces, chunkUpdates),
  diff: ({ pieces, chunkUpdates, stateVector }) => Y.diffUpdate(mergeInChunks(pieces, chunkUpdates), stateVector),
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

export function bytesOfJob(args: Jobs[JobName]['args']): number {
  return 'update' in args ? args.update.byteLength : args.pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
}
