/** Shows a session that is being saved, moved or restored while that goes on: its phase, bytes and seconds on a terminal, an object per state with --json. */
import { listOf } from '@meshbook/core/api.ts'
import { isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type SessionInfo, sessionInfoSchema } from '@meshbook/core/messages.ts'
import { type Move, moveSchema } from '@meshbook/core/moves-api.ts'
import { hasMoveEnded, moveWords, movingWords } from '@meshbook/core/session-words.ts'
import type { ApiClient } from './api-client.ts'
import { printJson, progress } from './print.ts'

const everyMs = 500

export interface FollowMovePorts {
  now(): number
  pause(ms: number): Promise<unknown>
}
const ports: FollowMovePorts = {
  now: () => performance.now(),
  pause: ms => new Promise(resolve => setTimeout(resolve, ms)),
}

/** Resolves when it is done; throws what it failed with. Ctrl+C cancels it, while nothing has moved. */
export async function followMove(
  client: ApiClient,
  begun: Move,
  json: boolean,
  { now, pause }: FollowMovePorts = ports,
): Promise<Move> {
  const line = progress()
  const cancel = () => void client.send('DELETE', `/moves/${begun.id}`).catch(() => undefined)
  process.on('SIGINT', cancel)
  const from = now()
  let move = begun
  let told: string | undefined
  try {
    for (;;) {
      if (json && told !== move.state) printJson(move)
      told = move.state
      if (hasMoveEnded(move)) return ended(move)
      if (now() - from > limits.moveMs) throw new MeshError('TIMEOUT', { detail: `move ${move.id}` })
      await pause(everyMs)
      move = await client.get(`/moves/${move.id}`, moveSchema)
      const seconds = Math.floor((now() - from) / 1000)
      if (!json && !hasMoveEnded(move)) line.show(`${(await words(client, move)) ?? moveWords(move)} · ${seconds} s`)
    }
  } finally {
    process.off('SIGINT', cancel)
    line.clear()
  }
}

/** Of a move nothing more is known than how its session says that it goes on. */
async function words(client: ApiClient, move: Move): Promise<string | undefined> {
  if (!process.stderr.isTTY) return undefined
  const { items } = await client.get('/sessions', listOf(sessionInfoSchema))
  const its = (session: SessionInfo) => session.moving && (session.id === move.makes || session.id === move.session)
  const moving = items.filter(its).map(({ moving }) => moving!)
  const found = moving.find(one => one.move === move.id) ?? moving[0]
  return found && movingWords(found)
}

function ended(move: Move): Move {
  if (move.state === 'done') return move
  if (move.state === 'cancelled')
    throw new MeshError('INTERRUPTED', { detail: 'the session is where it was, as it was' })
  const detail = move.detail ?? undefined
  throw new MeshError(isErrorCode(move.code) ? move.code : 'INTERNAL', detail === undefined ? {} : { detail })
}
