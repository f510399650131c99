/** The routes of moves: sessions that are saved, copied, moved and brought back, and what holds for them when devices are lost. */
import { listOf } from '@meshbook/core/api.ts'
import {
  forkSchema,
  migrateSchema,
  moveSchema,
  restoreSnapshotSchema,
  saveSessionSchema,
  sessionPolicySchema,
} from '@meshbook/core/moves-api.ts'
import type { Parts } from '../parts.ts'
import {
  cancelMove,
  forkSession,
  getMove,
  listMoves,
  migrateSession,
  restoreSnapshot,
  saveSession,
  setSessionPolicy,
} from './move-handlers.ts'
import { type Route, userRoute } from './route.ts'

export function moveRoutes(parts: Parts): Route[] {
  const [sessions, moves] = ['/api/v1/sessions', '/api/v1/moves']
  return [
    userRoute({
      method: 'PATCH',
      path: `${sessions}/:id`,
      about: { the: 'session', named: 'id' },
      scope: 'run',
      summary: 'What holds for the session, where no notebook says otherwise, when its device is silent or lost',
      body: sessionPolicySchema,
      handle: ask => setSessionPolicy(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${sessions}/:id/migrate`,
      about: { the: 'session', named: 'id' },
      scope: 'run',
      rate: 'heavy',
      summary: 'Move a live session with its variables to another device',
      body: migrateSchema,
      answer: moveSchema,
      status: 201,
      handle: ask => migrateSession(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${sessions}/:id/fork`,
      about: { the: 'session', named: 'id' },
      scope: 'run',
      rate: 'heavy',
      summary: 'Copy the live state as a session of its own',
      body: forkSchema,
      answer: moveSchema,
      status: 201,
      handle: ask => forkSession(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: `${sessions}/:id/snapshots`,
      about: { the: 'session', named: 'id' },
      scope: 'run',
      rate: 'heavy',
      summary: 'Save the session now, and keep that state under a name',
      body: saveSessionSchema,
      answer: moveSchema,
      status: 201,
      handle: ask => saveSession(parts, ask),
    }),
    userRoute({
      method: 'POST',
      path: '/api/v1/snapshots/:id/restore',
      about: { the: 'snapshot', named: 'id' },
      scope: 'run',
      rate: 'heavy',
      summary: 'Bring a saved state back into its session, whose present state is kept, or as a session of its own',
      body: restoreSnapshotSchema,
      answer: moveSchema,
      status: 201,
      handle: ask => restoreSnapshot(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: moves,
      about: 'shared',
      scope: 'read',
      summary: 'Moves of sessions, newest first',
      query: { project: 'id', session: 'id' },
      answer: listOf(moveSchema),
      handle: ask => listMoves(parts, ask),
    }),
    userRoute({
      method: 'GET',
      path: `${moves}/:id`,
      about: { the: 'move', named: 'id' },
      scope: 'read',
      summary: 'A move, as it stands',
      answer: moveSchema,
      handle: ask => getMove(parts, ask),
    }),
    userRoute({
      method: 'DELETE',
      path: `${moves}/:id`,
      about: { the: 'move', named: 'id' },
      scope: 'run',
      summary: 'Cancel a move, while nothing has moved',
      answer: moveSchema,
      handle: ask => cancelMove(parts, ask),
    }),
  ]
}
