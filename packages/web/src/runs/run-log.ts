/**
 * The log of one run, followed live: its events become what a notebook would show of it, by the same fold as everywhere.
 * After a cut it goes on where it was.
 */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { limits } from '@meshbook/core/limits.ts'
import { RunView } from '@meshbook/core/output/run-view.ts'
import { isTerminal, runEventSchema } from '@meshbook/core/run.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import { type ReadonlySignal, signal } from '@preact/signals'
import * as v from 'valibot'
import type { OutputView } from '../notebook/views.ts'

export interface ShownRun {
  output: OutputView
  entry: ExecutionEntry
}
export interface FollowedRun {
  /** Undefined until something has come. */
  readonly shown: ReadonlySignal<ShownRun | undefined>
  readonly state: ReadonlySignal<'opening' | 'live' | 'cut' | 'ended'>
  stop(): void
}

const eventTextSchema = v.pipe(v.string(), v.parseJson(), runEventSchema)

/** `base`: what an entry has that no event says. `isOver`: no event comes any more that is not there. */
export function followRun(base: ExecutionEntry, isOver: () => boolean, random: () => number): FollowedRun {
  const view = new RunView()
  const shown = signal<ShownRun | undefined>(undefined)
  const state = signal<'opening' | 'live' | 'cut' | 'ended'>('opening')
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let frame = 0
  let last = 0
  let attempts = 0

  const draw = () => {
    frame = 0
    const { text, images, entry } = view
    shown.value = { output: { runId: base.id, text, images }, entry: { ...base, ...entry } }
  }
  const take = ({ data, lastEventId }: MessageEvent<string>) => {
    const seq = Number(lastEventId)
    // What was cut off may be sent again.
    if (!(seq > last)) return
    last = seq
    const event = v.safeParse(eventTextSchema, data)
    if (!event.success) return
    view.add(event.output)
    // A program may print thousands of times between two pictures of the screen.
    frame ||= requestAnimationFrame(draw)
    if (isTerminal(event.output)) end()
  }
  const end = () => {
    source?.close()
    state.value = 'ended'
  }
  const connect = () => {
    source = new EventSource(`/api/v1/runs/${encodeURIComponent(base.id)}/events?after=${last}`)
    source.onopen = () => {
      attempts = 0
      state.value = 'live'
    }
    source.onmessage = take
    source.onerror = () => {
      if (state.peek() === 'ended') return
      // The hub answers with nothing at all when there is nothing to come.
      const isClosed = source?.readyState === EventSource.CLOSED
      if (isClosed && isOver()) return end()
      state.value = 'cut'
      if (!isClosed) return
      const wait = { attempt: ++attempts, minMs: limits.reconnectMinMs, maxMs: limits.reconnectMaxMs, random }
      timer = setTimeout(connect, backoffMs(wait))
    }
  }
  connect()
  return {
    shown,
    state,
    stop: () => {
      end()
      clearTimeout(timer)
      cancelAnimationFrame(frame)
    },
  }
}
