/** What people tell a running agent: messages, interrupt, pause, continue, stop. Kept here until the loop looks. */

export interface UserMessage {
  id: string
  by: string
  text: string
}

/** Why a step was cut. */
export class StepCut extends Error {
  readonly as: 'interrupted' | 'stopped' | 'over'
  readonly by: string

  constructor(as: StepCut['as'], by: string) {
    super(`${as} by ${by}`)
    this.as = as
    this.by = by
  }
}

export class Controls {
  readonly #messages = new Map<string, UserMessage>()
  #wanted: { as: 'pause' | 'interrupt' | 'continue'; by: string } | undefined
  #stoppedBy: string | undefined
  #cut = new AbortController()
  #changed = Promise.withResolvers<void>()

  /** Heard at the next turn; the same id again changes nothing. */
  message(message: UserMessage): void {
    if (!this.#messages.has(message.id)) this.#messages.set(message.id, message)
    this.#change()
  }

  interrupt(by: string): void {
    this.#wanted = { as: 'interrupt', by }
    this.#cut.abort(new StepCut('interrupted', by))
    this.#change()
  }

  pause(by: string): void {
    if (this.#wanted?.as !== 'interrupt') this.#wanted = { as: 'pause', by }
    this.#change()
  }

  continue(by: string): void {
    this.#wanted = { as: 'continue', by }
    this.#change()
  }

  stop(by: string): void {
    this.#stoppedBy ??= by
    this.#cut.abort(new StepCut('stopped', by))
    this.#change()
  }

  get stoppedBy(): string | undefined {
    return this.#stoppedBy
  }

  /** Messages that were not heard yet, in their order. */
  unheard(heard: ReadonlySet<string>): UserMessage[] {
    return [...this.#messages.values()].filter(({ id }) => !heard.has(id))
  }

  /** What was asked for last; it is asked for no more. */
  takeWanted(): { as: 'pause' | 'interrupt' | 'continue'; by: string } | undefined {
    const wanted = this.#wanted
    this.#wanted = undefined
    if (wanted?.as === 'interrupt' && this.#stoppedBy === undefined) this.#cut = new AbortController()
    return wanted
  }

  /** Aborted by `interrupt` and `stop`. */
  get cut(): AbortSignal {
    return this.#cut.signal
  }

  /** Resolves when something is told after this call. */
  get changed(): Promise<void> {
    return this.#changed.promise
  }

  #change(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}
