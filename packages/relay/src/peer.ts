/** The two ends of a place in a room: what the relay asks of whoever holds the socket, and what it offers to it. */

export interface Peer {
  /** For the log. */
  readonly name: string
  readonly access: 'read' | 'write'
  /** Whether a run request that this connection writes into the document counts as asked for by somebody who may run. */
  readonly canRun: boolean
  /** Speaks the subprotocol meshbook.v1: durable acknowledgements and epochs. */
  readonly extensions: boolean
  /** Bytes sent and not yet taken by the network. */
  readonly backlogBytes: number
  readonly tag?: unknown
  send(frame: Uint8Array): void
  /** The same as `send` for each, in order. Peers that are told the same get the same array, one after the other. */
  sendAll?(frames: readonly Uint8Array[]): void
  /** The relay is done with this connection; called at most once, never after `Connection.close`. */
  close(code: number, reason: string): void
  /** Stop and resume reading the socket: the disk is slower than it. */
  pause?(): void
  resume?(): void
  /** The other side acknowledged more of what was sent to it. */
  onDelivery?(delivery: Delivery): void
}

/** Update-carrying frames sent to the other side, and how many of them it says are durable there (extensions only). */
export interface Delivery {
  sent: number
  durable: number
}

export interface Connection {
  /** One frame of the sync protocol. Frames that come before the document is loaded wait; they are not dropped. */
  receive(frame: Uint8Array): void
  /** The socket is closed. */
  close(): void
  /** The relay wants no more frames for now; see `Peer.pause`. */
  readonly paused: boolean
  readonly delivery: Delivery
  /** The other side has acknowledged everything that is durable here (extensions only). */
  readonly settled: boolean
}
