/** Moves that were asked for in this page, until they have ended (SW4). */

import { isErrorCode } from '@meshbook/core/errors.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import { hasMoveEnded } from '@meshbook/core/session-words.ts'
import { signal } from '@preact/signals'
import { ApiError, asApiError } from '../api/api-error.ts'
import { loadedWordsOf } from '../api/error-texts.ts'
import { movesApi } from './moves-api.ts'

const everyMs = 1_000

/** By the id of the session that is moved. */
export const followed = signal<ReadonlyMap<string, Move>>(new Map())

function remember(move: Move): void {
  const next = new Map(followed.peek())
  if (hasMoveEnded(move)) next.delete(move.session)
  else next.set(move.session, move)
  followed.value = next
}

export interface FollowPorts {
  move(id: string): Promise<Move>
  pause(ms: number): Promise<unknown>
}
const ports: FollowPorts = {
  move: movesApi.move,
  pause: ms => new Promise(resolve => setTimeout(resolve, ms)),
}

/** Resolves when it is done; undefined when it was cancelled; throws what it failed with. A hub that is away is waited for. */
export async function followMove(begun: Move, { move: ask, pause }: FollowPorts = ports): Promise<Move | undefined> {
  let move = begun
  try {
    for (remember(move); !hasMoveEnded(move); remember(move)) {
      await pause(everyMs)
      move = await ask(move.id).catch(unlessAway(move))
    }
  } catch (thrown) {
    remember({ ...move, state: 'failed' })
    throw thrown
  }
  if (move.state === 'failed') throw await failureOf(move)
  return move.state === 'done' ? move : undefined
}

const unlessAway = (last: Move) => (thrown: unknown) => {
  const { code } = asApiError(thrown)
  if (code === 'UNREACHABLE' || code === 'TIMEOUT') return last
  throw thrown
}

/** The hub sends a code of the catalogue, and words of its own. */
async function failureOf({ code, detail }: Move): Promise<ApiError> {
  const known = isErrorCode(code) ? code : 'INTERNAL'
  const { message, hint } = await loadedWordsOf(known)
  return new ApiError(known, detail === null ? undefined : `${detail.replace(/[.\s]+$/, '')}.`, hint, message)
}
