/**
 * `meshbook monitor <ws-url>`: the monitor as a peer of documents on any y-websocket server. There is no hub here, so
 * the map of executions is the only authority: whoever may write it may run code in `folder`.
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { asMeshError } from '@meshbook/core/errors.ts'
import {
  base32,
  type DocumentId,
  type HeadId,
  type Now,
  type ProjectId,
  parseFence,
  type RandomBytes,
  type RunId,
  type SessionId,
} from '@meshbook/core/ids.ts'
import { runtimeFor } from '@meshbook/core/languages.ts'
import { limits as defaultLimits, type Limits } from '@meshbook/core/limits.ts'
import type { Lease, UpMessage } from '@meshbook/core/messages.ts'
import { demandsOfText, sessionNameOf } from '@meshbook/core/notebook/demands.ts'
import { isTerminal } from '@meshbook/core/run.ts'
import { AssetKeeper } from '../assets/asset-keeper.ts'
import type { KernelSessions } from '../kernels/port.ts'
import { NodeBigFiles } from '../projects/big-files.ts'
import { NodeDisk } from '../projects/node-disk.ts'
import type { HeldRun } from '../store/held-runs.ts'
import { stand } from './election.ts'
import { isOpenStatus } from './entry-guard.ts'
import { EntryView, runIdsOf } from './execution-entry.ts'
import { leaveRuns } from './leave-runs.ts'
import { Monitor } from './monitor.ts'
import { contentOf } from './notebook-reading.ts'
import { runtimeUrlNotice } from './run-projection.ts'
import type { MonitorLog, RunStore } from './run-store.ts'
import { ServerDocument } from './server-document.ts'
import { StuckRuns } from './stuck-runs.ts'
import { WatchedDocument } from './watched-document.ts'

export interface MonitorServerOptions {
  /** Of the y-websocket server: `ws://host:port/room-prefix`. */
  url: string
  /** Names of documents below the URL. */
  docs: readonly string[]
  /** How this monitor calls itself in awareness, and names itself in `ranOn`. */
  name: string
  /** After so many minutes of silence a run is stopped; 0: never. */
  stuckAfterMinutes?: number
  kernels: KernelSessions
  /** Languages to serve; all that the kernels offer if absent. */
  runtimes?: readonly string[]
  /** Where code runs, and where images are put (`_assets/`). */
  folder: string
  /** Where assets are kept; beside the images if absent. */
  assets?: string
  log?: MonitorLog
  /** Told of what a person may want to see: connections, and runs that begin and end. */
  onEvent?: (event: MonitorEvent) => void
  /** Ends it. */
  signal: AbortSignal
  /** Kernels end with it, so that the document is to say which runs have no end (HM35); else the next start finds them. */
  endsKernels?: boolean
  now: Now
  random: RandomBytes
  limits?: Limits
  /** Extra headers of the upgrade, such as Authorization. */
  headers?: Record<string, string>
}

export type MonitorEvent =
  | { event: 'connected' | 'disconnected'; document: string }
  | { event: 'run'; run: RunId; language: string }
  | { event: 'ended'; run: RunId; status: string }

const standAgainMs = 1_000

const noLog: MonitorLog = { warn: () => undefined }

type Claim = Extract<UpMessage, { type: 'CLAIM' }>

/** Runs until the signal is aborted. */
export async function monitorServer(options: MonitorServerOptions): Promise<void> {
  const server = new MonitorServer(options)
  await server.start()
  await new Promise<void>(resolve => {
    if (options.signal.aborted) resolve()
    else options.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await server.close()
}

class MonitorServer {
  readonly #options: MonitorServerOptions
  readonly #limits: Limits
  readonly #log: MonitorLog
  readonly #documents = new Map<DocumentId, ServerDocument>()
  readonly #monitor: Monitor
  /** Runs of a session wait for one another, as they would at a hub. */
  readonly #queues = new Map<SessionId, Lease[]>()
  readonly #project = hashId('prj', 'monitor') as ProjectId
  readonly #watched: WatchedDocument[] = []
  readonly #standing = new Set<RunId>()
  readonly #stuck: StuckRuns
  readonly #closing = new AbortController()
  #languages: ReadonlySet<string> = new Set()
  /** Runs of the time before a restart. */
  #known: ReadonlySet<RunId> = new Set()
  #looking: NodeJS.Timeout | undefined

  constructor(options: MonitorServerOptions) {
    this.#options = options
    this.#limits = options.limits ?? defaultLimits
    this.#log = options.log ?? noLog
    const { stuckAfterMinutes } = options
    const stuckMs = stuckAfterMinutes === undefined ? this.#limits.stuckRunMs : stuckAfterMinutes * 60_000
    this.#stuck = new StuckRuns(stuckMs, run =>
      this.#cancel(run, `Nothing came of it for ${Math.round(stuckMs / 60_000)} minutes, so it was stopped.`),
    )
    for (const path of options.docs) {
      const id = hashId('doc', `${options.url} ${path}`) as DocumentId
      this.#documents.set(
        id,
        new ServerDocument({
          id,
          path,
          url: options.url,
          name: options.name,
          headers: options.headers ?? {},
          limits: this.#limits,
          random: options.random,
          log: this.#log,
          connected: isConnected =>
            options.onEvent?.({ event: isConnected ? 'connected' : 'disconnected', document: path }),
        }),
      )
    }
    this.#monitor = new Monitor({
      kernels: options.kernels,
      open: (_project, document) => this.#documents.get(document)!.peer,
      folderOf: () => options.folder,
      vouches: () => true,
      store: memoryRunStore(),
      send: message => this.#receive(message),
      device: { id: options.name, name: options.name },
      claimedBy: document => this.#documents.get(document)!.client,
      isForeign: true,
      assets: new AssetKeeper({
        ...{ disk: new NodeDisk(), files: new NodeBigFiles() },
        ...{ folder: options.assets ?? `${options.folder}/_assets`, limits: this.#limits },
      }),
      limits: this.#limits,
      now: options.now,
      log: this.#log,
    })
  }

  async start(): Promise<void> {
    const { kernels, runtimes } = this.#options
    const found = runtimes ?? (await kernels.runtimes()).map(runtime => runtime.language)
    this.#languages = new Set(found.map(runtimeFor))
    const recovered = await this.#monitor.start()
    this.#known = new Set(recovered.flatMap(({ runs }) => runs.map(({ run }) => run)))
    for (const document of this.#documents.values()) this.#lookAfter(document)
    this.#looking = setInterval(() => {
      for (const watched of this.#watched) watched.look()
    }, this.#limits.heartbeatMs).unref()
    await this.#monitor.online([], [])
  }

  #lookAfter(document: ServerDocument): void {
    this.#watched.push(
      new WatchedDocument({
        document,
        limits: this.#limits,
        now: this.#options.now,
        cancel: run => this.#cancel(run, 'It was cancelled in the document.'),
        abandon: (run, reason) => this.#inBackground(run, this.#monitor.abandon(run, reason)),
      }),
    )
    document.start()
    document.peer.synced.then(
      () => this.#takeUp(document),
      () => undefined,
    )
    this.#monitor.watch(document.peer)
    document.onChange(() => this.#monitor.lookAgain())
  }

  /** Runs of the time before a restart: what the journals know is shown to its end, what they do not know is over (HM30). */
  #takeUp(document: ServerDocument): void {
    for (const run of runIdsOf(document.peer.doc)) {
      const entry = new EntryView(document.peer.doc, run)
      const { name } = this.#options
      const ranOn = entry.get('ranOn') as { device?: unknown } | undefined
      const isMine = entry.get('claimedBy') === name || ranOn?.device === name
      const isOpen = isOpenStatus(entry.get('status')) && entry.get('status') !== 'requested'
      if (!isOpen || !(isMine || this.#known.has(run)) || this.#monitor.holds(run)) continue
      if (this.#known.has(run)) {
        entry.patch({ claimedBy: document.client })
        this.#grant(document, run, entry)
      } else
        entry.patch({
          status: 'interrupted',
          reason: 'The monitor was restarted and its kernel does not know this run.',
          completedAt: this.#options.now(),
          stdinRequest: null,
        })
    }
  }

  /** What a hub would be told. */
  #receive(message: UpMessage): boolean {
    if (message.type === 'CLAIM') this.#onClaim(message)
    if (message.type === 'RUN_EVENT') {
      const { run, fence, first, events } = message
      const seq = first + events.length - 1
      queueMicrotask(() => this.#monitor.onAck({ type: 'RUN_ACK', run, fence, seq }))
      const last = events.at(-1)!
      if (isTerminal(last)) this.#ended(run, last.type)
      else this.#stuck.alive(run)
    }
    return true
  }

  #onClaim({ request }: Claim): void {
    const document = this.#documents.get(request.document)
    const run = request.id
    if (!document || run === undefined) return
    if (this.#languages.has(runtimeFor(request.language))) this.#inBackground(run, this.#stand(document, run))
    else if (document.isAlone())
      this.#monitor.onAnswer({
        type: 'RUN_REQUEST',
        run,
        answer: 'wait',
        reason: `${this.#options.name} has no kernel for ${request.language}.`,
      })
  }

  #inBackground(run: RunId, work: Promise<void>): void {
    work.catch(thrown => this.#log.warn({ err: thrown, run }, 'a run could not be taken'))
  }

  async #stand(document: ServerDocument, run: RunId): Promise<void> {
    const { now } = this.#options
    // Without a connection nothing begins; when it is back, all requests are looked at again (HM22).
    if (this.#standing.has(run) || document.connection === undefined) return
    this.#standing.add(run)
    try {
      const isQueued = [...this.#queues.values()].some(queue => queue.some(lease => lease.run === run))
      const ports = { now, limits: this.#limits, signal: this.#closing.signal }
      const at = this.#known.has(run) || isQueued ? now() : await stand(run, document, ports)
      if (at !== undefined) this.#take(document, run, at)
      // Another was first; should it be gone before it took the run, this one tries again.
      else setTimeout(() => this.#monitor.lookAgain(), standAgainMs).unref()
    } finally {
      this.#standing.delete(run)
    }
  }

  #take(document: ServerDocument, run: RunId, at: number): void {
    const { name, now } = this.#options
    const entry = new EntryView(document.peer.doc, run)
    const isForeign = entry.get('runtimeUrl') !== undefined && entry.get('runtimeUrl') !== null
    const reason = isForeign ? { reason: runtimeUrlNotice } : entry.get('reason') ? { reason: '' } : {}
    document.peer.doc.transact(() => {
      document.claims.ran(run, at, now())
      const ranOn = { device: name, name }
      entry.patch({ status: 'claimed', claimedBy: document.client, claimedAt: at, ranOn, ...reason })
    })
    this.#grant(document, run, entry)
  }

  /** Also one that waits for another. */
  #cancel(run: RunId, reason: string): void {
    for (const [session, queue] of this.#queues) {
      const waits = queue.slice(1).find(lease => lease.run === run)
      if (!waits) continue
      this.#queues.set(
        session,
        queue.filter(lease => lease !== waits),
      )
      const entry = new EntryView(this.#documents.get(waits.document)!.peer.doc, run)
      entry.patch({ status: 'cancelled', reason, completedAt: this.#options.now() })
    }
    if (this.#monitor.holds(run)) this.#inBackground(run, this.#monitor.onCancel({ type: 'RUN_CANCEL', run, reason }))
  }

  #grant(document: ServerDocument, run: RunId, entry: EntryView): void {
    const asked = entry.request()
    if (!asked) return
    const { language, code, session: wanted, cell } = asked
    const { kernel } = demandsOfText(contentOf(document.peer.doc).toString(), language)
    const sessionName = sessionNameOf({
      ...(wanted !== undefined && { session: wanted }),
      ...(kernel !== undefined && { kernel }),
    })
    const session = hashId('ses', `${document.peer.id} ${runtimeFor(language)} ${sessionName}`) as SessionId
    const now = this.#options.now()
    const lease: Lease = {
      run,
      project: this.#project,
      document: document.peer.id,
      session,
      sessionName,
      head: hashId('head', session) as HeadId,
      fence: parseFence(1),
      language: runtimeFor(language),
      ...(kernel !== undefined && { kernel }),
      code,
      ...(cell ? { cell: { by: 'anchor', anchor: cell } } : {}),
      requestedBy: 'the document',
      requestedAt: now,
      expiresAt: now + this.#limits.runWaitMs,
    }
    const queue = this.#queues.get(session) ?? []
    this.#queues.set(session, queue)
    if (queue.some(waiting => waiting.run === run)) return
    queue.push(lease)
    if (queue.length === 1) this.#lease(lease)
  }

  #ended(run: RunId, status: string): void {
    this.#stuck.over(run)
    this.#options.onEvent?.({ event: 'ended', run, status })
    for (const [session, queue] of this.#queues) {
      if (queue[0]?.run !== run) continue
      queue.shift()
      if (queue[0]) this.#lease(queue[0])
      else this.#queues.delete(session)
    }
  }

  #lease(lease: Lease): void {
    this.#options.onEvent?.({ event: 'run', run: lease.run, language: lease.language })
    this.#stuck.alive(lease.run)
    this.#inBackground(lease.run, this.#monitor.onLease(lease))
  }

  /** Waits until the server has heard of it. */
  async #leave(document: ServerDocument): Promise<void> {
    const waiting = [...this.#queues.values()].flatMap(queue => queue.slice(1).map(({ run }) => run))
    leaveRuns(document, new Set(waiting), this.#options.now)
    if (document.connection === undefined) return
    const heard = document.roundTrip().catch(thrown => {
      if (asMeshError(thrown).code !== 'UNREACHABLE') throw thrown
    })
    await Promise.race([heard, sleep(this.#limits.shutdownMs, undefined, { ref: false })])
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearInterval(this.#looking)
    this.#stuck.close()
    await this.#monitor.close()
    if (this.#options.endsKernels) await Promise.all([...this.#documents.values()].map(it => this.#leave(it)))
    for (const watched of this.#watched) watched.close()
  }
}

/** An id that is the same at every start, so that kernels are found again. */
function hashId(prefix: string, text: string): string {
  return `${prefix}_${base32(createHash('sha256').update(text).digest()).slice(0, 26)}`
}

/** The entries of the document are what outlives this process; leases are made from them again. */
function memoryRunStore(): RunStore {
  const runs = new Map<RunId, HeldRun>()
  return {
    hold: async lease => {
      const held = {
        ...(runs.get(lease.run) ?? { ackedSeq: 0, projected: false, failure: null }),
        lease,
        reported: false,
      }
      runs.set(lease.run, held)
      return held
    },
    save: async held => void runs.set(held.lease.run, held),
    drop: async run => void runs.delete(run),
    list: async () => [],
  }
}
