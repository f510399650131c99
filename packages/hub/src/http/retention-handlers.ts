/** How long the logs of a project are kept (RU43). */
import { MeshError } from '@meshbook/core/errors.ts'
import { parseId } from '@meshbook/core/ids.ts'
import type { newRetentionSchema, Retention } from '@meshbook/core/tasks-api.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import { param, placeOf, type UserAsk } from './route.ts'

const projectOf = (ask: UserAsk<unknown>) => parseId('project', param(ask, 'id'))

export async function getRetention({ store, config }: Parts, ask: UserAsk<undefined>): Promise<Retention> {
  const days = await store.query('retentionOf', { org: placeOf(ask).org, project: projectOf(ask) })
  return { days, hubDays: config.runRetentionDays }
}

export async function setRetention(
  { audit, config }: Parts,
  ask: UserAsk<InferOutput<typeof newRetentionSchema>>,
): Promise<Retention> {
  const { org } = placeOf(ask)
  const project = projectOf(ask)
  const { days } = ask.body
  const note = audit.note('retention-set', ask, { org, target: project, detail: { days } })
  if (!(await audit.call('setRetention', { org, project, days }, note)))
    throw new MeshError('NOT_FOUND', { detail: `project ${project}` })
  return { days, hubDays: config.runRetentionDays }
}
