/** Sign-in, tokens, tickets and devices. */

import type {
  linkSchema,
  Me,
  newDeviceSchema,
  newTicketSchema,
  newTokenSchema,
  renameDeviceSchema,
} from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId } from '@meshbook/core/ids.ts'
import type { InferOutput } from 'valibot'
import { newTicket, newToken, signInByLink, signOut } from '../auth/sign-in.ts'
import { registerDevice } from '../devices/registration.ts'
import { revoke } from '../devices/revocation.ts'
import type { Parts } from '../parts.ts'
import { type Ask, param, type UserAsk } from './route.ts'

export async function signIn(parts: Parts, ask: Ask<InferOutput<typeof linkSchema>>): Promise<Response> {
  const cookie = await signInByLink(parts, ask.visit, ask.body.code)
  return new Response(null, { status: 204, headers: { 'set-cookie': cookie } })
}

export async function logOut(parts: Parts, { visit, who }: UserAsk<undefined>): Promise<Response> {
  const cookie = await signOut(parts, visit, who)
  if (who.credential.kind === 'session') parts.doors.revoke(who.credential, new MeshError('UNAUTHENTICATED'))
  return new Response(null, { status: 204, headers: { 'set-cookie': cookie } })
}

export function me({ config, url, version }: Parts, { who }: UserAsk<undefined>): Me {
  return {
    user: who.name,
    org: who.org,
    hub: { name: new URL(config.publicUrl ?? url()).host, version, publicUrl: config.publicUrl ?? url() },
  }
}

export async function makeToken(
  parts: Parts,
  { who, body }: UserAsk<InferOutput<typeof newTokenSchema>>,
): Promise<object> {
  return newToken(parts, who, body.name, body.scopes ?? ['read', 'write', 'run'])
}

export async function listTokens({ store }: Parts, { who }: UserAsk<undefined>): Promise<object> {
  return { items: await store.query('listTokens', { org: who.org, user: who.user }) }
}

export async function deleteToken({ store, doors }: Parts, ask: UserAsk<undefined>): Promise<void> {
  const id = parseId('token', param(ask, 'id'))
  if (!(await store.call('deleteToken', { org: ask.who.org, user: ask.who.user, id })))
    throw new MeshError('NOT_FOUND', { detail: `token ${id}` })
  doors.revoke({ kind: 'token', id })
}

export async function makeTicket(
  parts: Parts,
  { who, body }: UserAsk<InferOutput<typeof newTicketSchema>>,
): Promise<object> {
  const about =
    'document' in body
      ? await parts.documents.placeOf(who.org, body.document)
      : { project: (await parts.documents.project(who.org, body.project)).id, document: null }
  return newTicket(parts, who, { ...about, scope: body.scope })
}

export function listDevices({ fleet }: Parts, { who }: UserAsk<undefined>): object {
  return { items: fleet.list(who.org) }
}

export async function addDevice(
  parts: Parts,
  { who, body }: UserAsk<InferOutput<typeof newDeviceSchema>>,
): Promise<unknown> {
  const id = await registerDevice(parts, who, body)
  return parts.fleet.list(who.org).find(device => device.id === id)
}

export async function renameDevice(
  { store, fleet }: Parts,
  ask: UserAsk<InferOutput<typeof renameDeviceSchema>>,
): Promise<void> {
  const id = parseId('device', param(ask, 'id'))
  const known = await store.call('renameDevice', { org: ask.who.org, id, name: ask.body.name })
  const row = known ? await store.query('findDevice', { id }) : null
  if (!row) throw new MeshError('NOT_FOUND', { detail: `device ${id}` })
  fleet.add(row)
}

export async function revokeDevice(parts: Parts, ask: UserAsk<undefined>): Promise<void> {
  const id = parseId('device', param(ask, 'id'))
  if (!(await revoke(parts, ask.who.org, id))) throw new MeshError('NOT_FOUND', { detail: `device ${id}` })
}
