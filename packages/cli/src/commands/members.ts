import { listOf, type Member, memberSchema, type Project, projectSchema } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { type Role, roles } from '@meshbook/core/roles.ts'
import { Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import { printJson, printTable, say } from '../print.ts'
import { type ClientOptions, clientOf, optionsOf, withClient } from './options.ts'

const rolesText = `roles, one or more with commas: ${roles.join(', ')}`

export function membersCommand(): Command {
  const members = new Command('members').description('who may do what in a project')
  const add = (name: string, what: string, example: string, action: (...given: never[]) => Promise<void>): Command => {
    const command = withClient(new Command(name).description(what).argument('<project>', 'name or owner/name'))
      .addHelpText('after', `\nExample:\n  $ meshbook members ${example}`)
      .action(action as () => Promise<void>)
    members.addCommand(command)
    return command
  }
  add('list', 'list the members of a project', 'list demo', list)
  add('add', 'add a member, or invite somebody by e-mail', 'add demo kim editor,runner', addMember)
    .argument('<who>', 'name of a user, or an e-mail address')
    .argument('<roles>', rolesText)
  add('set', 'give a member other roles; what they lose by it ends at once', 'set demo kim viewer', set)
    .argument('<who>', 'name of the member')
    .argument('<roles>', rolesText)
  add('remove', 'remove a member; their connections close at once', 'remove demo kim', remove).argument(
    '<who>',
    'name of the member, or address of an invitation',
  )
  add('leave', 'give up being a member', 'leave me/demo', leave)
  return members
}

async function list(project: string, _options: unknown, command: Command): Promise<void> {
  const options = optionsOf<ClientOptions>(command)
  const client = await clientOf(options)
  const { id } = await findProject(client, project)
  const { items } = await client.get(`/projects/${id}/members`, listOf(memberSchema))
  if (options.json) return items.forEach(printJson)
  printTable(items, {
    name: member => member.name ?? `${member.email} (invited)`,
    roles: member => member.roles.join(', '),
    since: member => new Date(member.addedAt).toISOString().slice(0, 10),
    id: member => member.id,
  })
}

async function addMember(project: string, who: string, given: string, _: unknown, command: Command): Promise<void> {
  const client = await clientOf(optionsOf(command))
  const { id, name } = await findProject(client, project)
  const about = who.includes('@') ? { email: who } : { user: who }
  const added = await client.post(`/projects/${id}/members`, { ...about, roles: rolesOf(given) }, memberSchema)
  say(
    `✔ ${nameOf(added)} is ${added.email === null ? 'a member' : 'invited as a member'} of ${name}: ${added.roles.join(', ')}.`,
  )
}

async function set(project: string, who: string, given: string, _: unknown, command: Command): Promise<void> {
  const client = await clientOf(optionsOf(command))
  const { id, name } = await findProject(client, project)
  await client.send('PATCH', `/projects/${id}/members/${encodeURIComponent(who)}`, { roles: rolesOf(given) })
  say(`✔ ${who} has these roles in ${name} now: ${rolesOf(given).join(', ')}.`)
}

async function remove(project: string, who: string, _: unknown, command: Command): Promise<void> {
  const client = await clientOf(optionsOf(command))
  const { id, name } = await findProject(client, project)
  await client.send('DELETE', `/projects/${id}/members/${encodeURIComponent(who)}`)
  say(`✔ ${who} is no member of ${name} any more; their connections are closed.`)
}

async function leave(project: string, _: unknown, command: Command): Promise<void> {
  const client = await clientOf(optionsOf(command))
  const { id, owner, name } = await findProject(client, project)
  await client.send('POST', `/projects/${id}/leave`)
  say(`✔ You have left ${owner}/${name}. Folders that were attached to it stay as they are.`)
}

function nameOf({ name, email }: Member): string {
  return name ?? email ?? ''
}

function rolesOf(text: string): Role[] {
  const given = text.split(',').map(part => part.trim())
  const wrong = given.find(part => !roles.includes(part as Role))
  if (wrong !== undefined)
    throw new MeshError('BAD_REQUEST', { detail: `"${wrong}" is no role; there are ${roles.join(', ')}` })
  return given as Role[]
}

/** By name, one's own first, or as `owner/name`. */
export async function findProject(client: ApiClient, wanted: string): Promise<Project> {
  const { items } = await client.get('/projects', listOf(projectSchema))
  const found = items.filter(({ id, owner, name }) => [id, name, `${owner}/${name}`].includes(wanted))
  const own = found.find(({ roles: given }) => given === undefined)
  if (own ?? found.length === 1) return own ?? found[0]!
  if (found.length > 1)
    throw new MeshError('CONFLICT', { detail: found.map(({ owner, name }) => `${owner}/${name}`).join(', ') })
  throw new MeshError('NOT_FOUND', { detail: `project ${wanted}` })
}
