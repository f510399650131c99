import { rssKiB } from '../relay/process-figures.ts'

/** The most memory that a process had since it was made, beyond what it had then. */
export class Peak {
  readonly #pid: number
  readonly #before: number
  readonly #timer: NodeJS.Timeout
  #most = 0

  constructor(pid: number) {
    this.#pid = pid
    this.#before = rssKiB(pid)
    this.#timer = setInterval(() => this.#look(), 250)
  }

  #look(): void {
    this.#most = Math.max(this.#most, rssKiB(this.#pid))
  }

  get mostMB(): number {
    return (this.#most - this.#before) / 1_024
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
