/**
 * Brings a document of this device from one epoch into another after the hub renewed it: the local copy gives way to the
 * hub's, and what the hub had not got of it is carried over as a difference of texts (I2). It knows neither who has the
 * document open nor how it travels.
 */
import { sharedNames } from '@meshbook/core/executions.ts'
import type { DocumentId, Epoch, OrgId } from '@meshbook/core/ids.ts'
import { applyEdits, type Edit } from '@meshbook/core/notebook/edits.ts'
import { editsBetween } from '@meshbook/core/text/edits.ts'
import { newClientId, openLocalPeer } from '@meshbook/relay/local-peer.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import type { StoredDocument } from '@meshbook/relay/store/document-store.ts'
import * as Y from 'yjs'
import { mergeFile } from './projects/merge-file.ts'
import type { DeviceStore } from './store/device-store.ts'

export interface EpochMovesPorts {
  relay: Relay
  org: OrgId
  store: DeviceStore
}

export class EpochMoves {
  readonly #ports: EpochMovesPorts

  constructor(ports: EpochMovesPorts) {
    this.#ports = ports
  }

  /** Documents whose new content has not come yet, or has not got what was carried. */
  list(): Promise<DocumentId[]> {
    return this.#ports.store.query('listMoves', { org: this.#ports.org })
  }

  /** The text is at the hub, whose document has this epoch. */
  noteHubText(document: DocumentId, epoch: Epoch, text: string): Promise<void> {
    return this.#ports.store.call('noteHubText', { org: this.#ports.org, document, epoch, text })
  }

  /** From here on the local document is empty and of the hub's epoch, and its text is kept beside it. */
  async begin(document: DocumentId, epoch: Epoch): Promise<void> {
    const { relay, org, store } = this.#ports
    await relay.exchange({ org, document }, async stored => {
      if (stored.epoch === epoch) return epoch
      const merge = await store.query('pendingMerge', { org, document })
      const move = await store.query('findMove', { org, document })
      const mine = textOf(stored, [merge, move?.carry ?? null])
      const from = { epoch: stored.epoch, position: stored.position }
      // Below 2^31 and never 0, as the client ids of files are.
      const client = (newClientId(relay.random) >>> 1) + 1
      const begun = await store.call('beginMove', { org, document, from, epoch, mine, merge, client })
      return begun === null ? undefined : epoch
    })
  }

  /** The hub's content is here: what it lacks is brought into it. */
  async finish(document: DocumentId): Promise<void> {
    const { relay, org, store } = this.#ports
    const move = await store.query('findMove', { org, document })
    if (!move) return
    const { epoch, base, mine } = move
    const local = openLocalPeer(relay, { org, document }, { name: 'device: carry over' })
    try {
      await local.ready
      const hubText = local.doc.getText(sharedNames.content).toString()
      const carry = move.carry ?? carryOver(local.doc, newClientId(relay.random), base, mine)
      if (!move.carry) await store.call('keepCarry', { org, document, epoch, carry, hubText })
      Y.applyUpdate(local.doc, carry)
      await local.durable()
      await store.call('endMove', { org, document, epoch })
    } finally {
      local.close()
    }
  }
}

/** The update that does to the hub's document what was done to `base` here; without a base nothing counts as removed. */
function carryOver(doc: Y.Doc, client: number, base: string | null, mine: string): Uint8Array {
  if (base === null) return mergeFile(doc, client, undefined, mine)
  const theirs = doc.getText(sharedNames.content).toString()
  return mergeFile(doc, client, { text: commonBase(base, mine, theirs), snapshot: null }, mine)
}

/**
 * What both have in common beyond the base: an edit that both show reached the hub, whose answer did not reach this
 * device, and must not be made twice. Of text that both put into the same place that is what both begin with.
 */
export function commonBase(base: string, mine: string, theirs: string): string {
  const others = new Map(editsBetween(base, theirs).map(edit => [edit.at, edit]))
  const common = editsBetween(base, mine).flatMap(edit => commonEdit(edit, others.get(edit.at)))
  return applyEdits(base, common)
}

function commonEdit(mine: Edit, theirs: Edit | undefined): Edit[] {
  if (!theirs || theirs.remove !== mine.remove) return []
  let length = 0
  while (length < mine.insert.length && mine.insert[length] === theirs.insert[length]) length++
  return [{ at: mine.at, remove: mine.remove, insert: mine.insert.slice(0, length) }]
}

function textOf({ snapshot, tail }: StoredDocument, more: readonly (Uint8Array | null)[]): string {
  const doc = new Y.Doc()
  try {
    for (const piece of [...(snapshot ? [snapshot.data] : []), ...tail]) Y.applyUpdate(doc, piece)
    for (const piece of more) if (piece) Y.applyUpdate(doc, piece)
    return doc.getText(sharedNames.content).toString()
  } finally {
    doc.destroy()
  }
}
