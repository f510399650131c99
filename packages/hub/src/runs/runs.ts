/**
 * Runs from request to end: taken in, placed on a device one at a time per session, logged, cancelled, expired. The
 * store's transactions decide; this only asks the router and tells devices and viewers what was decided.
 */
import { createHash } from 'node:crypto'
import type { Run } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type DeviceId,
  type Now,
  newId,
  type OrgId,
  parseRunId,
  type RandomBytes,
  type RunId,
  type SessionId,
} from '@meshbook/core/ids.ts'
import { canonicalLanguage, runtimeFor } from '@meshbook/core/languages.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import type { DownMessage, RunRequest, UpMessage } from '@meshbook/core/messages.ts'
import { sessionNameOf } from '@meshbook/core/notebook/demands.ts'
import type { Placed, RouteDecision, WorkerDecision, WorkerOffer } from '@meshbook/core/route.ts'
import { hasEnded } from '@meshbook/core/run.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import { credentialKey } from '../auth/principal.ts'
import type { Workers } from '../compute/workers.ts'
import type { Fleet } from '../devices/fleet.ts'
import type { Documents } from '../documents/documents.ts'
import type { HubEvents } from '../hub-events.ts'
import type { Orders } from '../hubs/orders.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Reconciled } from '../store/heads.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Imported } from '../store/import-run.ts'
import type { Asker } from '../store/places.ts'
import { logged } from '../store/run-log.ts'
import type { Leased, NewRun, Placement, Undelivered } from '../store/run-queue.ts'
import type { RunDemands, RunRow } from '../store/run-rows.ts'
import type { Offer, Submitted } from '../store/submit-run.ts'
import { decidePlacement } from './decide-placement.ts'
import { ForeignWork } from './foreign-work.ts'
import type { Grown, RunFeeds } from './run-feeds.ts'
import { isInNotebook, isWorthALook } from './still-wanted.ts'

type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>
type Down<T extends DownMessage['type']> = Extract<DownMessage, { type: T }>

export interface RunsPorts {
  store: HubStore
  audit: Audit
  fleet: Pick<Fleet, 'candidates' | 'offered' | 'offline' | 'orgOf' | 'statusOf' | 'link'>
  orders: Pick<Orders, 'send'>
  events: HubEvents
  feeds: RunFeeds
  metrics: Metrics
  log: Log
  times: Limits
  now: Now
  random: RandomBytes
  /** Viewers at other hubs are woken. */
  grewElsewhere: (org: OrgId, run: RunId) => void
  /** Told when heads of an org came or went. */
  sessionsChanged: (org: OrgId) => void
  /** Told when gates of a run may have come, been received or become void. */
  gatesChanged: (org: OrgId, run: RunId) => void
  documents: Pick<Documents, 'content'>
  /** Absent where the hub makes none. */
  workers?: Pick<Workers, 'offer' | 'restores' | 'want'> | undefined
  /** A run of the session waits for a holder that does not answer. */
  waitsForHolder: (org: OrgId, session: SessionId) => void
}

/** Who asks for a run. */
export interface Requester {
  name: string
  asker: Asker | null
  /** For the audit log, where the run is in a project of somebody else. */
  source: AuditSource
}

/** What the request was made with. */
export const credentialOf = ({ who }: AuditSource): string | null => (who ? credentialKey(who.credential) : null)

/** Room in a channel frame for all of a lease but its code. */
const leaseOverheadBytes = 64 * 1024

const mostShown = 1_000

export class Runs {
  readonly #ports: RunsPorts
  /** What devices hold for other orgs than their own. */
  readonly foreign = new ForeignWork()
  readonly #placing = new Map<SessionId, 'once' | 'again'>()
  /** The runs that were shown last, as they were shown. */
  readonly #shown = new Map<RunId, string>()
  /** Sessions of which a run waits for a silent holder: only time decides about them. */
  readonly #silent = new Map<SessionId, OrgId>()
  /** What stood in the store at the last look, and showed no sign of its device. */
  #undelivered = new Set<string>()
  #closed = false

  constructor(ports: RunsPorts) {
    this.#ports = ports
  }

  /** From now on nothing is placed; what is under way finishes. */
  close(): void {
    this.#closed = true
  }

  /** `networks` names those that the one who asks is on. */
  async submit(
    org: OrgId,
    requester: Requester,
    request: RunRequest,
    networks: readonly string[] = [],
  ): Promise<{ run: Run; created: boolean }> {
    const { fleet, now, random, times } = this.#ports
    const at = now()
    const codeHash = hashOf(request)
    const { leased, ...submitted } = await this.#create(requester, {
      org,
      codeHash,
      requestedBy: requester.name,
      asker: requester.asker,
      from: credentialOf(requester.source),
      now: at,
      id: request.id ?? parseRunId(newId('run', at, random)),
      document: request.document,
      language: canonicalLanguage(request.language),
      runtime: runtimeFor(request.language),
      sessionName: sessionNameOf(request),
      newSession: newId('session', at, random),
      code: request.code,
      cell: request.cell ?? null,
      chosenDevice: request.on ?? null,
      demands: { ...demandsIn(request), ...(networks.length > 0 && { networks }) },
      expiresAt: request.expiresAt ?? at + limits.runWaitMs,
      askedAt: request.askedAt ?? null,
      offer: {
        devices: this.#closed ? [] : fleet.offered(org, requester.asker),
        newHead: newId('head', at, random),
        leaseExpiresAt: at + times.leaseMs,
      },
    })
    if (leased) this.#giveSoon(org, leased)
    else if (submitted.created) this.queued(org, submitted.run)
    return submitted
  }

  /** Tells about a run that waits now, and looks for its place. */
  queued(org: OrgId, run: Run): void {
    this.#show(org, run)
    this.placeSoon(org, run.session)
  }

  /** A run in a project of somebody else is noted for its owner, with the run or not at all (AD1, AD2). */
  #create({ asker, source }: Requester, run: NewRun & { offer: Offer }): Promise<Submitted> {
    const { store, audit } = this.#ports
    if (asker === null || asker.org === run.org) return store.call('createRun', run)
    const detail = { document: run.document, language: run.language, codeHash: run.codeHash }
    return audit.call('createRun', run, audit.note('run-by-member', source, { org: run.org, target: run.id, detail }))
  }

  /** The runs have ended here; the devices that may still be at work on them are told. */
  stopOrphans(org: OrgId, orphans: readonly { run: RunId; device: DeviceId }[], reason: string): void {
    for (const { run, device } of orphans)
      this.#ports.orders
        .send(org, device, { type: 'RUN_CANCEL', run, reason })
        .catch((error: unknown) =>
          this.#ports.log.warn({ err: error, run }, 'a device was not told of a cancelled run'),
        )
  }

  async cancel(org: OrgId, id: RunId, reason: string): Promise<Run> {
    const { store, fleet, now, orders } = this.#ports
    const device = (await store.query('showRun', { org, id }))?.device
    const gone = [...fleet.offline(org), ...(device && fleet.statusOf(device) === 'offline' ? [device] : [])]
    const outcome = await store.call('cancelRun', { org, id, reason, gone, now: now() })
    if ('ended' in outcome) {
      this.#ended(org, outcome.ended)
      return outcome.ended
    }
    // The wish is in the store: a device that is not there now hears of it when it comes back.
    await orders.send(org, outcome.device, { type: 'RUN_CANCEL', run: id, reason })
    return outcome.asked
  }

  /** Hands text to a run that waits for it; `input` names the question, so that a late answer is not taken for another. */
  async input(org: OrgId, id: RunId, input: { id?: string | undefined; text: string }): Promise<void> {
    const { store, orders } = this.#ports
    const waiting = await store.query('waitingInput', { org, id })
    if (!waiting) throw new MeshError('NOT_FOUND', { detail: `run ${id}` })
    if (hasEnded(waiting.status)) throw new MeshError('RUN_ENDED', { detail: `run ${id}` })
    if (waiting.inputId === null || (input.id !== undefined && input.id !== waiting.inputId))
      throw new MeshError('CONFLICT', { detail: 'the run does not wait for this input' })
    const sent =
      waiting.device !== null &&
      (await orders.send(org, waiting.device, { type: 'RUN_INPUT', run: id, id: waiting.inputId, text: input.text }))
    if (!sent) throw new MeshError('UNREACHABLE', { detail: 'the device of the run is not connected' })
  }

  /** Appends what the holder sent; the answer says how far the log is durable. */
  async append(own: OrgId, device: DeviceId, message: Up<'RUN_EVENT'>): Promise<Down<'RUN_ACK'>> {
    const { run: id, fence, first, events } = message
    const org = this.foreign.orgOf(device, own, id)
    const records = events.map(logged)
    const bytes = records.reduce((sum, { text }) => sum + text.length, 0)
    const turn = { of: id, bytes }
    const { seq, refused, appended, isWhole, gates, run } = await this.#ports.store.call('appendEvents', {
      ...{ org, device, id, fence, first, events: records, turn, now: this.#ports.now() },
    })
    this.#ports.metrics.runEvents.inc(appended)
    if (run) {
      const since = seq - appended + 1
      const texts = records.slice(since - first, seq - first + 1).map(({ text }) => text)
      const grown = { first: since, texts, ended: hasEnded(run.status) }
      this.#appended(org, run, appended, isWhole ? grown : undefined, seq)
    }
    if (run && gates) this.#ports.gatesChanged(org, id)
    return { type: 'RUN_ACK', run: id, fence, seq, ...(refused ? { refused } : {}) }
  }

  /** Tells about a run that its device gave itself: its events come next (RU60). */
  imported(org: OrgId, device: DeviceId, { run, session, created, moved }: Imported): void {
    if (this.#ports.fleet.orgOf(device) !== org) this.foreign.note(device, org, { session, run: run.id })
    if (!created) return
    this.#show(org, run)
    if (moved) this.#ports.sessionsChanged(org)
  }

  async reconcile(own: OrgId, device: DeviceId, message: Up<'REGISTER'>): Promise<Reconciled> {
    const { store, now, times } = this.#ports
    const { heads, runs } = message
    const whole: Reconciled = { runs: [], lost: [], resend: [], cancel: [], ended: [], headsEnded: 0 }
    for (const held of await store.query('splitHeld', { device, own, heads, runs })) {
      const at = now()
      const found = await store.call('reconcileDevice', { ...held, device, now: at, expiresAt: at + times.leaseMs })
      for (const run of found.ended) this.#ended(held.org, run)
      for (const part of ['runs', 'lost', 'resend', 'cancel', 'ended'] as const)
        (whole[part] as unknown[]).push(...found[part])
      if (held.org === own) whole.headsEnded = found.headsEnded
      else await this.#reconciledForeign(device, held.org, found)
    }
    return whole
  }

  async #reconciledForeign(device: DeviceId, org: OrgId, { headsEnded }: Reconciled): Promise<void> {
    if (headsEnded > 0) this.#ports.sessionsChanged(org)
    for (const held of await this.#ports.store.query('heldInOrg', { device, org })) this.foreign.note(device, org, held)
  }

  /** The device of an interrupted run says how it ended there; its log stays as it is (RU22, RU23). */
  async afterwards(device: DeviceId, message: Up<'RUN_AFTERWARDS'>): Promise<Down<'RUN_ACK'>> {
    const { run: id, fence, seq, event } = message
    const noted = await this.#ports.store.call('noteAfterwards', { device, id, fence, seq, event })
    if (noted) this.#show(noted.org, noted.run)
    return { type: 'RUN_ACK', run: id, fence, seq }
  }

  /** Tells about runs that a store transaction of somebody else ended. */
  ended(org: OrgId, runs: readonly Run[]): void {
    for (const run of runs) this.#ended(org, run)
  }

  /** A hub changed the run: viewers here look at it, and its session at who comes next. */
  async heardOf(org: OrgId, id: RunId): Promise<void> {
    const { feeds, events, store } = this.#ports
    feeds.grew(org, id)
    const run = await store.query('showRun', { org, id })
    if (!run) return
    if (hasEnded(run.status)) {
      this.foreign.ended(run.device, id)
      this.placeSoon(org, run.session)
    }
    this.#ports.gatesChanged(org, id)
    const { code: _, ...shown } = run
    if (this.#isNewToViewers(id, shown)) events.publish(org, { type: 'run', run: shown })
  }

  /** Looks at every queue again where devices of the org may take something, because they came, went or changed. */
  async placeAll(org?: OrgId): Promise<void> {
    for (const queue of await this.#ports.store.query('sessionsWithQueue')) {
      if (org === undefined || queue.org === org || queue.asker === org) this.placeSoon(queue.org, queue.session)
    }
  }

  placeSoon(org: OrgId, session: SessionId): void {
    if (this.#closed) return
    if (this.#placing.has(session)) this.#placing.set(session, 'again')
    else
      this.#place(org, session).catch((error: unknown) =>
        this.#ports.log.error({ err: error, org, session }, 'placing a run failed'),
      )
  }

  /** One placement of a session at a time; what happened meanwhile makes it look again. */
  async #place(org: OrgId, session: SessionId): Promise<void> {
    try {
      do {
        this.#placing.set(session, 'once')
        await this.#placeNext(org, session)
      } while (this.#placing.get(session) === 'again' && !this.#closed)
    } finally {
      this.#placing.delete(session)
    }
  }

  async #placeNext(org: OrgId, session: SessionId): Promise<void> {
    const { store, fleet } = this.#ports
    const placement = await store.query('nextPlacement', { org, session })
    if (!placement) return
    const { next, holder } = placement
    const decision = await this.#decide(org, placement)
    if (holder && 'wait' in decision && fleet.statusOf(holder.device) !== 'online') this.#noteSilent(org, session)
    else this.#silent.delete(session)
    if ('to' in decision && (await this.#isStale(org, next))) await this.#setAside(org, next)
    else if ('to' in decision) await this.#lease(org, next.id, decision)
    else if ('worker' in decision) await this.#waitForWorker(org, next, decision)
    else if ('wait' in decision) await this.#wait(org, next.id, decision)
    else await this.#refuse(org, next.id, decision)
  }

  /** Whether a worker could have the variables is looked up only where one is to be had. */
  async #decide(org: OrgId, placement: Placement): Promise<RouteDecision | WorkerDecision> {
    const { fleet, now, workers } = this.#ports
    const { next, holder, hasRun } = placement
    const asker = next.askedOrg && next.askedBy ? { org: next.askedOrg, user: next.askedBy } : null
    const candidates = fleet.candidates(org, next.project, asker, holder?.device)
    const decide = (worker?: WorkerOffer) => decidePlacement(candidates, placement, now(), worker)
    const decision = decide(workers?.offer)
    if (!workers || !('worker' in decision) || !hasRun) return decision
    return decide({ ...workers.offer, restores: await workers.restores(org, next.project) })
  }

  /** A cell that has changed since starts nothing (RU31). */
  async #waitForWorker(org: OrgId, next: RunRow, { reasons }: WorkerDecision): Promise<void> {
    const { store, workers } = this.#ports
    if (!workers) return
    if (await this.#isStale(org, next)) return this.#setAside(org, next)
    const said = await workers.want(org, next.project, reasons)
    const run = await store.call('setReasons', { org, id: next.id, reasons: [...new Set(said)] })
    if (run) this.#show(org, run)
  }

  #noteSilent(org: OrgId, session: SessionId): void {
    if (!this.#silent.has(session)) this.#ports.waitsForHolder(org, session)
    this.#silent.set(session, org)
  }

  /** How long its holder has been silent decides whether a run waits on (RT63). */
  lookAtSilent(): void {
    for (const [session, org] of this.#silent) this.placeSoon(org, session)
  }

  /** Nobody waits for the silent device any longer. */
  async elsewhere(org: OrgId, id: RunId): Promise<Run> {
    const { store } = this.#ports
    const session = await store.call('sendElsewhere', { org, id })
    const run = await store.query('showRun', { org, id })
    if (!run) throw new MeshError('NOT_FOUND', { detail: `run ${id}` })
    if (session === null) throw new MeshError('CONFLICT', { detail: 'the run does not wait any more' })
    this.placeSoon(org, session)
    return run
  }

  /** It waited, and the cell that it was for is another by now (RU31). */
  async #isStale(org: OrgId, run: RunRow): Promise<boolean> {
    const { documents, now } = this.#ports
    return isWorthALook(run, now()) && !(await isInNotebook(() => documents.content(org, run.document), run.code))
  }

  async #setAside(org: OrgId, { id, session }: RunRow): Promise<void> {
    const { store, now } = this.#ports
    const reason = 'Its cell has changed since. Is this still wanted?'
    const run = await store.call('setAside', { org, id, why: 'changed', reason, now: now() })
    if (run) this.#show(org, run)
    this.placeSoon(org, session)
  }

  async #lease(org: OrgId, id: RunId, { to, reasons, restore }: Placed & { reasons: string[] }): Promise<void> {
    const { store, now, random, times } = this.#ports
    const at = now()
    const leased = await store.call('leaseRun', {
      org,
      id,
      device: to,
      newHead: newId('head', at, random),
      reasons,
      restore,
      now: at,
      expiresAt: at + times.leaseMs,
    })
    if (leased) await this.give(org, leased)
  }

  #giveSoon(org: OrgId, leased: Leased): void {
    this.give(org, leased).catch((error: unknown) =>
      this.#ports.log.error({ err: error, org, run: leased.run.id }, 'a lease was not sent'),
    )
  }

  /** The lease is in the store: the device gets it when it registers, should it be gone by now. */
  async give(org: OrgId, { lease, run, device, moved }: Leased): Promise<void> {
    const { fleet, orders, sessionsChanged } = this.#ports
    if (fleet.link(device) && fleet.orgOf(device) !== org)
      this.foreign.note(device, org, { session: lease.session, run: run.id })
    const sent = orders.send(org, device, { type: 'LEASE', lease })
    this.#show(org, run)
    if (moved) sessionsChanged(org)
    await sent
  }

  async #wait(org: OrgId, id: RunId, decision: Extract<RouteDecision, { wait: string }>): Promise<void> {
    const run = await this.#ports.store.call('setReasons', {
      org,
      id,
      reasons: [...new Set([...decision.reasons, decision.wait, decision.unblock])],
    })
    if (run) this.#show(org, run)
  }

  async #refuse(org: OrgId, id: RunId, decision: Extract<RouteDecision, { refuse: string }>): Promise<void> {
    const { store, now } = this.#ports
    const { refuse: code, detail, unblock } = decision
    const reason = `${detail} ${unblock}`
    await store.call('setReasons', { org, id, reasons: [...decision.reasons, unblock] })
    const run = await store.call('endRun', { org, id, as: 'failed', reason, code, now: now() })
    if (run) this.#ended(org, run)
  }

  /**
   * Hands over again what stands in the store for devices that have their channel here, and that was so at the last look
   * too: whoever gave the order may have been killed before it said so (CH7). A device takes each once.
   */
  async handOverAgain(): Promise<void> {
    const { store, fleet, now, times } = this.#ports
    const found = await store.query('undeliveredOrders')
    const before = this.#undelivered
    this.#undelivered = new Set(found.map(undeliveredKey))
    for (const order of found) {
      const { org, id, device, status, cancelReason: reason } = order
      const link = before.has(undeliveredKey(order)) ? fleet.link(device) : undefined
      if (!link) continue
      const expiresAt = now() + times.leaseMs
      const lease = status === 'leased' ? await store.query('leaseOfHolder', { org, id, device, expiresAt }) : null
      if (lease && fleet.orgOf(device) !== org) this.foreign.note(device, org, { session: lease.session, run: id })
      if (lease) link.send({ type: 'LEASE', lease })
      if (reason !== null) link.send({ type: 'RUN_CANCEL', run: id, reason })
    }
  }

  #appended(org: OrgId, run: Run, appended: number, grown: Grown | undefined, seq: number): void {
    const firstEvents = seq === appended
    if (hasEnded(run.status)) this.#isOver(org, run, grown)
    else if (firstEvents || run.status.startsWith('waiting-for-')) this.#show(org, run, grown)
    else {
      this.#ports.feeds.grew(org, run.id, grown)
      this.#ports.grewElsewhere(org, run.id)
    }
  }

  /** This hub has ended it. */
  #ended(org: OrgId, run: Run): void {
    this.#ports.gatesChanged(org, run.id)
    this.#isOver(org, run)
  }

  #isOver(org: OrgId, run: Run, grown?: Grown): void {
    this.foreign.ended(run.device, run.id)
    this.#ports.metrics.runsEnded.inc({ status: run.status })
    this.#show(org, run, grown)
    this.placeSoon(org, run.session)
  }

  #show(org: OrgId, run: Run, grown?: Grown): void {
    const { code: _, ...shown } = run
    this.#ports.feeds.grew(org, run.id, grown)
    this.#isNewToViewers(run.id, shown)
    this.#ports.events.publish(org, { type: 'run', run: shown })
  }

  /** A hub hears of its own changes too. */
  #isNewToViewers(id: RunId, shown: object): boolean {
    const text = JSON.stringify(shown)
    const isNew = this.#shown.get(id) !== text
    this.#shown.delete(id)
    this.#shown.set(id, text)
    const oldest = this.#shown.size > mostShown ? this.#shown.keys().next().value : undefined
    if (oldest !== undefined) this.#shown.delete(oldest)
    return isNew
  }
}

const undeliveredKey = ({ org, id, device, status, cancelReason }: Undelivered): string =>
  [org, id, device, status, cancelReason === null].join(' ')

/** The hash of the code as it came; a hash that was sent along must agree, or the code was altered on its way. */
/** What the request asks of where it runs, and in what. */
export function demandsIn({ runsOn, requires, kernel, timeoutMs, failover, onLoss }: RunRequest): RunDemands {
  return { runsOn, requires, kernel, timeoutMs, failover, onLoss }
}

export function hashOf(request: RunRequest): string {
  if (Buffer.byteLength(JSON.stringify(request.code)) > limits.channelFrameBytes - leaseOverheadBytes)
    throw new MeshError('TOO_LARGE', { detail: 'the code of a cell' })
  const hash = createHash('sha256').update(request.code).digest('hex')
  if (request.codeHash !== undefined && request.codeHash !== hash)
    throw new MeshError('BAD_REQUEST', { detail: 'codeHash is not the SHA-256 of code' })
  return hash
}
