/** The parts of the hub that carry on workflows, put together: what people do with runs, and who does the work. */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, RandomBytes, RunId } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { Audit } from '../auth/audit.ts'
import type { HubEvents } from '../hub-events.ts'
import type { Log } from '../log.ts'
import { StepRoom } from '../queue/step-room.ts'
import type { SystemWork } from '../queue/system-work.ts'
import type { WorkQueue } from '../queue/work-queue.ts'
import type { Grown, RunFeeds } from '../runs/run-feeds.ts'
import type { HubStore } from '../store/hub-store.ts'
import { DueEvents } from './due-events.ts'
import { WorkflowExecutor } from './executor.ts'
import { type HubStepsPorts, hubSteps } from './hub-steps.ts'
import { type ResultBytesPorts, resultBytes } from './result-bytes.ts'
import { StartRuns } from './start-runs.ts'
import { Triggers } from './triggers.ts'
import { Webhooks } from './webhooks.ts'
import { Workflows } from './workflows.ts'

export interface OpenWorkflowsPorts extends HubStepsPorts, ResultBytesPorts {
  /** Of this process. */
  name: string
  isAlone: boolean
  queue: WorkQueue
  system: SystemWork
  store: HubStore
  audit: Audit
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
  triggers: Triggers
  webhooks: Webhooks
  /** Something about a run has changed here. */
  heardOf(id: RunId): void
  /** Something about a run has changed at another hub, which says itself where it is to be carried on. */
  heardElsewhere(id: RunId): void
  /** Looks until the returned function is called. */
  begin(): () => Promise<void>
}

export function openWorkflows(ports: OpenWorkflowsPorts): OpenWorkflows {
  const { store, log, feeds, events, gatesChanged, grewElsewhere, system, times } = ports
  const steps = new StepRoom({ ...ports, concurrency: times.hubStepsAtOnce })
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
  const results = resultBytes(ports)
  const executor = new WorkflowExecutor({
    ...ports,
    results,
    stepsFor: run => steps.around(hubSteps(ports, run), run.org),
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
    executor.wanted({ org, id })
  }
  const starts = new StartRuns({ ...ports, wanted })
  const due = new DueEvents({ ...ports, starts, results })
  system.regularly('due-workflow-runs', times.workflowDueMs, () => executor.look())
  system.regularly('due-trigger-events', times.workflowDueMs, () => due.look())
  return {
    workflows: new Workflows({ ...ports, wanted }),
    triggers: new Triggers(ports),
    webhooks: new Webhooks({ ...ports, starts }),
    heardOf: id => executor.heardOf(id, { isElsewhere: false }),
    heardElsewhere: id => executor.heardOf(id, { isElsewhere: true }),
    begin: () => {
      const [endExecutor, endDue] = [executor.begin(), due.begin()]
      return async () => {
        await endDue()
        await endExecutor()
        await steps.close(limits.queueAnswerMs)
      }
    },
  }
}
