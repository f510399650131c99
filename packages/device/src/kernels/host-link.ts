/** The daemon's connection to one kernel host: requests with answers, and readers of events with back-pressure. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Fence, RunId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { explainIssues } from '@meshbook/core/messages.ts'
import { encodeFrame, FrameReader } from '@meshbook/kernels/wire/frames.ts'
import * as v from 'valibot'
import {
  creditBytes,
  type FromHost,
  fromHostSchema,
  type HostAddress,
  type HostRequest,
  type HostState,
  hostFrameBytes,
  hostStateSchema,
} from './host-protocol.ts'
import type { JournalEvent } from './port.ts'

/** Requests that may start or end a kernel take as long as that may take. */
const slowRequests = new Set<HostRequest['type']>(['start', 'restart', 'shutdown', 'execute', 'cancel'])

/** Requests that may write or read all that a session has in memory. */
const savingRequests = new Set<HostRequest['type']>(['start', 'fork', 'save'])

interface Waiting {
  resolve(result: unknown): void
  reject(error: MeshError): void
  timer: NodeJS.Timeout
}

export class HostLink {
  #socket: Socket
  #reader = new FrameReader(hostFrameBytes)
  #limits: Limits
  #onDown: (reason: string) => void
  #waiting = new Map<number, Waiting>()
  #feeds = new Map<number, Feed>()
  #next = 1

  private constructor(socket: Socket, limits: Limits, handlers: { onDown(reason: string): void }) {
    this.#socket = socket
    this.#limits = limits
    this.#onDown = handlers.onDown
    socket.setNoDelay(true)
    socket.on('data', chunk => this.#read(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#closed())
  }

  static async open(
    address: HostAddress,
    limits: Limits,
    handlers: { onDown(reason: string): void },
  ): Promise<{ link: HostLink; state: HostState }> {
    const socket = connect(address.port, '127.0.0.1')
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(limits.kernelRequestMs) })
    } catch (cause) {
      socket.destroy()
      throw new MeshError('UNREACHABLE', { detail: 'the kernel host does not answer', cause })
    }
    const link = new HostLink(socket, limits, handlers)
    const welcome = link.#wait(0, 'state')
    socket.write(encodeFrame({ hello: { token: address.token } }))
    return { link, state: v.parse(hostStateSchema, await welcome) }
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  #read(chunk: Buffer): void {
    try {
      for (const message of this.#reader.push(chunk)) this.#take(message)
    } catch {
      // A host that breaks the protocol is as good as gone; a fresh connection begins anew.
      this.#socket.destroy()
    }
  }

  #take(message: unknown): void {
    const parsed = v.safeParse(fromHostSchema, message)
    if (!parsed.success) throw new MeshError('BAD_MESSAGE', { detail: explainIssues(parsed.issues) })
    const from = parsed.output
    if ('down' in from) this.#onDown(from.down)
    else if ('events' in from) this.#feeds.get(from.sub)?.push(from)
    else if ('sub' in from) this.#feeds.get(from.sub)?.end()
    else this.#settle(from)
  }

  #settle(answer: Extract<FromHost, { id: number }>): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    clearTimeout(waiting?.timer)
    if (answer.ok) waiting?.resolve(answer.result)
    else waiting?.reject(new MeshError(answer.code, answer.detail === undefined ? {} : { detail: answer.detail }))
  }

  #closed(): void {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(gone())
    }
    for (const feed of this.#feeds.values()) feed.fail(gone())
    this.#waiting.clear()
  }

  #wait(id: number, type: HostRequest['type']): Promise<unknown> {
    const { kernelRequestMs, kernelStartMs, interruptGraceMs, snapshotCaptureMs } = this.#limits
    const slowMs = slowRequests.has(type) ? kernelStartMs + interruptGraceMs : 0
    const ms = kernelRequestMs + slowMs + (savingRequests.has(type) ? snapshotCaptureMs : 0)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new MeshError('TIMEOUT', { detail: `the kernel host did not answer "${type}"` }))
      }, ms)
      this.#waiting.set(id, { resolve, reject, timer })
    })
  }

  request(request: HostRequest): Promise<unknown> {
    if (!this.isOpen) return Promise.reject(gone())
    const id = this.#next++
    const answer = this.#wait(id, request.type)
    this.#socket.write(encodeFrame({ id, request }))
    return answer
  }

  #tell(request: HostRequest): void {
    if (this.isOpen) this.#socket.write(encodeFrame({ request }))
  }

  /** Events of a run after `after`, until its end; throws UNREACHABLE when the host goes away. */
  async *events(run: RunId, after: number, signal: AbortSignal): AsyncGenerator<JournalEvent> {
    const sub = this.#next++
    const feed = new Feed()
    this.#feeds.set(sub, feed)
    const stop = () => feed.end()
    signal.addEventListener('abort', stop, { once: true })
    try {
      await this.request({ type: 'events', run, after, sub })
      let owed = 0
      for (let message = await feed.next(); message && !signal.aborted; message = await feed.next()) {
        for (const { seq, event } of message.events as JournalEvent[])
          yield { run, fence: message.fence as Fence, seq, event }
        owed += message.bytes
        if (owed < creditBytes / 4) continue
        this.#tell({ type: 'credit', sub, bytes: owed })
        owed = 0
      }
    } finally {
      signal.removeEventListener('abort', stop)
      this.#feeds.delete(sub)
      this.#tell({ type: 'no-more-events', sub })
    }
  }

  close(): void {
    this.#socket.destroy()
  }
}

function gone(): MeshError {
  return new MeshError('UNREACHABLE', { detail: 'the kernel host has gone away' })
}

type EventsFrame = Extract<FromHost, { events: unknown[] }>

/** What has arrived for one reader. The host's credit bounds it. */
class Feed {
  #arrived: EventsFrame[] = []
  #ended = false
  #error: MeshError | undefined
  #wake: (() => void) | undefined

  push(message: EventsFrame): void {
    this.#arrived.push(message)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  fail(error: MeshError): void {
    this.#error = error
    this.#wake?.()
  }

  async next(): Promise<EventsFrame | undefined> {
    for (;;) {
      const message = this.#arrived.shift()
      if (message) return message
      if (this.#error) throw this.#error
      if (this.#ended) return undefined
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }
}
