/**
 * Passes over a queue that is sent (PH22, PH91): one at a time, by one of all tabs and the worker, and once more where
 * somebody asked meanwhile.
 */
export interface PassPorts {
  /** Runs the work while no other tab and no worker sends. */
  alone(work: () => Promise<void>): Promise<void>
  /** Sends what may be sent; whether something is left that only needs another try. */
  pass(): Promise<boolean>
  /** After the last pass, whatever became of it. */
  done(): Promise<void>
}

export class Passes {
  readonly #ports: PassPorts
  #running: Promise<boolean> | undefined
  #again = false

  constructor(ports: PassPorts) {
    this.#ports = ports
  }

  /** Resolves with what the last pass said. */
  async run(): Promise<boolean> {
    this.#again = true
    this.#running ??= this.#all()
    return await this.#running
  }

  async #all(): Promise<boolean> {
    let isLeft = false
    try {
      while (this.#again) {
        this.#again = false
        await this.#ports.alone(async () => {
          isLeft = await this.#ports.pass()
        })
      }
    } finally {
      this.#running = undefined
      await this.#ports.done()
    }
    return isLeft
  }
}
