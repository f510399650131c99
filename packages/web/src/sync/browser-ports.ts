/** The ports of a document link in a real browser. */

import { subprotocol } from '@meshbook/core/frames.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'
import { askToKeep, browserDatabase, browserName, randomName } from './browser-storage.ts'
import { campaignWith, openTabs } from './browser-tabs.ts'
import type { LinkPorts, PagePort, Wire, WireHandlers } from './link-ports.ts'

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

function listen(listeners: readonly [EventTarget, string, (event: Event) => void][]): () => void {
  for (const [target, type, listener] of listeners) target.addEventListener(type, listener)
  return () => {
    for (const [target, type, listener] of listeners) target.removeEventListener(type, listener)
  }
}

/** Told by whoever sees first that the hub answers again. */
const hubIsBack = 'meshbook:hub-is-back'
export const tellHubIsBack = (): void => void dispatchEvent(new Event(hubIsBack))

const browserPage: PagePort = {
  onWake: wake =>
    listen([
      [window, 'online', wake],
      [window, hubIsBack, wake],
      [window, 'pageshow', wake],
      [document, 'resume', wake],
      [document, 'visibilitychange', () => document.hidden || wake()],
    ]),
  onLeave: losesWork => listen([[window, 'beforeunload', event => losesWork() && event.preventDefault()]]),
  onHide: hide =>
    listen([
      [window, 'pagehide', hide],
      [document, 'visibilitychange', () => document.hidden && hide()],
    ]),
}

export const browserPorts: LinkPorts = {
  database: browserDatabase,
  dial: dialWebSocket,
  openTabs,
  campaign: campaignWith(navigator.locks),
  after: systemAfter,
  random: Math.random,
  newTab: randomName,
  browser: browserName(),
  page: browserPage,
  onPrecious: () => void askToKeep(),
}
