/**
 * An open document: its Yjs document, kept in this browser, in step with its other tabs and with the hub. It owns the
 * answer to "is it saved?" and knows nothing of what the document means.
 */
import { closeCodes, errors } from '@meshbook/core/errors.ts'
import { type Signal, signal } from '@preact/signals'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { ApiError } from '../api/api-error.ts'
import { DocumentKeeper, type KeeperState } from './document-keeper.ts'
import { countBeyond, covers, type EditVector, joined, noEdits } from './edit-vector.ts'
import { HubConnection, type HubState } from './hub-connection.ts'
import type { LinkPorts, OldDocument } from './link-ports.ts'
import { type Peer, peersOf } from './peers.ts'
import { isDue } from './put-aside.ts'
import { textOfRows } from './stored-rows.ts'
import { losesWork, type SyncFacts } from './sync-status.ts'
import { TabGroup, type TabMember } from './tab-group.ts'
import type { LeaderStatus, Refusal } from './tab-messages.ts'

export interface LinkOptions {
  document: string
  /** `<owner>/<project>/<path>` */
  address: string
  user: string
  /** The hub's document is another one now: this link shows the old one until it is closed. Open a new link with the ports. */
  onReplaced(unsent: number, ports: LinkPorts): void
  /** Nothing of the document is on this device and the hub cannot be reached; `open` goes on waiting. */
  onUnavailable(): void
  /** Gives up opening. */
  signal?: AbortSignal
}

/** What was carried over from the document that this one took the place of. */
export interface Carried {
  /** Changes that the hub had not acknowledged. */
  edits: number
  /** Whether they are in this document now. */
  done: boolean
  oldText: string
}

const firstFacts: SyncFacts = { hub: 'connecting', unsent: 0, atRisk: 0, problem: undefined, refused: undefined }
const empty = new Uint8Array([0, 0])
const keepOldMs = 60_000
const carryAfterMs = 2_000

/** What is being stored is waited for this often, this long. */
const storedTries = 60
const storedLookMs = 50

export class DocumentLink {
  readonly doc = new Y.Doc()
  readonly awareness = new Awareness(this.doc)
  readonly facts: Signal<SyncFacts> = signal(firstFacts)
  readonly peers: Signal<readonly Peer[]> = signal([])
  readonly carried: Signal<Carried | undefined> = signal(undefined)
  /** Rows on this device that could not be read. */
  readonly unreadable: Signal<number> = signal(0)
  readonly tab: string
  readonly #options: LinkOptions
  readonly #ports: LinkPorts
  readonly #keeper: DocumentKeeper
  readonly #tabs: TabGroup
  readonly #ready = Promise.withResolvers<void>()
  readonly #stops: (() => void)[] = []
  #hub: HubConnection | undefined
  #epoch: number | undefined
  #newEpoch: number | undefined
  #have: EditVector = noEdits
  #acked: EditVector = noEdits
  #kept: KeeperState = { stored: noEdits, problem: undefined }
  #status: LeaderStatus = { hub: 'connecting', refused: undefined }
  /** Edits of older documents that are not in this one yet. */
  #due = 0
  #carrying: Promise<void> | undefined
  #carries = 0
  /** What another tab's message brought, while it is taken. */
  #arrived: Uint8Array[] = []
  #precious = false
  #closed = false

  constructor(options: LinkOptions, ports: LinkPorts) {
    this.#options = options
    this.#ports = ports
    this.tab = ports.newTab()
    this.#keeper = new DocumentKeeper({
      document: options.document,
      database: ports.database,
      after: ports.after,
      onState: state => {
        this.#kept = state
        this.#learn()
      },
      onForeign: () => void this.#makeRoom(this.#newEpoch),
    })
    this.#tabs = new TabGroup(options.document, this.#member(), ports)
    this.awareness.on('change', this.#showPeers)
    this.awareness.on('update', this.#passPresence)
    this.#ready.promise.catch(() => undefined)
    this.#stops.push(
      ports.page.onLeave(() => losesWork(this.facts.peek())),
      ports.page.onWake(() => this.#tabs.woke()),
      ports.page.onHide(() => void this.#keeper.flush()),
    )
  }

  /** Resolves when there is something to show: what this browser or another tab has, or else what the hub has. */
  async open(): Promise<void> {
    const kept = await this.#keeper.load()
    if (this.#closed) return await this.#ready.promise
    if (kept) {
      this.#epoch = kept.epoch
      this.#have = kept.made
      this.#acked = kept.acked
      this.unreadable.value = kept.unreadable
      this.#lookAtOld(kept.old)
      this.doc.transact(() => {
        for (const update of kept.updates) Y.applyUpdate(this.doc, update, this.#keeper)
      }, this.#keeper)
      if (kept.updates.length > 0) this.#ready.resolve()
    }
    this.doc.on('update', this.#keep)
    this.awareness.setLocalStateField('user', { name: this.#options.user, browser: this.#ports.browser })
    this.#tabs.start()
    this.#learn()
    await this.#ready.promise
  }

  /** The edits that are in the document now, once they are stored here; undefined where they cannot be. */
  async stored(): Promise<EditVector | undefined> {
    const have = this.#have
    for (let tries = 0; tries < storedTries; tries++) {
      await this.#keeper.flush()
      if (!this.#keeper.database.lasting) return undefined
      if (covers(joined(this.#acked, this.#kept.stored), have)) return have
      // Another tab is storing its own at this moment.
      await new Promise<void>(resolve => void this.#ports.after(storedLookMs, resolve))
    }
    return undefined
  }

  /** Which of the hub's documents this is; undefined until that is known. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /** The hub has no such document, or none for us. */
  get isGone(): boolean {
    const code = this.#status.refused?.code
    return code === closeCodes.notFound || code === closeCodes.forbidden
  }

  /** Whether the hub has these edits; a tab whose edits are all acknowledged is no longer named. */
  isAcknowledged(edits: EditVector): boolean {
    const known = Object.fromEntries(Object.entries(edits).filter(([tab]) => this.#have[tab] !== undefined))
    return this.#due === 0 && this.#newEpoch === undefined && covers(this.#acked, known)
  }

  /** Forgets the document that this one took the place of. */
  async dismissCarried(): Promise<void> {
    await this.#keeper.forgetOld()
    this.carried.value = undefined
    this.#tabs.post({ type: 'carried' })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#ready.reject(new ApiError('SHUTTING_DOWN'))
    for (const stop of this.#stops) stop()
    this.awareness.destroy()
    this.awareness.off('change', this.#showPeers)
    this.awareness.off('update', this.#passPresence)
    this.#hub?.close()
    this.#keeper.close()
    // What is still being put aside is announced on the channel afterwards.
    if (this.#newEpoch === undefined) this.#tabs.close()
    else void this.#keeper.flush().then(() => this.#tabs.close())
    this.doc.off('update', this.#keep)
    this.doc.destroy()
  }

  readonly #keep = (update: Uint8Array, origin: unknown): void => {
    if (origin === this.#keeper) return
    if (origin === this.#tabs) {
      this.#arrived.push(update)
      return
    }
    const epoch = this.#epoch ?? 0
    if (this.#hub && origin === this.#hub.client) {
      this.#keeper.append({ update, edits: noEdits })
      this.#tabs.post({ type: 'remote', epoch, update })
      return
    }
    const n = (this.#have[this.tab] ?? 0) + 1
    this.#have = { ...this.#have, [this.tab]: n }
    this.#keeper.append({ update, edits: { [this.tab]: n } })
    this.#tabs.postSoon({ type: 'edit', from: this.tab, epoch, n, update })
    this.#edited()
  }

  #edited(): void {
    this.#hub?.edited()
    this.#learn()
  }

  #member(): TabMember {
    const link = this
    return {
      tab: this.tab,
      get epoch() {
        return link.#closed ? undefined : link.#epoch
      },
      get have() {
        return link.#have
      },
      get acked() {
        return link.#acked
      },
      vector: () => Y.encodeStateVector(this.doc),
      updateSince: vector => Y.encodeStateAsUpdate(this.doc, vector),
      take: (update, edits) => this.#takeFromTab(update, edits),
      adopt: epoch => this.#setEpoch(epoch),
      takeAcked: acked => this.#takeAcked(acked),
      takeStatus: status => this.#takeStatus(status),
      takePresence: update => applyAwarenessUpdate(this.awareness, update, this.#tabs),
      presence: () => encodeAwarenessUpdate(this.awareness, [...this.awareness.getStates().keys()]),
      lead: () => this.#lead(),
      follow: () => {
        this.#hub?.close()
        this.#hub = undefined
      },
      replaced: epoch => {
        if (this.#newEpoch === undefined) void this.#makeRoom(epoch)
      },
      carryOver: () => {
        if (this.#hub) this.#carryOver(true)
      },
      carried: () => void this.#readOld(),
    }
  }

  #takeFromTab(update: Uint8Array, edits: EditVector): boolean {
    Y.applyUpdate(this.doc, update, this.#tabs)
    const arrived = this.#arrived.splice(0)
    const { pendingStructs, pendingDs } = this.doc.store
    const complete = pendingStructs === null && pendingDs === null
    const news = complete && !covers(this.#have, edits) ? edits : noEdits
    if (arrived.length > 0 || news !== noEdits) {
      const merged = arrived.length > 1 ? Y.mergeUpdates(arrived) : (arrived[0] ?? empty)
      this.#have = joined(this.#have, news)
      this.#keeper.append({ update: merged, edits: news })
      this.#edited()
    }
    if (complete && this.#epoch !== undefined && this.doc.store.clients.size > 0) this.#ready.resolve()
    return complete
  }

  #lead(): void {
    this.#hub = new HubConnection({
      address: this.#options.address,
      doc: this.doc,
      awareness: this.awareness,
      ports: this.#ports,
      epoch: this.#epoch,
      have: () => this.#have,
      onState: hub => this.#leadWith({ hub, refused: undefined }),
      onEpoch: epoch => this.#setEpoch(epoch),
      onReplaced: epoch => void this.#makeRoom(epoch),
      onAcked: acked => {
        this.#takeAcked(acked)
        this.#tabs.announce(this.#status)
      },
      onRefused: (code, reason) => this.#leadWith({ hub: 'offline', refused: { code, reason } }),
    })
    this.#leadWith({ hub: 'connecting', refused: undefined })
  }

  #leadWith(status: LeaderStatus): void {
    this.#takeStatus(status)
    this.#tabs.announce(status)
    if (status.hub === 'live') this.#carryOver(false)
  }

  #takeStatus(status: LeaderStatus): void {
    const before = this.#status.hub
    this.#status = status
    if (status.hub === 'live') this.#ready.resolve()
    if (status.hub === 'live' && before !== 'live' && !this.#hub) this.#renewPresence()
    if (status.hub === 'offline' && this.doc.store.clients.size === 0) this.#options.onUnavailable()
    if (status.hub === 'live' && before !== 'live') this.#carryIfNobodyDoes()
    if (status.refused) this.#ready.reject(refusalError(status.refused))
    this.#learn()
  }

  /** The leader's new connection brings nobody's presence but its own. */
  #renewPresence(): void {
    const state = this.awareness.getLocalState()
    if (state) this.awareness.setLocalState(state)
  }

  #takeAcked(acked: EditVector): void {
    if (covers(this.#acked, acked)) return
    this.#acked = joined(this.#acked, acked)
    if (this.#hub) this.#keeper.acknowledge(acked)
    this.#learn()
  }

  #setEpoch(epoch: number): void {
    if (this.#epoch === epoch) return
    this.#epoch = epoch
    this.#keeper.begin(epoch)
  }

  /** Another document took this one's place: it is put aside, never merged (I2). Again for what is typed meanwhile. */
  async #makeRoom(epoch: number | undefined): Promise<void> {
    const first = this.#newEpoch === undefined
    this.#newEpoch = epoch ?? this.#newEpoch ?? 0
    this.#hub?.close()
    this.#hub = undefined
    await this.#keeper.putAside(this.#newEpoch)
    if (first) this.#tabs.post({ type: 'replaced', epoch: this.#newEpoch })
    this.#tabs.post({ type: 'due' })
    if (!first || this.#closed) return
    this.#tabs.resign()
    const unsent = countBeyond(this.#have, this.#acked)
    this.#options.onReplaced(unsent, { ...this.#ports, database: this.#keeper.database })
  }

  #carryOver(asked: boolean): void {
    if (this.#closed || this.#status.hub !== 'live' || (this.#due === 0 && !asked)) return
    this.#carrying = (this.#carrying ?? Promise.resolve()).then(() => this.#carryOnce())
  }

  /** The leader does it at once, unless its browser's database failed it: then it does not know of what is in there. */
  #carryIfNobodyDoes(): void {
    if (!this.#hub && this.#due > 0) this.#stops.push(this.#ports.after(carryAfterMs, () => this.#carryOver(false)))
  }

  async #carryOnce(): Promise<void> {
    if (this.#closed || this.#newEpoch !== undefined) return
    if (!(await this.#keeper.readyToCarry())) {
      this.#stops.push(this.#ports.after(carryAfterMs, () => this.#carryOver(false)))
      return
    }
    if (this.#closed || this.#newEpoch !== undefined) return
    const name = `${this.tab}+${++this.#carries}`
    const row = await this.#keeper.carryOver(Y.encodeStateAsUpdate(this.doc), name)
    if (this.#closed) return
    if (row) {
      this.#have = joined(this.#have, row.edits)
      Y.applyUpdate(this.doc, row.update, this.#keeper)
      this.#tabs.post({ type: 'edit', from: name, epoch: this.#epoch ?? 0, n: 1, update: row.update })
      this.#edited()
    }
    await this.#readOld()
    this.#tabs.post({ type: 'carried' })
  }

  async #readOld(): Promise<void> {
    this.#lookAtOld(await this.#keeper.old())
    this.#carryIfNobodyDoes()
    this.#learn()
  }

  #lookAtOld(old: readonly OldDocument[]): void {
    const unsent = old.filter(each => each.unsent > 0)
    const due = unsent.filter(isDue)
    const sum = (list: readonly OldDocument[]) => list.reduce((edits, each) => edits + each.unsent, 0)
    this.#due = sum(due)
    const newest = unsent.at(-1)
    this.carried.value = undefined
    if (newest) this.carried.value = { edits: sum(unsent), done: due.length === 0, oldText: textOfRows(newest.rows) }
    else if (old.length > 0) this.#stops.push(this.#ports.after(keepOldMs, () => void this.#keeper.forgetOld()))
  }

  #learn(): void {
    const { hub, refused } = this.#status
    const unsent = countBeyond(this.#have, this.#acked) + this.#due
    const atRisk = countBeyond(this.#have, joined(this.#acked, this.#kept.stored))
    const next = { hub, unsent, atRisk, problem: this.#kept.problem, refused: refused && refusalText(refused) }
    this.facts.value = next
    if (hub !== 'offline' || unsent === 0 || this.#precious) return
    this.#precious = true
    this.#ports.onPrecious()
  }

  readonly #showPeers = (): void => {
    this.peers.value = peersOf(this.awareness.getStates(), this.doc.clientID, this.#ports.browser)
  }

  readonly #passPresence = (
    { added, updated, removed }: { added: number[]; updated: number[]; removed: number[] },
    origin: unknown,
  ): void => {
    if (origin === this.#tabs) return
    const update = encodeAwarenessUpdate(this.awareness, [...added, ...updated, ...removed])
    this.#tabs.post({ type: 'presence', update })
  }
}

function refusalText({ code, reason }: Refusal): string {
  const entry = Object.values(errors).find(candidate => candidate.close === code)
  return `${entry?.message ?? 'The hub refused the connection'}. ${entry?.hint ?? reason}`
}

function refusalError({ code, reason }: Refusal): ApiError {
  if (code === closeCodes.notFound) return new ApiError('NOT_FOUND', reason)
  return new ApiError(code === closeCodes.unauthenticated ? 'UNAUTHENTICATED' : 'FORBIDDEN', reason)
}

export async function openDocument(options: LinkOptions, ports: LinkPorts): Promise<DocumentLink> {
  // A signal that has fired tells nobody again: the link would stay for as long as the page.
  options.signal?.throwIfAborted()
  const link = new DocumentLink(options, ports)
  options.signal?.addEventListener('abort', () => link.close(), { once: true })
  try {
    await link.open()
    return link
  } catch (thrown) {
    link.close()
    throw thrown
  }
}

export type { HubState }
