/**
 * The headless monitor: runs what it holds a lease for, shows it in the document and reports it to whoever granted the
 * lease. It executes nothing without a lease and nothing twice (S16); who grants leases is not its business.
 */
import type { DeviceId, DocumentId, HeadId, Now, ProjectId, RunId, SessionId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DownMessage, Lease, UpMessage } from '@meshbook/core/messages.ts'
import { demandsOfText } from '@meshbook/core/notebook/demands.ts'
import type { AssetKeeper } from '../assets/asset-keeper.ts'
import type { DocumentPeer } from '../document-peer.ts'
import type { KernelSession, KernelSessions, RecoveredSession } from '../kernels/port.ts'
import type { HeldRun } from '../store/held-runs.ts'
import type { HeadLabel } from '../store/local-runs.ts'
import { DocumentWatch } from './document-watch.ts'
import { EntryView } from './execution-entry.ts'
import { LeasedRun, type LeasedRunPorts } from './leased-run.ts'
import { contentOf } from './notebook-reading.ts'
import { noOwnRuns, type OwnRuns } from './own-runs.ts'
import { failureOf, journalOf } from './run-source.ts'
import type { MonitorLog, RunStore } from './run-store.ts'
import { answerSessionRequest, type SessionAnswer, type SessionRequest } from './session-requests.ts'
import { SessionTable, type SessionTablePorts } from './session-table.ts'

type Down<T extends DownMessage['type']> = Extract<DownMessage, { type: T }>
type HeldHead = Extract<UpMessage, { type: 'HEARTBEAT' }>['heads'][number]
type HeldSeq = Extract<UpMessage, { type: 'REGISTER' }>['runs'][number]

export interface MonitorPorts {
  kernels: KernelSessions
  open(project: ProjectId, document: DocumentId): DocumentPeer
  /** The folder in which a project's code runs; undefined if it is not attached here. */
  folderOf(project: ProjectId): string | undefined
  /** Whether a client of this device wrote it that sends no request beside it (RT32). */
  vouches(document: DocumentId, author: { client: number; clock: number }): boolean
  /** Runs that this device gives itself (DV120); absent where it never does. */
  own?: OwnRuns
  store: RunStore
  /** To whoever grants the leases; false while that is out of reach. */
  send(message: UpMessage): boolean
  device: { id: DeviceId | string; name: string }
  /** How a claim in a document names this monitor; the device's id if absent. */
  claimedBy?: (document: DocumentId) => number | string
  /** Pages know nothing of Meshbook (HM3). */
  isForeign?: boolean
  assets: AssetKeeper
  limits: Limits
  now: Now
  log: MonitorLog
  /** Of sessions that are saved and restored; absent where none is. */
  saving?: SavingPorts
}

export interface SavingPorts extends Pick<SessionTablePorts, 'restore' | 'isSaved' | 'staysLost'> {
  /** A run of the session goes on or waits from now on; it is over. */
  began(lease: Lease): void
  ended(lease: Lease): void
}

const outOfReach = 'The hub cannot be reached; the cell runs as soon as it can.'

export class Monitor {
  readonly #ports: MonitorPorts
  readonly #own: OwnRuns
  readonly #sessions: SessionTable
  readonly #runs = new Map<RunId, LeasedRun>()
  readonly #watches = new Map<DocumentPeer, DocumentWatch>()
  /** Requests that this connection has asked a lease for. */
  readonly #claimed = new Map<RunId, EntryView>()
  /** Requests that the hub was ever asked about: it may have them. */
  readonly #told = new Set<RunId>()
  #online = false
  /** For long enough to be worth telling. */
  #outOfReach = false
  #outOfReachTimer: NodeJS.Timeout | undefined
  #askAgain: NodeJS.Timeout | undefined
  #closed = false

  constructor(ports: MonitorPorts) {
    this.#ports = ports
    const { kernels, own = noOwnRuns } = ports
    this.#own = own
    this.#sessions = new SessionTable({
      kernels,
      device: ports.device.name,
      send: message => ports.send(message),
      newKernel: () => own.newKernel(),
      isNeeded: head => own.isNeeded(head),
      keepLabel: label => own.keepLabel(label),
      dropLabel: label => own.dropLabel(label),
      restore: ports.saving?.restore,
      isSaved: ports.saving?.isSaved,
      staysLost: ports.saving?.staysLost,
    })
  }

  get sessions(): Omit<SessionTable, 'add' | 'heads' | 'for' | 'end' | 'lose'> {
    return this.#sessions
  }

  /** Takes up the runs and sessions of the time before a restart. Returns sessions with runs that it does not hold. */
  async start(labels: readonly HeadLabel[] = []): Promise<RecoveredSession[]> {
    this.#noticeOffline()
    for (const label of labels) this.#sessions.label(label)
    const recovered = await this.#ports.kernels.recover()
    for (const { session, alive } of recovered) if (alive) this.#sessions.add(session)
    for (const held of await this.#ports.store.list()) this.#resume(held, recovered)
    return recovered.map(found => ({ ...found, runs: found.runs.filter(({ run }) => !this.#runs.has(run)) }))
  }

  #resume(held: HeldRun, recovered: readonly RecoveredSession[]): void {
    const { lease, failure } = held
    const found = recovered.find(({ runs }) => runs.some(({ run }) => run === lease.run))
    const run = this.#add(held)
    if (failure) run.follow(failureOf(lease, failure), undefined, (lease.resume?.seq ?? 0) + 1)
    else if (found)
      run.follow(journalOf(found.session, lease), found.session, found.runs.find(known => known.run === lease.run)!.seq)
    // The order had not reached the journal: it has not been executed.
    else this.#begin(run)
  }

  /** Heads and runs held now, for REGISTER and HEARTBEAT. */
  heads(): HeldHead[] {
    const starting = [...this.#runs.values()].filter(run => run.isStarting && !this.#own.has(run.lease.run))
    const named = [
      ...this.#sessions.heads(),
      ...starting.map(({ lease: { session, head, fence } }) => ({ session, head, fence })),
    ]
    return [...new Map(named.map(held => [held.head, held])).values()]
  }

  runs(): HeldSeq[] {
    return [...this.#runs.values()].filter(run => !run.reported).map(run => run.heldSeq)
  }

  /** Looks at a document's requests from now on, until its peer is told to be closed. */
  watch(peer: DocumentPeer): void {
    const watch = new DocumentWatch(peer, entry => this.#onEntry(peer, entry))
    this.#watches.set(peer, watch)
    peer.ready.then(
      () => this.#watches.has(peer) && watch.lookAtAll(),
      () => this.unwatch(peer),
    )
  }

  unwatch(peer: DocumentPeer): void {
    this.#watches.get(peer)?.close()
    this.#watches.delete(peer)
  }

  /** The granter is in reach; `known` says how far it has the log of each run, `lost` which heads have passed on. */
  async online(known: readonly HeldSeq[], lost: readonly HeadId[]): Promise<void> {
    this.#online = true
    this.#outOfReach = false
    clearTimeout(this.#outOfReachTimer)
    this.#claimed.clear()
    clearInterval(this.#askAgain)
    this.#askAgain = setInterval(() => this.lookAgain(), this.#ports.limits.heartbeatMs).unref()
    for (const run of this.#runs.values()) run.report(known.find(it => it.run === run.lease.run)?.seq ?? 0)
    for (const watch of this.#watches.values()) watch.lookAtAll()
    await this.#sessions.lose(lost)
  }

  offline(): void {
    this.#online = false
    for (const run of this.#runs.values()) run.stopReporting()
    this.#noticeOffline()
  }

  holds(run: RunId): boolean {
    return this.#runs.has(run)
  }

  /** Asks again for all that is requested: it may have been cancelled or have expired, of which nobody tells unasked. */
  lookAgain(): void {
    this.#claimed.clear()
    for (const watch of this.#watches.values()) watch.lookAtAll()
  }

  #noticeOffline(): void {
    clearInterval(this.#askAgain)
    clearTimeout(this.#outOfReachTimer)
    this.#outOfReachTimer = setTimeout(() => {
      this.#outOfReach = true
      for (const watch of this.#watches.values()) watch.lookAtAll()
    }, this.#ports.limits.hubAwayMs).unref()
  }

  async onLease(lease: Lease): Promise<void> {
    if (this.#closed || this.#own.has(lease.run)) return
    this.#claimed.delete(lease.run)
    const known = this.#runs.get(lease.run)
    const held = await this.#ports.store.hold(lease)
    if (known) return known.renew(lease)
    if (!this.#closed && !this.#runs.has(lease.run)) this.#begin(this.#add(held))
  }

  /** A lease that this device gave itself, and that is in its store. */
  takeOwn(lease: Lease): void {
    if (this.#closed || this.#runs.has(lease.run)) return
    this.#begin(this.#add({ lease, ackedSeq: 0, reported: true, projected: false, failure: null }))
  }

  /** The hub has the run now, perhaps as one of another session. */
  async moved(lease: Lease): Promise<void> {
    const run = this.#runs.get(lease.run)
    if (!run) return
    run.moved(lease)
    await this.#ports.store.hold(lease, true)
  }

  /** Whether a run of the session, one of those asked about, goes on here. */
  isBusy(session: SessionId, counts: (run: RunId) => boolean): boolean {
    return [...this.#runs.values()].some(({ lease, ended }) => lease.session === session && !ended && counts(lease.run))
  }

  /** A run of this head goes on here, or waits. */
  isHeadBusy(head: HeadId): boolean {
    return [...this.#runs.values()].some(({ lease, isFinished }) => lease.head === head && !isFinished)
  }

  /** They go one after the other: the ones before it may only not be shown to their end yet. */
  #running(session: SessionId): LeasedRun | undefined {
    return [...this.#runs.values()].findLast(run => run.lease.session === session && !run.ended)
  }

  /** Shows in the document how a run stands that nobody executes, if the document is open here. */
  tell(run: RunId, fields: { status?: 'cancelled' | 'refused'; reason: string }): void {
    for (const { peer } of this.#watches.values()) {
      const entry = new EntryView(peer.doc, run)
      if (entry.get('status') === 'requested') entry.patch(fields)
    }
  }

  #add(held: HeldRun): LeasedRun {
    const { limits, now, store, assets, device, log, claimedBy, isForeign } = this.#ports
    const own = this.#own
    const { run: id, session } = held.lease
    const ports: LeasedRunPorts = {
      limits,
      now,
      store,
      assets,
      device,
      log,
      send: message => this.#ports.send(message),
      online: () => this.#online,
      open: () => this.#ports.open(held.lease.project, held.lease.document),
      folder: this.#ports.folderOf(held.lease.project),
      claimedBy: claimedBy && (() => claimedBy(held.lease.document)),
      isForeign,
      isLogKept: own.has(id),
      sourced: source => own.sourced(id, source),
      finished: () => this.#ports.saving?.ended(held.lease),
      over: () => own.over(session),
      done: run => {
        this.#runs.delete(run)
        own.over(session)
      },
    }
    const run = new LeasedRun(held, ports)
    this.#runs.set(held.lease.run, run)
    if (!held.projected) this.#ports.saving?.began(held.lease)
    return run
  }

  #begin(run: LeasedRun): void {
    run.execute((folder, resumed) => this.#sessions.for(run.lease, folder, resumed))
  }

  onAck(ack: Down<'RUN_ACK'>): void {
    this.#runs.get(ack.run)?.acked(ack)
  }

  /** A claim was not granted, or not yet. */
  onAnswer({ run, answer, code, reason }: Down<'RUN_REQUEST'>): void {
    const entry = this.#claimed.get(run)
    if (!entry || answer === 'elsewhere' || entry.get('status') !== 'requested') return
    if (answer === 'wait') entry.patch({ reason })
    else entry.patch({ status: code === 'RUN_ENDED' ? 'cancelled' : 'refused', reason })
  }

  async onInput({ run, id, text }: Down<'RUN_INPUT'>): Promise<void> {
    await this.#runs.get(run)?.input(id, text)
  }

  async onCancel({ run, reason }: Down<'RUN_CANCEL'>): Promise<void> {
    await this.#runs.get(run)?.cancel(reason)
  }

  async abandon(run: RunId, reason: string): Promise<void> {
    await this.#runs.get(run)?.abandon(reason)
  }

  async onSessionRequest(request: Down<'MRP_REQUEST'>): Promise<void> {
    this.#ports.send(await this.answer(request))
  }

  answer(request: SessionRequest): Promise<SessionAnswer> {
    const asked = {
      session: this.#sessions.get(request.session),
      running: this.#running(request.session)?.lease.run,
      end: (session: KernelSession) => this.#sessions.end(session),
    }
    return answerSessionRequest(request, asked)
  }

  #onEntry(peer: DocumentPeer, entry: EntryView): void {
    const active = this.#runs.get(entry.run)
    if (active) {
      active.onEntry(entry)
      return
    }
    if (entry.get('status') !== 'requested' || this.#claimed.has(entry.run)) return
    if (this.#online) this.#claim(peer, entry)
    else if (this.#outOfReach) this.#wait(peer, entry)
  }

  /** What a client of this machine wrote is a request also without the hub, unless that may have it (DV120). */
  #wait(peer: DocumentPeer, entry: EntryView): void {
    const own = this.#own
    const known = own.waits(entry.run)
    if (known !== undefined) entry.patch({ reason: known })
    else if (!own.has(entry.run) && this.#isVouched(peer, entry)) this.#askHere(peer, entry)
    else if (!entry.get('reason')) entry.patch({ reason: outOfReach })
  }

  #isVouched(peer: DocumentPeer, entry: EntryView): boolean {
    const author = entry.author()
    const authors = author ? [author, ...entry.fieldAuthors()] : []
    const isTold = this.#told.has(entry.run)
    return authors.length > 0 && !isTold && authors.every(each => this.#ports.vouches(peer.id, each))
  }

  #askHere(peer: DocumentPeer, entry: EntryView): void {
    const asked = entry.request()
    if (!asked) return
    const { language, code, session, cell } = asked
    this.#own.asked({
      id: entry.run,
      document: peer.id,
      language,
      code,
      ...demandsOfText(contentOf(peer.doc).toString(), language),
      ...(cell ? { cell: { by: 'anchor' as const, anchor: cell } } : {}),
      ...(session ? { session } : {}),
    })
  }

  #claim(peer: DocumentPeer, entry: EntryView): void {
    const asked = entry.request()
    const author = entry.author()
    if (!asked || !author) return
    this.#claimed.set(entry.run, entry)
    this.#told.add(entry.run)
    const { language, code, session, cell } = asked
    const where = cell ? { cell: { by: 'anchor' as const, anchor: cell } } : {}
    this.#ports.send({
      type: 'CLAIM',
      author,
      fields: entry.fieldAuthors(),
      ...(this.#ports.vouches(peer.id, author) && { vouched: true }),
      request: { id: entry.run, document: peer.id, language, code, ...where, ...(session ? { session } : {}) },
    })
  }

  /** Stops following; kernels and their runs go on. */
  async close(): Promise<void> {
    this.#closed = true
    this.#online = false
    clearTimeout(this.#outOfReachTimer)
    clearInterval(this.#askAgain)
    for (const watch of this.#watches.values()) watch.close()
    this.#watches.clear()
    await Promise.all([...this.#runs.values()].map(run => run.close()))
  }
}
