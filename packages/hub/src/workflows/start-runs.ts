/** From what a trigger is about to start to one transaction of the store (WQ62, WQ63, WQ68): files, inputs, run and outcome. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, RandomBytes, RunId } from '@meshbook/core/ids.ts'
import { ExpressionError } from '@meshbook/core/workflow/expression.ts'
import type { Json, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import { type Child, definitionsOf, type PinnedFiles } from '@meshbook/engine/workflow/pinned-files.ts'
import { eventInputs } from '@meshbook/engine/workflow/triggers/event-inputs.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Fired, Firing, Settles, TriggerOutcomeRow, TriggerRow } from '../store/workflow-triggers.ts'
import { refuseUnavailable } from './hub-steps.ts'
import { newRun } from './new-run.ts'

export interface StartRunsPorts {
  store: HubStore
  random: RandomBytes
  /** A run is new. */
  wanted(org: OrgId, id: RunId): void
}

/** What is to become a run. */
export interface StartingEvent {
  run: RunId
  /** What expressions of the trigger's inputs may name. */
  event: Json
  chain?: number
}

export interface Starting {
  events: StartingEvent[]
  settles: Settles
  /** Beside those of the runs. */
  outcomes?: TriggerOutcomeRow[]
  now: number
}

type Made = { run: Firing['runs'][number] } | { why: string }

export class StartRuns {
  readonly #ports: StartRunsPorts

  constructor(ports: StartRunsPorts) {
    this.#ports = ports
  }

  /** An event that cannot become a run is settled all the same; throws only where nobody knows. */
  async fire(
    trigger: TriggerRow,
    { events, settles, outcomes = [], now }: Starting,
  ): Promise<Fired & { failed: string[] }> {
    const made = await this.#runsOf(trigger, events, now)
    const failed = made.flatMap(one => ('why' in one ? [one.why] : []))
    const { org, id, project, revision, settledAt } = trigger
    const noted = failed.map(reason => ({ at: now, outcome: 'failed', run: null, reason }))
    const firing = { org, id, project, revision, settledAt, settles, now }
    const runs = made.flatMap(one => ('run' in one ? [one.run] : []))
    const fired = await this.#call({ ...firing, runs, outcomes: [...outcomes, ...noted] })
    for (const run of fired.fired ? fired.started : []) this.#ports.wanted(org, run)
    return { ...fired, failed }
  }

  async #call(firing: Firing): Promise<Fired> {
    const { store } = this.#ports
    try {
      return await store.call('fireTrigger', firing)
    } catch (thrown) {
      // Whoever sent it can send it again; nobody else can.
      if (!(thrown instanceof MeshError) || thrown.code !== 'TOO_MANY' || firing.settles.by === 'webhook') throw thrown
      const refused = { at: firing.now, outcome: 'refused', run: null, reason: thrown.detail ?? thrown.message }
      return store.call('fireTrigger', { ...firing, runs: [], outcomes: [...firing.outcomes, refused] })
    }
  }

  async #runsOf(trigger: TriggerRow, events: StartingEvent[], now: number): Promise<Made[]> {
    if (events.length === 0) return []
    const files = await this.#filesOf(trigger)
    const known = tried(() => {
      const definitions = definitionsOf(files)
      refuseUnavailable(definitions.all)
      return definitions.of(files.hash)
    })
    if ('why' in known) return events.map(() => known)
    return events.map(event => this.#runOf(trigger, files, known.value, event, now))
  }

  #runOf(trigger: TriggerRow, files: PinnedFiles, workflow: Workflow, one: StartingEvent, now: number): Made {
    const inputs = tried(() => eventInputs(workflow, trigger.kind, one.event))
    if ('why' in inputs) return inputs
    const { org, project, kind, madeBy, madeOrg, madeUser } = trigger
    const wanted = {
      ...{ org, id: one.run, project, files, workflow, inputs: inputs.value },
      ...{ name: `${madeBy} (${kind})`, asker: { org: madeOrg, user: madeUser }, credential: null },
    }
    return { run: { ...newRun(wanted, { now, random: this.#ports.random }), chain: one.chain ?? 0 } }
  }

  async #filesOf({ org, definition, children: text }: TriggerRow): Promise<PinnedFiles> {
    const children = JSON.parse(text) as Child[]
    const hashes = [definition, ...children.map(child => child.definition)]
    const texts = new Map(await this.#ports.store.query('workflowDefinitions', { org, hashes }))
    return { hash: definition, texts, children }
  }
}

/** What is wrong with the file or the event is no error of the hub. */
function tried<T>(make: () => T): { value: T } | { why: string } {
  try {
    return { value: make() }
  } catch (thrown) {
    if (thrown instanceof ExpressionError) return { why: thrown.message }
    if (thrown instanceof MeshError && thrown.code === 'BAD_WORKFLOW') return { why: thrown.detail ?? thrown.message }
    throw thrown
  }
}
