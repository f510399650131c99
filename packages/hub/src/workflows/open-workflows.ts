/** The parts of the hub that carry on workflows, put together: what people do with runs, and who does the work. */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, RandomBytes, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { HubEvents } from '../hub-events.ts'
import type { Log } from '../log.ts'
import type { Grown, RunFeeds } from '../runs/run-feeds.ts'
import type { HubStore } from '../store/hub-store.ts'
import { WorkflowExecutor } from './executor.ts'
import { type HubStepsPorts, hubSteps } from './hub-steps.ts'
import { type ResultBytesPorts, resultBytes } from './result-bytes.ts'
import { Workflows } from './workflows.ts'

export interface OpenWorkflowsPorts extends HubStepsPorts, ResultBytesPorts {
  /** Of this process. */
  name: string
  isAlone: boolean
  store: HubStore
  events: HubEvents
  feeds: RunFeeds
  times: Limits
  now: Now
  random: RandomBytes
  log: Log
  gatesChanged(org: OrgId, run: RunId): void
  grewElsewhere(org: OrgId, run: RunId): void
}

export interface OpenWorkflows {
  workflows: Workflows
  /** Something about a run has changed, here or at another hub. */
  heardOf(id: RunId): void
  /** Looks until the returned function is called. */
  begin(): () => Promise<void>
}

export function openWorkflows(ports: OpenWorkflowsPorts): OpenWorkflows {
  const { store, log, feeds, events, gatesChanged, grewElsewhere } = ports
  const show = (org: OrgId, id: RunId, grown?: Grown): void => {
    feeds.grew(org, id, grown)
    grewElsewhere(org, id)
  }
  const publish = (org: OrgId, id: RunId): void => {
    if (!events.hasListeners(org)) return
    store
      .query('showRun', { org, id })
      .then(run => {
        if (!run) return
        const { code: _, ...shown } = run
        events.publish(org, { type: 'run', run: shown })
      })
      .catch((thrown: unknown) => log.warn({ err: asMeshError(thrown), run: id }, 'a run was not shown'))
  }
  const executor = new WorkflowExecutor({
    ...ports,
    results: resultBytes(ports),
    stepsFor: org => hubSteps(ports, org),
    appended: ({ org, id }, { run, gates }, grown) => {
      show(org, id, grown)
      if (gates) gatesChanged(org, id)
      if (!run) return
      const { code: _, ...shown } = run
      events.publish(org, { type: 'run', run: shown })
    },
  })
  const wanted = (org: OrgId, id: RunId): void => {
    publish(org, id)
    executor.heardOf(id)
  }
  return {
    workflows: new Workflows({ ...ports, wanted }),
    heardOf: id => executor.heardOf(id),
    begin: () => executor.begin(),
  }
}
