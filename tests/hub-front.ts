/** What stands between a device and its hub: it is cut on command, also between a request and its answer. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Cleanup } from './mesh-process.ts'

export class HubFront {
  /** Where the hub is by now. */
  target: string
  /** Nobody gets through. */
  isCut = false
  /** Once a request begins so, its answer and everything after it is cut off. */
  swallow: RegExp | undefined
  swallowed = 0
  readonly #wires = new Set<Socket>()
  readonly #server: Server
  #port = 0

  private constructor(target: string) {
    this.target = target
    this.#server = createServer(client => this.#accept(client))
  }

  static async start(t: Cleanup, target: string): Promise<HubFront> {
    const front = new HubFront(target)
    await new Promise<void>(resolve => front.#server.listen(0, '127.0.0.1', resolve))
    front.#port = (front.#server.address() as { port: number }).port
    t.after(() => {
      front.cut()
      front.#server.close()
    })
    return front
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  cut(): void {
    this.isCut = true
    for (const wire of this.#wires) wire.destroy()
  }

  heal(): void {
    this.isCut = false
  }

  #accept(client: Socket): void {
    if (this.isCut) return void client.destroy()
    const hub = connect(Number(new URL(this.target).port), '127.0.0.1')
    let isSwallowing = false
    for (const [from, to] of [
      [client, hub],
      [hub, client],
    ] as const) {
      this.#wires.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#wires.delete(from)
        to.destroy()
      })
    }
    client.on('data', data => {
      isSwallowing ||= this.swallow?.test(data.toString('latin1')) === true
      hub.write(data)
    })
    hub.on('data', data => {
      if (!isSwallowing) return void client.write(data)
      this.swallowed++
      this.cut()
    })
  }
}
