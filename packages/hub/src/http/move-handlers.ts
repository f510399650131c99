/** Moves of sessions. Who may run in a project may move its sessions; a saved state and a move are found by their session. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type OrgId, parseId, type SessionId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type {
  forkSchema,
  Move,
  migrateSchema,
  restoreSnapshotSchema,
  SessionPolicy,
  saveSessionSchema,
} from '@meshbook/core/moves-api.ts'
import type { Right } from '@meshbook/core/roles.ts'
import type { InferOutput } from 'valibot'
import type { Mover, Wish } from '../moves/moves.ts'
import type { Parts } from '../parts.ts'
import type { MoveRow } from '../store/move-rows.ts'
import { shownMove } from '../store/move-rows.ts'
import { json, param, placeOf, type UserAsk } from './route.ts'

const moverOf = (ask: UserAsk<unknown>): Mover => ({
  name: ask.who.name,
  asker: { org: ask.who.org, user: ask.who.user },
  source: ask,
})

async function begin(parts: Parts, ask: UserAsk<unknown>, wish: Wish): Promise<Response> {
  const session = parseId('session', param(ask, 'id'))
  return json(await parts.moves.begin(placeOf(ask).org, session, moverOf(ask), wish), 201)
}

export function migrateSession(parts: Parts, ask: UserAsk<InferOutput<typeof migrateSchema>>): Promise<Response> {
  return begin(parts, ask, { kind: 'migrate', to: ask.body.to })
}

export function forkSession(parts: Parts, ask: UserAsk<InferOutput<typeof forkSchema>>): Promise<Response> {
  return begin(parts, ask, { kind: 'fork', to: ask.body.to, name: ask.body.name })
}

export function saveSession(parts: Parts, ask: UserAsk<InferOutput<typeof saveSessionSchema>>): Promise<Response> {
  return begin(parts, ask, { kind: 'save', name: ask.body.name })
}

export async function restoreSnapshot(
  parts: Parts,
  ask: UserAsk<InferOutput<typeof restoreSnapshotSchema>>,
): Promise<Response> {
  const id = parseId('snapshot', param(ask, 'id'))
  const record = await parts.store.query('findRecord', { id })
  if (!record) throw new MeshError('NOT_FOUND', { detail: `snapshot ${id}` })
  const org = await sessionPlace(parts, ask, record.session, 'run', `snapshot ${id}`)
  const wish: Wish = { kind: 'restore', snapshot: id, to: ask.body.to, name: ask.body.as }
  return json(await parts.moves.begin(org, record.session, moverOf(ask), wish), 201)
}

/** What the caller may not know of is not there (ME3). */
async function sessionPlace(
  { access }: Parts,
  ask: UserAsk<unknown>,
  session: SessionId,
  right: Right,
  what: string,
): Promise<OrgId> {
  const place = await access.find(ask.who, { kind: 'session', id: session })
  if (!place) throw new MeshError('NOT_FOUND', { detail: what })
  if (!place.rights.has(right)) throw new MeshError('FORBIDDEN', { detail: 'you may not do this here' })
  return place.org
}

async function moveOf(parts: Parts, ask: UserAsk<unknown>, right: Right): Promise<MoveRow> {
  const id = parseId('move', param(ask, 'id'))
  const move = await parts.store.query('findAsk', { ask: id })
  if (!move) throw new MeshError('NOT_FOUND', { detail: `move ${id}` })
  await sessionPlace(parts, ask, move.session, right, `move ${id}`)
  return move
}

export async function getMove(parts: Parts, ask: UserAsk<undefined>): Promise<Move> {
  return shownMove(await moveOf(parts, ask, 'read'))
}

export async function cancelMove(parts: Parts, ask: UserAsk<undefined>): Promise<Move> {
  const { org, id } = await moveOf(parts, ask, 'run')
  return parts.moves.cancel(org, id, ask.who.name)
}

/** One's own and those of shared projects, or those of one project or session. */
export async function listMoves({ store, access }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const [project, session] = [query.get('project'), query.get('session')]
  const rows = limits.pageRows
  if (session !== null) {
    const id = parseId('session', session)
    const { org } = await access.demand(who, { kind: 'session', id }, 'read')
    return { items: await store.query('listMoves', { org, session: id, rows }) }
  }
  if (project !== null) {
    const id = parseId('project', project)
    const { org } = await access.demand(who, { kind: 'project', id }, 'read')
    return { items: await store.query('listMoves', { org, project: id, rows }) }
  }
  const homes = [{ org: who.org }, ...(await access.memberships(who))] as { org: OrgId; project?: string }[]
  const lists = await Promise.all(
    homes.map(home => store.query('listMoves', { org: home.org, project: home.project, rows })),
  )
  const items = lists.flat().sort((a, b) => b.askedAt - a.askedAt)
  return { items: items.slice(0, rows) }
}

export async function setSessionPolicy({ audit, sessionsChanged }: Parts, ask: UserAsk<SessionPolicy>): Promise<void> {
  const session = parseId('session', param(ask, 'id'))
  const { org } = placeOf(ask)
  const note = audit.note('session-set', ask, { org, target: session, detail: { policy: ask.body } })
  await audit.call('setSessionPolicy', { org, session, policy: ask.body }, note)
  sessionsChanged(org)
}
