/** The host's end of the kernel protocol (kernels/SPEC.md): a connection, requests with answers, events. */
import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { explainIssues } from '@meshbook/core/messages.ts'
import { encodeFrame, FrameReader } from '@meshbook/kernels/wire/frames.ts'
import * as v from 'valibot'

const retryMs = 8

/** How large an image wants to be shown; what is no size is none. */
const pixels = v.optional(
  v.fallback(v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(20_000))), undefined),
)
const part = v.object({
  mimeType: v.string(),
  data: v.string(),
  base64: v.optional(v.boolean()),
  width: pixels,
  height: pixels,
})
const text = v.string()
const kernelEventSchema = v.variant('type', [
  v.object({ type: v.literal('started') }),
  v.object({ type: v.picklist(['stdout', 'stderr']), text }),
  v.object({ type: v.literal('display'), id: v.optional(text), update: v.optional(v.boolean()), parts: v.array(part) }),
  v.object({ type: v.literal('result'), parts: v.array(part) }),
  v.object({ type: v.literal('clear'), wait: v.boolean() }),
  v.object({
    type: v.literal('input-request'),
    id: text,
    prompt: text,
    password: v.boolean(),
    printed: v.optional(v.boolean()),
  }),
  v.object({ type: v.literal('input-answered'), id: text }),
  v.object({ type: v.literal('completed') }),
  v.object({ type: v.literal('failed'), error: v.object({ name: text, message: text, traceback: v.array(text) }) }),
  v.object({ type: v.literal('cancelled') }),
])
export type KernelEvent = v.InferOutput<typeof kernelEventSchema>
export type KernelPart = v.InferOutput<typeof part>

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const fromKernelSchema = v.union([
  v.object({ run: text, n: whole, event: kernelEventSchema }),
  v.object({ id: whole, ok: v.literal(true), result: v.unknown() }),
  v.object({ id: whole, ok: v.literal(false), code: text, detail: text }),
])

export interface NumberedKernelEvent {
  run: string
  n: number
  event: KernelEvent
  bytes: number
}

export interface KernelHandlers {
  onEvent(event: NumberedKernelEvent): void
  /** The connection has ended, by the other side or by a breach of the protocol. */
  onClose(): void
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: MeshError): void
  timer: NodeJS.Timeout
}

const helloSchema = v.object({
  protocol: v.literal(1),
  kernel: text,
  version: text,
  forks: v.optional(v.boolean(), false),
  saves: v.optional(v.boolean(), false),
})
export type KernelHello = Omit<v.InferOutput<typeof helloSchema>, 'protocol'>

export class KernelClient {
  #socket: Socket
  #reader: FrameReader
  #handlers: KernelHandlers
  #requestMs: number
  #waiting = new Map<number, Waiting>()
  #next = 1
  #why = 'the connection was closed'
  hello: KernelHello = { kernel: '', version: '', forks: false, saves: false }

  private constructor(socket: Socket, limits: Limits, handlers: KernelHandlers) {
    this.#socket = socket
    this.#reader = new FrameReader(limits.kernelFrameBytes)
    this.#handlers = handlers
    this.#requestMs = limits.kernelRequestMs
    socket.setNoDelay(true)
    socket.on('data', chunk => this.#read(chunk))
    socket.on('error', error => (this.#why = error.message))
    socket.on('close', () => this.#closed())
  }

  /** Tries until the kernel listens, `signal` says that it never will, or `limits.kernelStartMs` are over. */
  static async connect(
    place: { address: string; port: number; token: string },
    limits: Limits,
    handlers: KernelHandlers,
    signal: AbortSignal,
  ): Promise<KernelClient> {
    const socket = await openSocket(place, AbortSignal.any([signal, AbortSignal.timeout(limits.kernelStartMs)]))
    const client = new KernelClient(socket, limits, handlers)
    try {
      client.hello = v.parse(helloSchema, await client.request('hello', { token: place.token }))
    } catch (error) {
      client.close()
      throw error
    }
    return client
  }

  #read(chunk: Buffer): void {
    try {
      for (const message of this.#reader.push(chunk)) this.#take(message, chunk.length)
    } catch (error) {
      this.#why = `the kernel broke the protocol: ${(error as Error).message}`
      this.#socket.destroy()
    }
  }

  #take(message: unknown, bytes: number): void {
    const parsed = v.safeParse(fromKernelSchema, message)
    if (!parsed.success) throw new Error(explainIssues(parsed.issues))
    const answer = parsed.output
    if ('event' in answer) {
      this.#handlers.onEvent({ ...answer, bytes })
      return
    }
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    clearTimeout(waiting?.timer)
    if (answer.ok) waiting?.resolve(answer.result)
    else waiting?.reject(refusal(answer.code, answer.detail))
  }

  #closed(): void {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(new MeshError('KERNEL_DIED', { detail: this.#why }))
    }
    this.#waiting.clear()
    this.#handlers.onClose()
  }

  request(type: string, fields: object = {}, ms = this.#requestMs): Promise<unknown> {
    if (this.#socket.destroyed) return Promise.reject(new MeshError('KERNEL_DIED', { detail: this.#why }))
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new MeshError('TIMEOUT', { detail: `the kernel did not answer "${type}"` }))
      }, ms)
      this.#waiting.set(id, { resolve, reject, timer })
      this.#socket.write(encodeFrame({ id, type, ...fields }))
    })
  }

  ack(run: string, n: number): void {
    if (!this.#socket.destroyed) this.#socket.write(encodeFrame({ type: 'ack', run, n }))
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.destroy()
  }
}

function refusal(code: string, detail: string): MeshError {
  if (code === 'BUSY') return new MeshError('CONFLICT', { detail: 'a run is in progress' })
  if (code === 'DAMAGED') return new MeshError('SNAPSHOT_REFUSED', { detail })
  return new MeshError('INTERNAL', { detail: `the kernel answered ${code}: ${detail}` })
}

async function openSocket(place: { address: string; port: number }, signal: AbortSignal): Promise<Socket> {
  for (;;) {
    if (signal.aborted) throw new MeshError('KERNEL_START', { detail: 'it did not listen for connections' })
    const socket = connectSocket(place.port, place.address)
    try {
      await once(socket, 'connect', { signal })
      return socket
    } catch {
      // Not listening yet.
      socket.destroy()
      await sleep(retryMs)
    }
  }
}
