/** The transcript of one task, followed live: after a cut it goes on behind the last event that it has (TP1). */
import type { Seq } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type NumberedEvent, runEventSchema } from '@meshbook/core/run.ts'
import { addToTranscript, noTranscript, type Transcript } from '@meshbook/core/task-transcript.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import { type ReadonlySignal, signal } from '@preact/signals'
import * as v from 'valibot'

export interface FollowedTask {
  readonly transcript: ReadonlySignal<Transcript>
  readonly state: ReadonlySignal<'opening' | 'live' | 'cut' | 'ended'>
  stop(): void
}

/** What it needs of a browser. */
export interface FollowPorts {
  open(url: string): Source
  /** Calls back before the next picture, or soon where nobody looks. */
  soon(draw: () => void): void
  after(ms: number, work: () => void): () => void
  random(): number
}
export interface Source {
  readonly readyState: number
  onopen: (() => void) | null
  onmessage: ((message: { data: string; lastEventId: string }) => void) | null
  onerror: (() => void) | null
  close(): void
}

const closed = 2
const eventTextSchema = v.pipe(v.string(), v.parseJson(), runEventSchema)

/** `isOver`: nothing comes any more that is not there. */
export function followTask(id: string, isOver: () => boolean, ports: FollowPorts): FollowedTask {
  const transcript = signal(noTranscript)
  const state = signal<'opening' | 'live' | 'cut' | 'ended'>('opening')
  let waiting: NumberedEvent[] = []
  let last = 0
  let attempts = 0
  let isDrawing = false
  let isStopped = false
  let source: Source | undefined
  let cancel: (() => void) | undefined

  const draw = () => {
    isDrawing = false
    if (isStopped) return
    const events = waiting
    waiting = []
    transcript.value = addToTranscript(transcript.peek(), events)
    if (transcript.peek().ended) end()
  }
  const take = ({ data, lastEventId }: { data: string; lastEventId: string }) => {
    const seq = Number(lastEventId)
    // What was cut off may be sent again.
    if (!(seq > last)) return
    const event = v.safeParse(eventTextSchema, data)
    last = seq
    if (!event.success) return
    waiting.push({ seq: seq as Seq, event: event.output })
    if (isDrawing) return
    isDrawing = true
    ports.soon(draw)
  }
  const end = () => {
    source?.close()
    state.value = 'ended'
  }
  const connect = () => {
    source = ports.open(`/api/v1/runs/${encodeURIComponent(id)}/events?after=${last}`)
    source.onopen = () => {
      attempts = 0
      state.value = 'live'
    }
    source.onmessage = take
    source.onerror = () => {
      if (isStopped || state.peek() === 'ended') return
      // The hub answers with nothing at all when there is nothing to come.
      const isClosed = source?.readyState === closed
      if (isClosed && isOver()) return end()
      state.value = 'cut'
      if (!isClosed) return
      const wait = { attempt: ++attempts, minMs: limits.reconnectMinMs, maxMs: limits.reconnectMaxMs }
      cancel = ports.after(backoffMs({ ...wait, random: ports.random }), connect)
    }
  }
  connect()
  return {
    transcript,
    state,
    stop: () => {
      isStopped = true
      source?.close()
      cancel?.()
    },
  }
}

/** A page that nobody sees gets no pictures. */
export const browserFollowPorts: FollowPorts = {
  open: url => new EventSource(url) as unknown as Source,
  soon: draw => void (document.hidden ? setTimeout(draw, 200) : requestAnimationFrame(draw)),
  after: (ms, work) => {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
  random: Math.random,
}
