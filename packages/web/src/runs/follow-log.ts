/** The log of one run, followed live: after a cut it goes on behind the last event that it has, and each event counts once. */
import type { Seq } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type NumberedEvent, runEventSchema } from '@meshbook/core/run.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import { type ReadonlySignal, signal } from '@preact/signals'
import * as v from 'valibot'

export type FollowState = 'opening' | 'live' | 'cut' | 'ended'

export interface FollowedLog {
  readonly state: ReadonlySignal<FollowState>
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

export interface FollowedBy {
  /** Nothing comes any more that is not there. */
  isOver(): boolean
  /** What came since the last picture; answers whether that was the end. */
  take(events: readonly NumberedEvent[]): boolean
}

const closed = 2
const eventTextSchema = v.pipe(v.string(), v.parseJson(), runEventSchema)

export function followLog(id: string, { isOver, take: draw }: FollowedBy, ports: FollowPorts): FollowedLog {
  const state = signal<FollowState>('opening')
  let waiting: NumberedEvent[] = []
  let last = 0
  let attempts = 0
  let isDrawing = false
  let isStopped = false
  let source: Source | undefined
  let cancel: (() => void) | undefined

  const drawn = () => {
    isDrawing = false
    if (isStopped) return
    const events = waiting
    waiting = []
    if (draw(events)) end()
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
    ports.soon(drawn)
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
