/** The hub's event stream, checked and reconnecting. */
import { type HubEvent, hubEventSchema } from '@meshbook/core/api.ts'
import { limits } from '@meshbook/core/limits.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import * as v from 'valibot'

const types = ['devices', 'sessions', 'run', 'gate', 'documents', 'files', 'versions', 'projects', 'storage'] as const

export interface EventHandlers {
  onEvent(event: HubEvent): void
  onState(state: 'open' | 'down'): void
}

/** Listens until the returned function is called. EventSource reconnects by itself, except after an HTTP error. */
export function listenToHub(handlers: EventHandlers, random: () => number): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempts = 0
  let stopped = false

  const connect = () => {
    if (stopped) return
    source = new EventSource('/api/v1/events')
    source.onopen = () => {
      attempts = 0
      handlers.onState('open')
    }
    source.onerror = () => {
      handlers.onState('down')
      if (source?.readyState === EventSource.CLOSED) retry()
    }
    for (const type of types) source.addEventListener(type, message => receive(message as MessageEvent<string>))
  }
  const receive = (message: MessageEvent<string>) => {
    const parsed = v.safeParse(hubEventSchema, parseJson(message.data))
    if (parsed.success) handlers.onEvent(parsed.output)
  }
  const retry = () => {
    const wait = { attempt: ++attempts, minMs: limits.reconnectMinMs, maxMs: limits.reconnectMaxMs, random }
    clearTimeout(timer)
    timer = setTimeout(connect, backoffMs(wait))
  }
  connect()
  return () => {
    stopped = true
    clearTimeout(timer)
    source?.close()
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
