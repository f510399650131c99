/** When the work of an agent is saved outside of its worker (TW31-TW33), and what becomes of it when that fails. */
import { asMeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import { backoffMs, type Sleep } from '@meshbook/engine/backoff.ts'
import type { BrokerChannel } from './broker-channel.ts'
import type { Checkout, Saved } from './checkout.ts'

export interface CheckpointsPorts {
  checkout: Pick<Checkout, 'save' | 'saveBeside'>
  /** Without it nothing is saved anywhere. */
  broker: Pick<BrokerChannel, 'there'>
  sleep: Sleep
  random: () => number
  signal: AbortSignal
}

/** Tools that leave everything as it was. */
const readers: ReadonlySet<string> = new Set(['read', 'search', 'list', 'git_diff', 'ask_user'])
const lastTries = 8

export class Checkpoints {
  readonly #ports: CheckpointsPorts
  #isDue = false
  #turn = 0
  #saving: Promise<unknown> = Promise.resolve()

  constructor(ports: CheckpointsPorts) {
    this.#ports = ports
  }

  /** Every event of the agent passes by here. */
  see(event: TaskEvent): void {
    if (event.type === 'turn-began') this.#turn = event.turn
    if (event.type === 'tool-began' && !readers.has(event.tool)) this.#isDue = true
  }

  /** By somebody whose tools do not pass by here. */
  mayHaveChanged(): void {
    this.#isDue = true
  }

  /** Again and again until it is stopped, beside an agent whose turns may be as long as its task (TW45). */
  beside(write: (event: TaskEvent) => void, signal: AbortSignal): void {
    const { sleep, checkout } = this.#ports
    const go = async (): Promise<void> => {
      for (;;) {
        await sleep(limits.agentSaveMs, signal)
        await this.#saving
        if (signal.aborted) return
        // The next look, or the end of the turn, makes up for one that failed.
        await this.#keep(checkout.saveBeside(`Work in turn ${this.#turn}`), this.#turn, write).catch(() => undefined)
      }
    }
    go().catch(() => undefined)
  }

  /** Resolves when none is being made; tools wait for it (TW32). */
  async idle(): Promise<void> {
    await this.#saving
  }

  /** What failed is tried again after the next turn. */
  async afterTurn(turn: number, write: (event: TaskEvent) => void): Promise<void> {
    if (!this.#isDue) return
    try {
      await this.#save(turn, write)
    } catch (thrown) {
      write({
        type: 'notice',
        text: `The work could not be saved outside of the worker: ${asMeshError(thrown).message}`,
      })
    }
  }

  /** Of everything, tools or no tools: tries until it is saved, as long as that makes sense. */
  async last(write: (event: TaskEvent) => void): Promise<void> {
    const { broker, sleep, random, signal } = this.#ports
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#save(Math.max(1, this.#turn), write)
      } catch (thrown) {
        if (attempt === lastTries || signal.aborted) throw thrown
      }
      await sleep(
        backoffMs({ attempt, minMs: limits.modelRetryMinMs, maxMs: limits.modelRetryMaxMs / 4, random }),
        signal,
      )
      // A hub that is away for long takes no try.
      await broker.there(signal)
    }
  }

  async #save(turn: number, write: (event: TaskEvent) => void): Promise<void> {
    await this.#saving
    await this.#keep(this.#ports.checkout.save(`Work of turn ${turn}`), turn, write)
    this.#isDue = false
  }

  async #keep(saving: Promise<Saved | null>, turn: number, write: (event: TaskEvent) => void): Promise<void> {
    this.#saving = saving.catch(() => null)
    const saved = await saving
    if (saved) write({ type: 'checkpoint', turn, ...saved })
  }
}
