/** What the routes of workers do (`compute/SPEC.md`). */
import type { ComputeStatus, RestoringRecipient, restoringCopiesSchema } from '@meshbook/core/compute-api.ts'
import type { InferOutput } from 'valibot'
import type { Parts } from '../parts.ts'
import type { UserAsk } from './route.ts'

export async function computeStatus(
  { config, compute, store }: Parts,
  { who }: UserAsk<undefined>,
): Promise<ComputeStatus> {
  const { workers, restoring } = compute
  const described = await workers?.description()
  const rows = workers ? await store.query('listWorkers', { org: who.org }) : []
  const names = new Map((await store.query('listProjects', { org: who.org })).map(({ id, name }) => [id, name]))
  const limits = config.compute?.limits
  return {
    driver: described?.driver ?? null,
    engine: described?.ready ? described.engine : null,
    languages: described?.ready ? [...described.languages] : [],
    problem: described && !described.ready ? described.problem : null,
    fix: described && !described.ready ? described.fix : null,
    most: config.compute?.most ?? 0,
    idleMinutes: (config.compute?.idleMs ?? 0) / 60_000,
    memoryBytes: limits?.memoryBytes ?? 0,
    cpus: limits?.cpus ?? 0,
    workers: rows.map(({ id, project, state, device, createdAt }) => ({
      id,
      project,
      projectName: names.get(project) ?? null,
      state,
      device,
      since: createdAt,
    })),
    restoring: await restoring.state({ org: who.org, user: who.user }),
  }
}

export function restoringRecipient({ compute }: Parts): Promise<RestoringRecipient> {
  return compute.restoring.recipient()
}

export async function restoringOn(
  { compute }: Parts,
  ask: UserAsk<InferOutput<typeof restoringCopiesSchema>>,
): Promise<void> {
  const { org, user } = ask.who
  await compute.restoring.turnOn({ org, user }, ask.body.copies, ask)
}

export async function restoringOff({ compute }: Parts, ask: UserAsk<undefined>): Promise<void> {
  const { org, user } = ask.who
  await compute.restoring.turnOff({ org, user }, ask)
  await compute.workers?.stopWithKeys(org, user)
}
