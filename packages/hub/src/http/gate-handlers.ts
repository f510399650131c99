/** Gates: decisions that runs wait for. */
import { type Gate, type GateAnswer, gateStates } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId, parseRunId } from '@meshbook/core/ids.ts'
import { cursorOf, pageOf, rowsOf } from '@meshbook/relay/serve/page.ts'
import type { Parts } from '../parts.ts'
import { param, placeOf, type UserAsk } from './route.ts'

export async function listGates({ store }: Parts, { who, query }: UserAsk<undefined>): Promise<object> {
  const run = query.get('run')
  const wanted = query.get('state')
  const state = gateStates.find(name => name === wanted)
  if (wanted !== null && state === undefined)
    throw new MeshError('BAD_REQUEST', { detail: `state: expected one of ${gateStates.join(', ')}` })
  const { items, next } = await store.query('listGates', {
    asker: { org: who.org, user: who.user },
    run: run === null ? undefined : parseRunId(run),
    state,
    before: cursorOf(query),
    rows: rowsOf(query),
  })
  return pageOf(
    items.map(({ shown: _, ...gate }) => gate),
    next,
  )
}

export async function getGate({ store }: Parts, ask: UserAsk<undefined>): Promise<Gate> {
  const id = parseId('gate', param(ask, 'id'))
  const gate = await store.query('findGate', { org: placeOf(ask).org, id })
  if (!gate) throw new MeshError('NOT_FOUND', { detail: `gate ${id}` })
  return gate
}

export async function decideGate({ gates }: Parts, ask: UserAsk<GateAnswer>): Promise<Gate> {
  return gates.decide(placeOf(ask).org, parseId('gate', param(ask, 'id')), ask.body, ask.who.name)
}
