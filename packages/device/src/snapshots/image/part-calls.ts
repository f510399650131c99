/**
 * Calls of a worker thread to the thread that has the parts: `put`, `has` and `get` of what the worker encodes and decodes.
 * Bytes are handed over, not copied, where they own their memory.
 */
import { MessageChannel, type MessagePort, type TransferListItem, Worker } from 'node:worker_threads'
import { MeshError } from '@meshbook/core/errors.ts'

export type PartCall =
  | { kind: 'put'; bytes: Uint8Array }
  | { kind: 'has'; part: string }
  | { kind: 'get'; part: string }
  | { kind: 'progress'; done: number; total: number }

export interface Answers {
  put(bytes: Uint8Array): Promise<string>
  has(part: string): Promise<boolean>
  get(part: string): Promise<Uint8Array>
  progress(done: number, total: number): void
}

interface Asked {
  id: number
  call: PartCall
}
type Answer = { id: number; value: unknown } | { id: number; failure: { code: string; detail: string | undefined } }
export type Ended = { value: unknown } | { failure: { code: string; detail: string } }

/** In the worker. */
export function callsOver(port: MessagePort): Answers & { close(): void } {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  let next = 0
  port.on('message', (answer: Answer) => {
    const call = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('failure' in answer) call?.reject(failureOf(answer.failure))
    else call?.resolve(answer.value)
  })
  const ask = (call: PartCall, transfer: TransferListItem[] = []) =>
    new Promise<unknown>((resolve, reject) => {
      const id = next++
      waiting.set(id, { resolve, reject })
      port.postMessage({ id, call } satisfies Asked, transfer)
    })
  return {
    put: async bytes => (await ask({ kind: 'put', bytes }, ownMemory(bytes))) as string,
    has: async part => (await ask({ kind: 'has', part })) as boolean,
    get: async part => (await ask({ kind: 'get', part })) as Uint8Array,
    progress: (done, total) => port.postMessage({ id: -1, call: { kind: 'progress', done, total } } satisfies Asked),
    close: () => port.close(),
  }
}

/** Runs a worker file with its order to the end; the abort signal ends the thread at once. */
export async function runWorker(file: URL, order: object, answers: Answers, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted()
  const { port1: here, port2: there } = new MessageChannel()
  const worker = new Worker(file, {
    workerData: { order, port: there },
    transferList: [there],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  here.on('message', ({ id, call }: Asked) => void reply(here, id, call, answers))
  try {
    return await endOf(worker, signal)
  } finally {
    here.close()
    await worker.terminate()
  }
}

function endOf(worker: Worker, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    worker.once('error', reject)
    worker.once('exit', code => reject(new MeshError('INTERNAL', { detail: `a worker ended with status ${code}` })))
    worker.once('message', (end: Ended) => {
      if ('failure' in end) reject(failureOf(end.failure))
      else resolve(end.value)
    })
  })
}

async function reply(port: MessagePort, id: number, call: PartCall, answers: Answers): Promise<void> {
  if (call.kind === 'progress') return answers.progress(call.done, call.total)
  try {
    const value = await answer(call, answers)
    port.postMessage({ id, value } satisfies Answer)
  } catch (error) {
    port.postMessage({ id, failure: tellable(error) } satisfies Answer)
  }
}

function answer(call: Exclude<PartCall, { kind: 'progress' }>, answers: Answers): Promise<unknown> {
  if (call.kind === 'put') return answers.put(call.bytes)
  if (call.kind === 'has') return answers.has(call.part)
  return answers.get(call.part)
}

export function tellable(error: unknown): { code: string; detail: string } {
  if (error instanceof MeshError) return { code: error.code, detail: error.detail ?? error.message }
  return { code: 'INTERNAL', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

function failureOf({ code, detail }: { code: string; detail: string | undefined }): MeshError {
  return new MeshError(code as MeshError['code'], detail === undefined ? {} : { detail })
}

function ownMemory(bytes: Uint8Array): TransferListItem[] {
  const { buffer } = bytes
  return buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength ? [buffer] : []
}

/** The whole of a worker file: carries out its one order and tells how it ended. */
export function serveOrder<O>(
  parent: MessagePort,
  { order, port }: { order: O; port: MessagePort },
  work: (order: O, answers: Answers) => Promise<unknown>,
): void {
  const answers = callsOver(port)
  void work(order, answers).then(
    value => parent.postMessage({ value } satisfies Ended),
    error => parent.postMessage({ failure: tellable(error) } satisfies Ended),
  )
}
