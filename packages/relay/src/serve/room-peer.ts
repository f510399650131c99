/** A WebSocket as a peer of a document's room. Who it is and what it may do is decided by whoever opens it. */
import type { Duplex } from 'node:stream'
import { subprotocol } from '@meshbook/core/frames.ts'
import type { Peer } from '../peer.ts'
import type { LiveSocket } from './live-socket.ts'
import type { Tap } from './tap.ts'
import { LastFrames } from './websocket-frames.ts'

const lastFrames = new LastFrames()

/** `wire` is what the WebSocket runs over. */
export function roomPeer(
  live: LiveSocket,
  tap: Tap,
  wire: Duplex,
  who: Pick<Peer, 'name' | 'access' | 'canRun' | 'tag'>,
): Peer {
  const { socket } = live
  return {
    ...who,
    extensions: socket.protocol === subprotocol,
    get backlogBytes() {
      return socket.bufferedAmount
    },
    send: frame => socket.send(frame),
    // Past the WebSocket object, which holds back nothing without compression: frames and their order stay whole.
    sendAll: frames => live.open && wire.write(lastFrames.bytesOf(frames)),
    close: (code, reason) => live.close(code, reason),
    pause: () => tap.hold('relay'),
    resume: () => tap.release('relay'),
  }
}
