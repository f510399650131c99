/**
 * A run that this hub holds: from its checkpoint and log through the engine, until it ends, rests, or is taken away. All
 * that the engine needs around it is the store's (WQ4, WQ11, WQ14, WQ21, WQ30).
 */
import { type ErrorCode, MeshError } from '@meshbook/core/errors.ts'
import { type AssetId, type Now, newId, parseSeq, type RandomBytes } from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { type RunEvent, runEventSchema } from '@meshbook/core/run.ts'
import { workflowEventSchema } from '@meshbook/core/workflow/workflow-events.ts'
import { noWorkflowState, stepWorkflow, type WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import { systemSleep } from '@meshbook/engine/backoff.ts'
import { definitionsOf } from '@meshbook/engine/workflow/pinned-files.ts'
import type { Inbox, StepExecutor, WorkflowLog, WorkflowPorts } from '@meshbook/engine/workflow/ports.ts'
import { carryOn, type RunResult } from '@meshbook/engine/workflow/run-workflow.ts'
import { sentSchema } from '@meshbook/engine/workflow/sent.ts'
import * as v from 'valibot'
import type { Grown } from '../runs/run-feeds.ts'
import type { HubStore } from '../store/hub-store.ts'
import { logged } from '../store/run-log.ts'
import type { TakenWorkflowRun, WorkflowAppended } from '../store/workflow-runs.ts'
import type { DefinitionTexts } from './definition-texts.ts'
import { GateEvents } from './gate-events.ts'
import { sha256 } from './pin-files.ts'
import type { ResultBytes } from './result-bytes.ts'

/** Another number: states that were kept before are not looked at. */
const stateVersion = 2

export interface HeldRunPorts {
  store: HubStore
  results: ResultBytes
  texts: Pick<DefinitionTexts, 'of'>
  steps: StepExecutor
  times: Limits
  now: Now
  random: RandomBytes
  appended(done: WorkflowAppended, grown: Grown): void
}

export class HeldRun {
  readonly taken: TakenWorkflowRun
  readonly #ports: HeldRunPorts
  readonly #stop = new AbortController()
  #seq: number
  /** The last that the engine has read. */
  #read = 0
  /** The last that there is, as far as is known. */
  #sent: number
  #tell: () => void = () => undefined
  #checkpointed = 0
  #state: WorkflowState = noWorkflowState

  constructor(ports: HeldRunPorts, taken: TakenWorkflowRun) {
    this.#ports = ports
    this.taken = taken
    this.#seq = taken.seq
    this.#sent = taken.inbox
  }

  /** Ends the engine, not the run. */
  stop(): void {
    this.#stop.abort(new MeshError('SHUTTING_DOWN', { detail: 'the run goes on elsewhere or later' }))
  }

  /** So much was sent to it; without a number, it may be more. */
  sent(inbox = Number.POSITIVE_INFINITY): void {
    this.#sent = Math.max(this.#sent, inbox)
    if (this.#sent > this.#read) this.#tell()
  }

  async carryOn(): Promise<RunResult> {
    this.#state = await this.#load()
    this.#read = this.#state.inbox
    const options = {
      signal: this.#stop.signal,
      waiting: 'leave' as const,
      restMs: this.#ports.times.workflowRestMs,
      onEvents: (_: readonly RunEvent[], state: WorkflowState) => {
        this.#state = state
      },
    }
    return carryOn(await this.#workflowPorts(), this.#state, options)
  }

  /** Nobody has it in memory any more. `dueAt` null: until something is sent to it. */
  async rest(dueAt: number | null, waits: string): Promise<void> {
    const { store, now } = this.#ports
    const { org, id, fence } = this.taken
    await this.#checkpoint(0)
    await store.call('restWorkflowRun', { org, id, fence, inbox: this.#state.inbox, dueAt, waits, now: now() })
  }

  async #load(): Promise<WorkflowState> {
    const { store } = this.#ports
    const { org, id, opening } = this.taken
    if (opening) {
      this.#checkpointed = this.#seq
      return opening.reduce(stepWorkflow, noWorkflowState)
    }
    const kept = await store.query('workflowCheckpoint', { org, id, version: stateVersion })
    let state = kept ? (JSON.parse(kept.state) as WorkflowState) : noWorkflowState
    let at = kept?.seq ?? 0
    while (at < this.#seq) {
      const page = await store.query('readEvents', { org, id, after: at, mostBytes: limits.workflowLogPageBytes })
      if (!page || page.events.length === 0)
        throw new MeshError('INTERNAL', { detail: `the log of ${id} ends at ${at} instead of ${this.#seq}` })
      for (const { seq, text } of page.events) {
        state = stepWorkflow(state, eventOf(text))
        at = seq
      }
    }
    this.#checkpointed = at
    return state
  }

  async #checkpoint(after: number): Promise<void> {
    if (this.#seq - this.#checkpointed <= after || this.#state.isOver) return
    const { org, id, fence } = this.taken
    const [seq, state] = [this.#seq, JSON.stringify(this.#state)]
    this.#checkpointed = seq
    if (state.length > limits.workflowCheckpointBytes) return
    await this.#ports.store.call('saveWorkflowCheckpoint', { org, id, fence, seq, version: stateVersion, state })
  }

  async #workflowPorts(): Promise<WorkflowPorts> {
    const { store, steps, texts: known, now, random, results } = this.#ports
    const { org, id } = this.taken
    const { definition, children } = this.#state.began!
    const hashes = [definition, ...children.map(child => child.definition)]
    const texts = await known.of(org, hashes)
    return {
      run: id,
      log: this.#log(),
      definitions: definitionsOf({ hash: definition, texts, children }),
      executor: steps,
      assets: {
        store: bytes => results.keep(this.taken, bytes),
        load: asset => results.load(org, asset as AssetId),
      },
      inbox: this.#inbox(),
      concurrency: {
        enter: place => store.call('enterWorkflowPlace', { org, id, ...place, now: now() }),
      },
      time: { clock: now, sleep: systemSleep, random: () => Buffer.from(random(6)).readUIntBE(0, 6) / 2 ** 48 },
      newGate: () => newId('gate', now(), random),
      digest: sha256,
    }
  }

  #log(): WorkflowLog {
    const { store, now, random, appended } = this.#ports
    const { org, id, fence } = this.taken
    const gates = new GateEvents(this.#state, () => Buffer.from(random(16)).toString('base64url'))
    return {
      append: async events => {
        // The engine has taken in what is durable: the state is that of the whole log.
        await this.#checkpoint(limits.workflowCheckpointEvents)
        const records = gates.beside(events).map(logged)
        const first = this.#seq + 1
        const done = await store.call('appendWorkflow', {
          ...{ org, id, fence, first: parseSeq(first), events: records, now: now() },
        })
        if (done.refused) throw this.#lost(done.refused)
        this.#seq = done.seq
        const texts = records.map(({ text }) => text)
        appended(done, { first, texts, ended: done.run?.endedAt != null })
      },
    }
  }

  #lost(code: ErrorCode): MeshError {
    this.stop()
    return new MeshError(code, { detail: `run ${this.taken.id}` })
  }

  #inbox(): Inbox {
    const { org, id } = this.taken
    return {
      read: async after => {
        if (this.#sent <= after) return []
        const known = this.#sent
        const items = await this.#ports.store.query('readWorkflowInbox', { org, id, after })
        const sent = items.map(item => v.parse(sentSchema, JSON.parse(item)))
        this.#read = Math.max(this.#read, after, ...sent.map(({ inbox }) => inbox))
        // What came while this was read is read next time.
        if (sent.length === 0 && this.#sent === known) this.#sent = this.#read
        return sent
      },
      changed: signal =>
        new Promise(resolve => {
          const tell = (): void => resolve()
          this.#tell = tell
          signal.addEventListener('abort', tell, { once: true })
          if (this.#sent > this.#read) tell()
        }),
    }
  }
}

function eventOf(text: string): RunEvent {
  const event = parsed(runEventSchema, JSON.parse(text))
  return event.type === 'workflow' ? { ...event, event: parsed(workflowEventSchema, event.event) } : event
}

function parsed<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const { success, output } = v.safeParse(schema, value)
  if (success) return output
  throw new MeshError('DATA_TOO_NEW', { detail: 'an event of a workflow is not understood by this version' })
}
