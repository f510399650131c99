/** Tells the hub what is wrong on this device: the whole list on each connection, and again when it changed. */
import type { Limits } from '@meshbook/core/limits.ts'
import type { ToldProblems, UpMessage } from '@meshbook/core/messages.ts'

export interface ProblemTellerPorts {
  problems(): ToldProblems
  /** False if it could not be sent. */
  send(message: UpMessage): boolean
  limits: Pick<Limits, 'problemsMs'>
}

export class ProblemTeller {
  readonly #ports: ProblemTellerPorts
  #isTaken = false
  /** What the hub has from this connection. */
  #told: string | undefined
  #soon: NodeJS.Timeout | undefined

  constructor(ports: ProblemTellerPorts) {
    this.#ports = ports
  }

  welcomed(isTaken: boolean): void {
    this.#isTaken = isTaken
    this.#told = undefined
    this.#tell()
  }

  left(): void {
    this.#isTaken = false
    clearTimeout(this.#soon)
    this.#soon = undefined
  }

  changed(): void {
    if (!this.#isTaken || this.#soon) return
    this.#soon = setTimeout(() => {
      this.#soon = undefined
      this.#tell()
    }, this.#ports.limits.problemsMs)
  }

  #tell(): void {
    if (!this.#isTaken) return
    const problems = this.#ports.problems()
    const text = JSON.stringify(problems)
    if (text !== this.#told && this.#ports.send({ type: 'PROBLEMS', ...problems })) this.#told = text
  }
}
