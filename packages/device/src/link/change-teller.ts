/** Tells the hub one thing of this device as a whole: on each connection to a hub that takes it, and again when it changed. */
import type { UpMessage } from '@meshbook/core/messages.ts'

export interface ChangeTellerPorts {
  /** What is told, as it is now. */
  message(): UpMessage
  /** False if it could not be sent. */
  send(message: UpMessage): boolean
  /** So long a change may wait for the next one. */
  delayMs: number
}

export class ChangeTeller {
  readonly #ports: ChangeTellerPorts
  #isTaken = false
  /** What the hub has from this connection. */
  #told: string | undefined
  #soon: NodeJS.Timeout | undefined

  constructor(ports: ChangeTellerPorts) {
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
    }, this.#ports.delayMs)
  }

  #tell(): void {
    if (!this.#isTaken) return
    const message = this.#ports.message()
    const text = JSON.stringify(message)
    if (text !== this.#told && this.#ports.send(message)) this.#told = text
  }
}
