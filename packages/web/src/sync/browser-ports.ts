/** The ports of a document link in a real browser. */
import { subprotocol } from '@meshbook/core/frames.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'
import type { LinkPorts, PagePort, Wire, WireHandlers } from './link-ports.ts'
import { LocalStore } from './local-store.ts'

function syncUrl(address: string): string {
  const path = address.split('/').map(encodeURIComponent).join('/')
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/sync/${path}`
}

function dialWebSocket(address: string, handlers: WireHandlers): Wire {
  const socket = new WebSocket(syncUrl(address), [subprotocol])
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => handlers.opened(socket.protocol === subprotocol)
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) handlers.frame(new Uint8Array(data))
  }
  socket.onclose = ({ code, reason }) => handlers.closed(code, reason)
  return {
    get open() {
      return socket.readyState === WebSocket.OPEN
    },
    send: frame => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame as Uint8Array<ArrayBuffer>)
    },
    close: () => {
      socket.onopen = socket.onmessage = socket.onclose = null
      socket.close()
    },
  }
}

function listen(target: EventTarget, type: string, listener: (event: Event) => void): () => void {
  target.addEventListener(type, listener)
  return () => target.removeEventListener(type, listener)
}

const browserPage: PagePort = {
  onWake: wake => {
    const stops = [
      listen(window, 'online', wake),
      listen(document, 'visibilitychange', () => document.hidden || wake()),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  },
  onLeave: losesWork => listen(window, 'beforeunload', event => losesWork() && event.preventDefault()),
  reload: () => location.reload(),
}

export const browserPorts: LinkPorts = {
  keep: (document, onState) => new LocalStore(document, crypto.randomUUID(), onState),
  dial: dialWebSocket,
  after: systemAfter,
  random: Math.random,
  page: browserPage,
}
