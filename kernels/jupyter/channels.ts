/**
 * The five ZeroMQ channels of a Jupyter kernel. Nothing that the kernel publishes may be lost, and a publisher drops for a
 * reader that is slow, so what arrives is always read, without a mark; who prints too much is stopped otherwise (JK7).
 */
import { randomBytes } from 'node:crypto'
import { Dealer, type Socket, Subscriber } from 'zeromq'
import { BadMessage, type Header, type Message, type MessageCodec } from './message.ts'

export const requestChannels = ['shell', 'control', 'stdin'] as const
export type RequestChannel = (typeof requestChannels)[number]
export type Channel = RequestChannel | 'iopub'
export const ports = ['shell', 'iopub', 'stdin', 'control', 'hb'] as const
export type Ports = Record<(typeof ports)[number], number>

export interface ChannelsOptions {
  address: string
  ports: Ports
  codec: MessageCodec
  /** A kernel that sends more in one frame is cut off by the library. */
  messageBytes: number
  onMessage(channel: Channel, message: Message): void
  onFault(kind: string): void
  onBeat(): void
}

export class Channels {
  readonly #options: ChannelsOptions
  readonly #requests: Record<RequestChannel, Dealer>
  readonly #iopub: Subscriber
  readonly #heart: Dealer
  readonly #sending = new Map<Dealer, Promise<unknown>>()
  #closed = false

  constructor(options: ChannelsOptions) {
    this.#options = options
    const common = { linger: 0, maxMessageSize: options.messageBytes, receiveHighWaterMark: 0 }
    // A kernel finds the channel for its questions by the name of the one who asked on `shell`.
    const routingId = randomBytes(12).toString('hex')
    const dealer = () => new Dealer({ ...common, sendHighWaterMark: 0, routingId })
    this.#requests = { shell: dealer(), control: dealer(), stdin: dealer() }
    this.#iopub = new Subscriber(common)
    this.#heart = new Dealer({ linger: 0 })
    this.#iopub.subscribe()
  }

  connect(): void {
    const { address, ports } = this.#options
    const at = (name: keyof Ports) => `tcp://${address}:${ports[name]}`
    for (const name of requestChannels) {
      this.#requests[name].connect(at(name))
      void this.#read(name, this.#requests[name])
    }
    this.#iopub.connect(at('iopub'))
    void this.#read('iopub', this.#iopub)
    this.#heart.connect(at('hb'))
    void this.#readBeats()
  }

  async #read(channel: Channel, socket: Dealer | Subscriber): Promise<void> {
    for await (const frames of socket) this.#take(channel, frames)
  }

  #take(channel: Channel, frames: Buffer[]): void {
    if (this.#closed) return
    try {
      this.#options.onMessage(channel, this.#options.codec.decode(frames))
    } catch (thrown) {
      if (!(thrown instanceof BadMessage)) throw thrown
      this.#options.onFault(thrown.fault)
    }
  }

  async #readBeats(): Promise<void> {
    for await (const _ of this.#heart) this.#options.onBeat()
  }

  /** The id of the message; it leaves after those before it. */
  send(channel: RequestChannel, type: string, content: object, parent?: Header): string {
    const { id, frames } = this.#options.codec.encode(type, content, parent)
    this.#queue(this.#requests[channel], frames)
    return id
  }

  beat(): void {
    this.#queue(this.#heart, ['', 'ping'])
  }

  /** The library takes one at a time. */
  #queue(socket: Dealer, frames: (Buffer | string)[]): void {
    const before = this.#sending.get(socket) ?? Promise.resolve()
    const sent = before.then(() => (this.#closed ? undefined : socket.send(frames)))
    this.#sending.set(
      socket,
      sent.catch(() => this.#closed || this.#options.onFault('not sent')),
    )
  }

  close(): void {
    this.#closed = true
    const all: Socket[] = [...Object.values(this.#requests), this.#iopub, this.#heart]
    for (const socket of all) socket.close()
  }
}
