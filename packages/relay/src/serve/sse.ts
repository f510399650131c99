/**
 * Server-sent events from a pulled source: the next chunk is asked for only when the reader took the last one, so a slow
 * reader holds one chunk, not a queue (S24). A comment is sent when nothing else was for a while, so that proxies and
 * clients notice a dead connection.
 */
import { limits } from '@meshbook/core/limits.ts'

/** Text to send, or undefined when the stream is over. Must settle when `signal` aborts. */
export type NextChunk = (signal: AbortSignal) => Promise<string | undefined>

export interface EventStream {
  response: Response
  /** Ends the stream from this side. */
  end(): void
}

export function eventStream(
  next: NextChunk,
  onEnd: () => void,
  beatMs: number = limits.eventStreamBeatMs,
): EventStream {
  const ended = new AbortController()
  ended.signal.addEventListener('abort', onEnd, { once: true })
  let pending: Promise<string | undefined> | undefined
  const body = new ReadableStream<Uint8Array>({
    start: controller => controller.enqueue(bytesOf(': open\n\n')),
    async pull(controller) {
      pending ??= next(ended.signal)
      const chunk = await orBeat(pending, beatMs)
      if (chunk !== beat) pending = undefined
      if (chunk !== undefined && !ended.signal.aborted) return controller.enqueue(bytesOf(chunk))
      ended.abort()
      controller.close()
    },
    cancel: () => ended.abort(),
  })
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
  return { response: new Response(body, { headers }), end: () => ended.abort() }
}

/** One event; `data` is JSON, so it holds no line break. Without a name it reaches an EventSource's `onmessage`. */
export function eventText(id: number | string, data: unknown, name?: string): string {
  return `id: ${id}\n${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`
}

/** The same for what is JSON already, as this process or its store has written it. */
export function eventOfText(id: number, json: string): string {
  return `id: ${id}\ndata: ${json}\n\n`
}

const encoder = new TextEncoder()
const bytesOf = (text: string): Uint8Array => encoder.encode(text)
const beat = ': beat\n\n'

async function orBeat(pending: Promise<string | undefined>, beatMs: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<string>(resolve => {
    timer = setTimeout(resolve, beatMs, beat)
  })
  try {
    return await Promise.race([pending, silence])
  } finally {
    clearTimeout(timer)
  }
}
