/**
 * A TCP proxy whose wires go wrong on command (NW10–NW12). It knows bytes and connections only; when something goes wrong
 * is decided by whoever holds it.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Pipe, reset } from './pipe.ts'

export type Direction = 'up' | 'down' | 'both'
export type Fault =
  | { kind: 'latency'; ms: number }
  | { kind: 'stall'; ms: number }
  | { kind: 'half-open'; direction: Direction }
  | { kind: 'reset' }
  | { kind: 'partition'; how: 'refused' | 'silent' }
  | { kind: 'heal' }

export interface Target {
  host: string
  port: number
}

export class TcpProxy {
  readonly #target: Target
  readonly #server: Server
  readonly #wires = new Set<Wire>()
  /** Clients that came while everything was silent. */
  readonly #ignored = new Set<Socket>()
  #latencyMs: number
  #partition: 'refused' | 'silent' | undefined

  constructor(target: Target, latencyMs = 0) {
    this.#target = target
    this.#latencyMs = latencyMs
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, client => this.#accept(client))
  }

  /** Resolves with the port. */
  listen(host: string, port = 0): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, host, () => {
        const address = this.#server.address()
        resolve(typeof address === 'object' && address ? address.port : port)
      })
    })
  }

  get wires(): number {
    return this.#wires.size
  }

  do(fault: Fault): void {
    switch (fault.kind) {
      case 'latency':
        this.#latencyMs = fault.ms
        return
      case 'stall':
        for (const wire of this.#wires) wire.stall(fault.ms)
        return
      case 'half-open':
        for (const wire of this.#wires) wire.swallow(fault.direction)
        return
      case 'reset':
        for (const wire of this.#wires) wire.reset()
        return
      case 'partition':
        this.#part(fault.how)
        return
      case 'heal':
        this.#heal()
    }
  }

  #part(how: 'refused' | 'silent'): void {
    this.#partition = how
    for (const wire of this.#wires) {
      if (how === 'refused') wire.reset()
      else wire.swallow('both')
    }
  }

  #heal(): void {
    this.#partition = undefined
    for (const wire of this.#wires) if (wire.isBroken) wire.reset()
    for (const client of this.#ignored) reset(client)
    this.#ignored.clear()
  }

  #accept(client: Socket): void {
    client.on('error', () => client.destroy())
    if (this.#partition === 'refused') reset(client)
    else if (this.#partition === 'silent') this.#ignore(client)
    else this.#join(client)
  }

  #ignore(client: Socket): void {
    this.#ignored.add(client)
    client.once('close', () => this.#ignored.delete(client)).resume()
  }

  #join(client: Socket): void {
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true })
    const wire = new Wire(
      client,
      server,
      () => this.#latencyMs,
      () => this.#wires.delete(wire),
    )
    this.#wires.add(wire)
  }

  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.do({ kind: 'reset' })
    this.#heal()
    await closed
  }
}

/** A client's connection and the one to the target that stands for it. */
class Wire {
  readonly #client: Socket
  readonly #server: Socket
  readonly #up: Pipe
  readonly #down: Pipe

  constructor(client: Socket, server: Socket, latencyMs: () => number, gone: () => void) {
    this.#client = client
    this.#server = server
    this.#up = new Pipe(client, server, latencyMs)
    this.#down = new Pipe(server, client, latencyMs)
    for (const [end, into] of [
      [client, this.#up],
      [server, this.#down],
    ] as const) {
      end.on('error', () => into.fail())
      end.on('close', () => {
        into.finish()
        if (client.destroyed && server.destroyed) gone()
      })
    }
  }

  get isBroken(): boolean {
    return this.#up.isSwallowing || this.#down.isSwallowing
  }

  stall(ms: number): void {
    this.#up.stall(ms)
    this.#down.stall(ms)
  }

  swallow(direction: Direction): void {
    if (direction !== 'down') this.#up.swallow()
    if (direction !== 'up') this.#down.swallow()
  }

  reset(): void {
    reset(this.#client)
    reset(this.#server)
  }
}
