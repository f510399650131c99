/** Bugs of those who pass frames on. */

import type { Connection, Peer, Relay } from '@meshbook/relay/relay.ts'
import { readSyncFrame } from '@meshbook/relay/sync-frames.ts'
import type { Dial } from '@meshbook/web/sync/link-ports.ts'
import { type PlantedBug, planted } from './planted-bug.ts'

type Open = Relay['open']

/** A relay that is entered differently. */
function entered(relay: Relay, make: (open: Open) => Open): Relay {
  const open = relay.open.bind(relay)
  Object.assign(relay, { open: make(open) })
  return relay
}

/** Edits are shown to the others as they come in, before they are stored. */
function showsFirst(relay: Relay): Relay {
  const readers = new Map<string, Set<Peer>>()
  return entered(relay, open => (key, peer) => {
    const others = readers.get(key.document) ?? new Set()
    readers.set(key.document, others.add(peer))
    const connection = open(key, peer)
    const receive = connection.receive.bind(connection)
    return Object.assign(connection, {
      receive: (frame: Uint8Array) => {
        if (readSyncFrame(frame).type === 'update')
          for (const other of others) if (other !== peer && other.name !== 'hub: file tree') other.send(frame)
        receive(frame)
      },
    }) as Connection
  })
}

/** A reader that is behind gets nothing, and nobody remembers that it is behind. */
function forgetsSlowReaders(relay: Relay): Relay {
  return entered(relay, open => (key, peer) => {
    const careless: Peer = {
      name: peer.name,
      access: peer.access,
      canRun: peer.canRun,
      extensions: peer.extensions,
      backlogBytes: 0,
      send: frame => {
        if (peer.backlogBytes < 300) peer.send(frame)
      },
      close: (code, reason) => peer.close(code, reason),
      pause: () => peer.pause?.(),
      resume: () => peer.resume?.(),
    }
    return open(key, careless)
  })
}

/** What a client wrote while it was offline is never sent. */
const keepsStep2 =
  (dial: Dial): Dial =>
  (address, handlers) => {
    const wire = dial(address, handlers)
    return {
      get open() {
        return wire.open
      },
      send: frame => {
        if (readSyncFrame(frame).type !== 'step2') wire.send(frame)
      },
      close: () => wire.close(),
    }
  }

export const wireBugs: PlantedBug[] = [
  planted('the relay shows an edit before it is stored', 200, {
    relay: (relay, where) => (where === 'hub' ? showsFirst(relay) : relay),
  }),
  planted('a slow reader is not brought up to date', 100, {
    relay: (relay, where) => (where === 'hub' ? forgetsSlowReaders(relay) : relay),
  }),
  planted('the answer to a step 1 is dropped', 100, { dial: keepsStep2 }),
]
