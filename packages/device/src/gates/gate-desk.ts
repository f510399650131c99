/**
 * Where an executor of this device asks a person for a decision and waits for it, over restarts of itself and of the hub.
 * It writes the question and the receipt into the executor's own journal, from where they go to the hub in their order;
 * it does not know what is asked, nor who numbers the events.
 */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import { type GateId, type Now, newId, type RandomBytes, type RunId } from '@meshbook/core/ids.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { MonitorLog } from '../monitor/run-store.ts'
import type { AskedGate, GateMessage, GateOpened } from '../store/asked-gates.ts'

export interface GateStore {
  ask(asked: { run: RunId; key: string; digest: string; opened: GateOpened }): Promise<AskedGate>
  /** False when it is not an answer to what was asked. */
  decide(decided: { message: GateMessage }): Promise<boolean>
  drop(run: RunId): Promise<GateId[]>
}

export interface GateDeskPorts {
  store: GateStore
  now: Now
  random: RandomBytes
  log: MonitorLog
}

export interface Question {
  /** Names the question within its run, so that an executor that starts again asks it once. */
  key: string
  title: string
  /** The exact text that is decided about. */
  shown: string
  expiresAt: number
  deciders?: string[]
}

/** Appends to the journal of the run; an event of a gate that is there already is not appended again. */
export type RecordEvent = (event: RunEvent) => Promise<void>

export class GateDesk {
  readonly #ports: GateDeskPorts
  readonly #waiting = new Map<GateId, (message: GateMessage) => void>()

  constructor(ports: GateDeskPorts) {
    this.#ports = ports
  }

  /** Resolves with the decision once its receipt is in the journal. */
  async ask(run: RunId, question: Question, record: RecordEvent, signal: AbortSignal): Promise<GateMessage> {
    const { opened, decision } = await this.#keep(run, question)
    await record(opened)
    const answer = decision ?? (await this.#answer(run, question, opened.gate, signal))
    const by = answer.by === null ? {} : { by: answer.by }
    await record({ type: 'gate-decided', at: this.#ports.now(), gate: opened.gate, decision: answer.decision, ...by })
    return answer
  }

  async #keep(run: RunId, { key, ...asked }: Question): Promise<AskedGate> {
    const { store, now, random } = this.#ports
    const at = now()
    const nonce = Buffer.from(random(16)).toString('base64url')
    const opened: GateOpened = { type: 'gate-opened', at, gate: newId('gate', at, random), nonce, ...asked }
    return store.ask({ run, key, digest: createHash('sha256').update(asked.shown).digest('hex'), opened })
  }

  /** Waits first and looks then: the answer may come in between. */
  async #answer(run: RunId, question: Question, gate: GateId, signal: AbortSignal): Promise<GateMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<GateMessage>()
    const stop = () => reject(new MeshError('INTERRUPTED', { detail: `nobody waits for gate ${gate} any more` }))
    // Where the decision was there already, nobody looks at the promise.
    promise.catch(() => undefined)
    this.#waiting.set(gate, resolve)
    signal.addEventListener('abort', stop, { once: true })
    try {
      if (signal.aborted) stop()
      const { decision } = await this.#keep(run, question)
      return decision ?? (await promise)
    } finally {
      signal.removeEventListener('abort', stop)
      this.#waiting.delete(gate)
    }
  }

  /** The decision is durable before anybody acts on it; one about other bytes or another question is not acted on (S18). */
  async decided(message: GateMessage): Promise<void> {
    const { store, log } = this.#ports
    if (await store.decide({ message })) this.#waiting.get(message.gate)?.(message)
    else log.warn({ gate: message.gate, run: message.run }, 'a decision is not about what was asked here')
  }

  /** The run is over. */
  async over(run: RunId): Promise<void> {
    await this.#ports.store.drop(run)
  }
}
