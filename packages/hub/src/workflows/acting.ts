/** In whose name the steps of a run act: of whoever began it, with the rights of that moment (WQ41). */
import { asMeshError } from '@meshbook/core/errors.ts'
import { StepFailure } from '@meshbook/engine/workflow/ports.ts'
import type { Access, Place } from '../auth/access.ts'
import type { ModelAsker } from '../gateway/model-gateway.ts'
import { type AskerOfRun, askerOfRun } from '../runs/asker-of-run.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { TakenWorkflowRun } from '../store/workflow-runs.ts'

export interface ActingPorts {
  store: HubStore
  access: Pick<Access, 'demand'>
}

export type RunOfSteps = Pick<TakenWorkflowRun, 'org' | 'id' | 'project'>

/** What they may do in the project at this moment stands in `place`. */
export interface Actor extends AskerOfRun {
  place: Place
}

export function refused(code: 'FORBIDDEN' | 'KEY_MISSING' | 'BAD_WORKFLOW' | 'NOT_FOUND', why: string): StepFailure {
  return new StepFailure(code, why, { known: true, mayRetry: false })
}

/** Whoever may not run anything there any more gets nothing done (WQ41). */
export async function actorOf({ store, access }: ActingPorts, { org, id, project }: RunOfSteps): Promise<Actor> {
  const asker = await askerOfRun(store, org, id)
  if (!asker) throw refused('FORBIDDEN', 'whoever began the run, or the token for it, is gone')
  const place = await access.demand(asker.who, { kind: 'project', id: project }, 'run').catch((thrown: unknown) => {
    const { code, detail = '' } = asMeshError(thrown)
    throw code === 'FORBIDDEN' || code === 'NOT_FOUND' ? refused('FORBIDDEN', `${asker.name}: ${detail}`) : thrown
  })
  if (place.org !== org) throw refused('FORBIDDEN', 'the project of the run is of somebody else')
  return { ...asker, place }
}

/** A run of a member of another org is paid by the owner of the project, as a task is. */
export async function payerOf(ports: ActingPorts, run: RunOfSteps): Promise<ModelAsker> {
  const { org, id, project } = run
  const { who } = await actorOf(ports, run)
  const user = who.org === org ? who.user : await ports.store.query('ownerOfProject', { org, project })
  if (!user) throw refused('FORBIDDEN', 'the project has no owner who could pay')
  return { org, user, holder: { task: id, cap: {} } }
}
