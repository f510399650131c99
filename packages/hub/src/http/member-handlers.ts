/** Members of a project: who they are, and changes by its owners. */
import type { Member, memberRolesSchema, newMemberSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, ProjectId } from '@meshbook/core/ids.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import { param, placeOf, type UserAsk } from './route.ts'

export async function listMembers({ store }: Parts, ask: UserAsk<undefined>): Promise<{ items: Member[] }> {
  const { rights } = placeOf(ask)
  const items = await store.query('listMembers', projectOf(ask))
  return { items: rights.has('own') ? items : items.filter(({ email }) => email === null) }
}

export async function addMember(
  parts: Parts,
  ask: UserAsk<InferOutput<typeof newMemberSchema>>,
): Promise<Member | undefined> {
  const { body } = ask
  const at = projectOf(ask)
  const id =
    'email' in body
      ? await parts.memberships.invite(ask, at, body.email, body.roles)
      : await parts.memberships.add(ask, at, body.user, body.roles)
  return memberOf(parts, at, id)
}

export async function changeMember(
  parts: Parts,
  ask: UserAsk<InferOutput<typeof memberRolesSchema>>,
): Promise<Member | undefined> {
  const at = projectOf(ask)
  const member = await wanted(parts, ask)
  if (member.email === null) await parts.memberships.change(ask, at, member.id, ask.body.roles)
  else await parts.memberships.invite(ask, at, member.email, ask.body.roles)
  return memberOf(parts, at, member.id)
}

export async function removeMember(parts: Parts, ask: UserAsk<undefined>): Promise<void> {
  const at = projectOf(ask)
  const member = await wanted(parts, ask)
  if (member.email === null) await parts.memberships.remove(ask, at, member.id, 'member-removed')
  else await parts.memberships.withdraw(ask, at, member.email)
}

export async function leaveProject(parts: Parts, ask: UserAsk<undefined>): Promise<void> {
  const at = projectOf(ask)
  if (at.org === ask.who.org) throw new MeshError('CONFLICT', { detail: 'you own this project' })
  await parts.memberships.remove(ask, at, ask.who.user, 'member-left')
}

/** By id, by name or by e-mail. The host is nobody's to change (ME7). */
async function wanted(parts: Parts, ask: UserAsk<unknown>): Promise<Member> {
  const text = param(ask, 'member')
  const items = await parts.store.query('listMembers', projectOf(ask))
  const found = items.find(({ id, name, email }) => id === text || name === text || email === text.toLowerCase())
  if (!found) throw new MeshError('NOT_FOUND', { detail: `member ${text}` })
  if (found.host) throw new MeshError('CONFLICT', { detail: `${found.name} owns the project` })
  return found
}

async function memberOf(
  { store }: Parts,
  at: { org: OrgId; project: ProjectId },
  id: string,
): Promise<Member | undefined> {
  return (await store.query('listMembers', at)).find(member => member.id === id)
}

function projectOf(ask: UserAsk<unknown>): { org: OrgId; project: ProjectId } {
  const { org, project } = placeOf(ask)
  if (project === null) throw new MeshError('INTERNAL', { detail: 'a route about members that names no project' })
  return { org, project }
}
