/**
 * A peer of the hub's own in a document's room, for work that somebody waits for. The relay's local peer tries again by
 * itself when the disk fails; whoever waits here is told at once instead.
 */
import type { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import type { DocumentKey, Relay } from '@meshbook/relay/relay.ts'
import { within } from '@meshbook/relay/within.ts'
import type * as Y from 'yjs'

export interface OwnPeer {
  readonly doc: Y.Doc
  readonly loaded: Promise<void>
  /** Until every edit made here so far is fsynced, however long the disk fails. */
  saved(): Promise<void>
  /** Until the content is there. */
  ready(): Promise<void>
  /** The same, for somebody who waits: an error at once when the disk fails. */
  durable(): Promise<void>
  close(): void
}

export function openOwnPeer(
  relay: Relay,
  key: DocumentKey,
  name: string,
  onError?: (error: MeshError, final: boolean) => void,
  tag?: unknown,
): OwnPeer {
  const waiting = new Set<(error: MeshError) => void>()
  const peer = openLocalPeer(relay, key, {
    name,
    tag,
    onError: (error, final) => {
      for (const reject of waiting) reject(error)
      onError?.(error, final)
    },
  })
  const orTrouble = async (promise: Promise<void>, what: string): Promise<void> => {
    let giveUp: (error: MeshError) => void = () => undefined
    const trouble = new Promise<never>((_, reject) => {
      giveUp = reject
      waiting.add(reject)
    })
    try {
      await within(limits.requestMs, Promise.race([promise, trouble]), what)
    } finally {
      waiting.delete(giveUp)
    }
  }
  return {
    doc: peer.doc,
    loaded: peer.ready,
    saved: () => peer.durable(),
    ready: () => orTrouble(peer.ready, 'loading the document'),
    durable: () => orTrouble(peer.durable(), 'storing the document'),
    close: () => peer.close(),
  }
}
