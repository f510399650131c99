/** Sign-in, tokens, tickets and devices. */

import type {
  changeDeviceSchema,
  linkSchema,
  Me,
  newDeviceSchema,
  newTicketSchema,
  newTokenSchema,
} from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId } from '@meshbook/core/ids.ts'
import { isLoopbackName } from '@meshbook/relay/serve/loopback-name.ts'
import type { InferOutput } from 'valibot'
import type { Target } from '../auth/access.ts'
import { newTicket, newToken, signInByLink, signOut } from '../auth/sign-in.ts'
import { networkName } from '../devices/network-name.ts'
import { registerDevice } from '../devices/registration.ts'
import { revoke } from '../devices/revocation.ts'
import type { Parts } from '../parts.ts'
import { type Ask, knockOf, param, type UserAsk } from './route.ts'

export async function signIn(parts: Parts, ask: Ask<InferOutput<typeof linkSchema>>): Promise<Response> {
  const { cookie, ended } = await signInByLink(parts, knockOf(ask), ask.body.code)
  parts.accounts.closeSessions(ended)
  return new Response(null, { status: 204, headers: { 'set-cookie': cookie } })
}

export async function logOut(parts: Parts, ask: UserAsk<undefined>): Promise<Response> {
  const { who } = ask
  const cookie = await signOut(parts, ask)
  if (who.credential.kind === 'session') parts.doors.revoke(who.credential, new MeshError('UNAUTHENTICATED'))
  await parts.others?.haveClosed(who.org, [who.credential])
  return new Response(null, { status: 204, headers: { 'set-cookie': cookie } })
}

export function me({ config, url, version, fleet }: Parts, ask: UserAsk<undefined>): Me {
  const { who } = ask
  const device = isFromHere(ask)
    ? fleet.onlyOneFrom(who.org, who.user, networkName(who.org, ask.visit.address))
    : undefined
  return {
    user: who.name,
    org: who.org,
    hub: { name: new URL(config.publicUrl ?? url()).host, version, publicUrl: config.publicUrl ?? url() },
    ...(device && { device }),
  }
}

/** Only of its own machine does the hub know that a browser and a device are on the same one. */
function isFromHere({ visit, request }: UserAsk<undefined>): boolean {
  return visit.loopback && isLoopbackName(visit.address) && !request.headers.has('x-forwarded-for')
}

export async function makeToken(parts: Parts, ask: UserAsk<InferOutput<typeof newTokenSchema>>): Promise<object> {
  return newToken(parts, ask, ask.body.name, ask.body.scopes ?? ['read', 'write', 'run'])
}

export async function listTokens({ store }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return { items: await store.query('listTokens', { org: who.org, user: who.user }) }
}

export async function deleteToken({ audit, doors, others }: Parts, ask: UserAsk<undefined>): Promise<void> {
  const id = parseId('token', param(ask, 'id'))
  const note = audit.note('token-revoked', ask, { target: id })
  if (!(await audit.call('deleteToken', { org: ask.who.org, user: ask.who.user, id }, note)))
    throw new MeshError('NOT_FOUND', { detail: `token ${id}` })
  doors.revoke({ kind: 'token', id })
  await others?.haveClosed(ask.who.org, [{ kind: 'token', id }])
}

export async function makeTicket(parts: Parts, ask: UserAsk<InferOutput<typeof newTicketSchema>>): Promise<object> {
  const { who, body } = ask
  const document = 'document' in body ? body.document : null
  const target: Target =
    'document' in body ? { kind: 'document', id: body.document } : { kind: 'project', id: body.project }
  const { org, project } = await parts.access.demand(who, target, body.scope)
  if (project === null) throw new MeshError('NOT_FOUND', { detail: target.id })
  return newTicket(parts, ask, { owner: org, project, document, scope: body.scope })
}

/** One's own, and those of others on which one may run code (ME5). */
export async function listDevices({ fleet, access }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return { items: fleet.listFor(who.org, await access.memberships(who)) }
}

export async function addDevice(parts: Parts, ask: UserAsk<InferOutput<typeof newDeviceSchema>>): Promise<unknown> {
  const id = await registerDevice(parts, ask.who, ask.body, ask)
  return parts.fleet.list(ask.who.org).find(device => device.id === id)
}

export async function changeDevice(
  { store, audit, fleet }: Parts,
  ask: UserAsk<InferOutput<typeof changeDeviceSchema>>,
): Promise<void> {
  const id = parseId('device', param(ask, 'id'))
  const { org, user } = ask.who
  const { name, policy } = ask.body
  const action = policy === undefined ? 'device-renamed' : 'device-set'
  const note = audit.note(action, ask, { target: id, detail: { ...ask.body } })
  const known = await audit.call('setDevice', { org, user, id, name, policy }, note)
  const row = known ? await store.query('findDevice', { id }) : null
  if (!row) throw new MeshError('NOT_FOUND', { detail: `device ${id}` })
  fleet.add(row)
}

export async function revokeDevice(parts: Parts, ask: UserAsk<undefined>): Promise<void> {
  const id = parseId('device', param(ask, 'id'))
  if (!(await revoke(parts, ask, id))) throw new MeshError('NOT_FOUND', { detail: `device ${id}` })
}
