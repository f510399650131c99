/** Asking a device to make the environment that a lock file of a project wants (EN5). What it has, its entry in the list says. */
import type { EnvironmentOrder } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId } from '@meshbook/core/ids.ts'
import { letsRun } from '@meshbook/core/route/rules.ts'
import type { Parts } from '../parts.ts'
import { param, placeOf, type UserAsk } from './route.ts'

export async function orderEnvironment(parts: Parts, ask: UserAsk<EnvironmentOrder>): Promise<void> {
  const { device: id, language, action } = ask.body
  const { org } = placeOf(ask)
  const project = parseId('project', param(ask, 'id'))
  const asker = { org: ask.who.org, user: ask.who.user }
  const device = parts.fleet.candidates(org, project, asker).find(known => known.id === id)
  if (!device?.attached) throw new MeshError('NOT_FOUND', { detail: `device ${id} with this project` })
  // A personal org has one user: a device of the project's org is that of the project's owner.
  const projectOwner = parts.fleet.list(org).some(own => own.id === id) ? device.owner : undefined
  if (!letsRun({ ...device, busyRuns: 0 }, { by: ask.who.name, projectOwner }))
    throw new MeshError('FORBIDDEN', { detail: `${device.name} takes no runs of yours` })
  const sent = await parts.orders.send(org, id, { type: 'ENVIRONMENT', project, language, action })
  if (!sent) throw new MeshError('UNREACHABLE', { detail: `${device.name} is not connected` })
}
