/** A worker that finds: the page ends it when it takes too long. */
import { type FindAnswer, type FindQuery, findIn } from './find-text.ts'

export interface FindQuestion {
  pieces: readonly string[]
  query: FindQuery
  most: number
  replacement?: string
}
export type FindReply = FindAnswer | { problem: string }

addEventListener('message', ({ data }: MessageEvent<FindQuestion>) => {
  const { pieces, query, most, replacement } = data
  postMessage(answer(() => findIn(pieces, query, most, replacement)))
})

function answer(find: () => FindAnswer): FindReply {
  try {
    return find()
  } catch (thrown) {
    return { problem: thrown instanceof Error ? thrown.message : String(thrown) }
  }
}
