/** Moves of sessions: who may run in a project may move its sessions. */
import { MeshError } from '@meshbook/core/errors.ts'
import { type OrgId, parseId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type {
  forkSchema,
  Move,
  migrateSchema,
  restoreSnapshotSchema,
  SessionPolicy,
  saveSessionSchema,
} from '@meshbook/core/moves-api.ts'
import type { InferOutput } from 'valibot'
import type { Mover, Wish } from '../moves/moves.ts'
import type { Parts } from '../parts.ts'
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
  const wish: Wish = { kind: 'restore', snapshot: id, to: ask.body.to, name: ask.body.as }
  return json(await parts.moves.begin(placeOf(ask).org, record.session, moverOf(ask), wish), 201)
}

export async function getMove({ store }: Parts, ask: UserAsk<undefined>): Promise<Move> {
  const id = parseId('move', param(ask, 'id'))
  const move = await store.query('findMove', { org: placeOf(ask).org, id })
  if (!move) throw new MeshError('NOT_FOUND', { detail: `move ${id}` })
  return move
}

export function cancelMove({ moves }: Parts, ask: UserAsk<undefined>): Promise<Move> {
  return moves.cancel(placeOf(ask).org, parseId('move', param(ask, 'id')), ask.who.name)
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
