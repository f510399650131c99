/**
 * Looks for what triggers are to decide about, and lets the runs of it begin: times of schedules, changed files, ends of
 * runs (WQ64, WQ66, WQ67). One hub does for all; the store's transactions decide who was first, should two.
 */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { AssetId, Now, OrgId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Stored } from '@meshbook/core/workflow/workflow-events.ts'
import {
  type Json,
  type RunEndTrigger,
  type RunOutcome,
  runOutcomes,
  type Schedule,
} from '@meshbook/core/workflow/workflow-schema.ts'
import { filesEvent } from '@meshbook/engine/workflow/triggers/changed-files.ts'
import { dueTriggers } from '@meshbook/engine/workflow/triggers/due-triggers.ts'
import { runAfter, runEndEvent } from '@meshbook/engine/workflow/triggers/run-end.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import { changesIn, type DueEvent, type TriggerOutcomeRow, type TriggerRow } from '../store/workflow-triggers.ts'
import { sha256 } from './pin-files.ts'
import type { ResultBytes } from './result-bytes.ts'
import type { StartRuns } from './start-runs.ts'

export interface DueEventsPorts {
  store: HubStore
  starts: StartRuns
  results: Pick<ResultBytes, 'load'>
  times: Limits
  now: Now
  log: Log
}

export class DueEvents {
  readonly #ports: DueEventsPorts
  /** What failed for a reason of the hub's own is left alone for a while that grows. */
  readonly #failures = new Map<string, { times: number; until: number }>()
  #looking: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(ports: DueEventsPorts) {
    this.#ports = ports
  }

  /** Looks until the returned function is called. */
  begin(): () => Promise<void> {
    this.lookSoon()
    return async () => {
      this.#closed = true
      await this.#looking
    }
  }

  async look(): Promise<void> {
    this.lookSoon()
    await this.#looking
  }

  lookSoon(): void {
    this.#again = true
    if (this.#closed) return
    this.#looking ??= this.#lookUntilDone().finally(() => {
      this.#looking = undefined
    })
  }

  async #lookUntilDone(): Promise<void> {
    try {
      while (this.#again && !this.#closed) {
        this.#again = false
        await this.#look()
      }
    } catch (thrown) {
      this.#ports.log.warn({ err: asMeshError(thrown) }, 'looking for events of triggers failed')
    }
  }

  async #look(): Promise<void> {
    const { store, now, times } = this.#ports
    const rows = times.triggersPerLook + this.#failures.size
    const due = await store.query('dueTriggerEvents', { now: now(), rows })
    let done = 0
    for (const one of due) {
      if (this.#closed) return
      if ((this.#failures.get(keyOf(one))?.until ?? 0) > now()) continue
      if (await this.#decide(one)) done++
    }
    if (done >= times.triggersPerLook) this.#again = true
  }

  async #decide(one: DueEvent): Promise<boolean> {
    const { now, log, times } = this.#ports
    const key = keyOf(one)
    try {
      const { trigger } = one
      if (one.by === 'schedule') await this.#time(trigger)
      else if (one.by === 'files') await this.#files(trigger, one)
      else await this.#end(trigger, one.run)
      this.#failures.delete(key)
      return true
    } catch (thrown) {
      const failures = (this.#failures.get(key)?.times ?? 0) + 1
      const waitMs = Math.min(times.workflowDueMs * 2 ** failures, times.workflowRetryMaxMs)
      this.#failures.set(key, { times: failures, until: now() + waitMs })
      log.warn({ err: asMeshError(thrown), trigger: one.trigger.id, failures }, 'a trigger is decided about later')
      return false
    }
  }

  async #time(trigger: TriggerRow): Promise<void> {
    const { starts, now: clock, times } = this.#ports
    const now = clock()
    const schedule = JSON.parse(trigger.starts) as Schedule
    const state = [{ id: trigger.id, schedule, settledAt: trigger.settledAt }]
    const { runs, settled } = dueTriggers(state, now, sha256, times)
    const { settledAt, nextAt, dropped } = settled[0]!
    await starts.fire(trigger, {
      events: runs.map(({ run, at }) => ({ run, event: { at: new Date(at).toISOString() } })),
      settles: { by: 'schedule', settledAt, nextAt },
      outcomes: dropped ? [droppedOutcome(dropped, now)] : [],
      now,
    })
  }

  async #files(trigger: TriggerRow, one: { device: string; changes: string }): Promise<void> {
    const { starts, now } = this.#ports
    const { device, changes } = one
    const { run, event } = filesEvent({ trigger: trigger.id, device }, changesIn(changes), sha256)
    await starts.fire(trigger, { events: [{ run, event }], settles: { by: 'files', device, changes }, now: now() })
  }

  async #end(trigger: TriggerRow, run: Extract<DueEvent, { by: 'run' }>['run']): Promise<void> {
    const { store, starts, now } = this.#ports
    const settles = { by: 'run', run } as const
    const known = await store.query('endedWorkflow', { org: trigger.org, id: run })
    const outcome = runOutcomes.find(one => one === known?.status)
    if (!known || !outcome) return void (await starts.fire(trigger, { events: [], settles, now: now() }))
    const ended = { run, workflow: known.name, outcome, endedAt: known.endedAt, chain: known.chain }
    const after = runAfter({ id: trigger.id, on: JSON.parse(trigger.starts) as RunEndTrigger }, ended, sha256)
    if (after === null || 'refused' in after) {
      const outcomes = after === null ? [] : [refusal(after.refused, now())]
      return void (await starts.fire(trigger, { events: [], settles, outcomes, now: now() }))
    }
    const event = runEndEvent(ended satisfies { outcome: RunOutcome }, await this.#output(trigger.org, known.output))
    await starts.fire(trigger, { events: [{ run: after.run, event, chain: after.chain }], settles, now: now() })
  }

  async #output(org: OrgId, output: Stored | null): Promise<Json> {
    if (output === null) return null
    if ('value' in output) return output.value
    const bytes = await this.#ports.results.load(org, output.asset as AssetId)
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Json
  }
}

function keyOf(one: DueEvent): string {
  const what = one.by === 'schedule' ? '' : one.by === 'files' ? one.device : one.run
  return `${one.trigger.id} ${one.by} ${what}`
}

const refusal = (reason: string, at: number): TriggerOutcomeRow => ({ at, outcome: 'refused', run: null, reason })

function droppedOutcome({ from, to }: { from: number; to: number }, at: number): TriggerOutcomeRow {
  const [first, last] = [from, to].map(time => new Date(time).toISOString())
  const reason = first === last ? `the time ${first} was missed` : `times from ${first} to ${last} were missed`
  return { at, outcome: 'dropped', run: null, reason }
}
