/**
 * Runs that this device decides about itself because the hub cannot be asked (DV120–DV123): taken, placed by the device's
 * own router, given to the monitor under a lease of its own. What becomes of them when the hub is back is
 * `hub-catch-up.ts`'s part.
 */
import { createHash } from 'node:crypto'
import type { Run } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type DeviceId,
  type HeadId,
  type Now,
  newId,
  type ProjectId,
  type RandomBytes,
  type RunId,
  type SessionId,
} from '@meshbook/core/ids.ts'
import { canonicalLanguage } from '@meshbook/core/languages.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, DownMessage, Lease, RunRequest, SessionInfo, UpMessage } from '@meshbook/core/messages.ts'
import { sessionNameOf } from '@meshbook/core/notebook/demands.ts'
import { queued, stepRun } from '@meshbook/core/run.ts'
import type { RecoveredSession } from '../kernels/port.ts'
import type { Monitor } from '../monitor/monitor.ts'
import type { OwnRuns } from '../monitor/own-runs.ts'
import { type LocalRoute, routeLocally } from '../monitor/route-locally.ts'
import { journalOf, type RunSource } from '../monitor/run-source.ts'
import type { MonitorLog } from '../monitor/run-store.ts'
import type { HeadLabel, LastHeard, LocalRun } from '../store/local-runs.ts'
import { type HubAnswer, HubCatchUp } from './hub-catch-up.ts'
import type { LocalRunStore } from './local-run-store.ts'
import { type FoundSession, keyOf, LocalSessions, type Wanted } from './local-sessions.ts'
import { endedBy, newRecord, OwnRun, shown, sourceOfOnly, wantedOf } from './own-run.ts'
import { spareRuns } from './spare-runs.ts'

export interface LocalRunsPorts {
  device: { id: DeviceId; name: string }
  kind: DeviceInfo['kind']
  hasHub: boolean
  store: LocalRunStore
  limits: Limits
  now: Now
  random: RandomBytes
  log: MonitorLog
  monitor(): Monitor
  isAttached(project: ProjectId): boolean
  projectOf(document: RunRequest['document']): ProjectId | undefined
  facts(): Promise<Pick<LocalRoute['self'], 'runtimes' | 'metrics'>>
  /** False while the hub is out of reach. */
  send(message: UpMessage): boolean
  /** `POST /runs` at the hub, in the name of this device. */
  ask(request: RunRequest): Promise<HubAnswer>
  changed(run: Run): void
  problem(error: MeshError | undefined): void
}

/** A request, and where its document stands. */
export interface Asked {
  request: RunRequest
  project: ProjectId
  path: string | null
  by: string
  againOf?: RunId
}

const hubReason = 'The hub is asked as soon as it can be reached.'

export class LocalRuns implements OwnRuns {
  readonly #ports: LocalRunsPorts
  /** In the order in which they were taken. */
  readonly #runs = new Map<RunId, OwnRun>()
  readonly #sessions: LocalSessions
  readonly #catchUp: HubCatchUp
  readonly #placing = new Map<string, 'once' | 'again'>()
  readonly #closed = new AbortController()
  #heard: LastHeard = { devices: [], sessions: [] }
  #labels: HeadLabel[] = []
  /** The hub has been out of reach for long enough. */
  #isAlone = false
  #timer: NodeJS.Timeout | undefined

  constructor(ports: LocalRunsPorts) {
    this.#ports = ports
    this.#sessions = new LocalSessions({
      ...ports,
      live: {
        named: (project, runtime, name) => ports.monitor().sessions.named(project, runtime, name),
        labelOf: kernel => ports.monitor().sessions.labelOf(kernel),
      },
      known: () => this.#heard.sessions,
    })
    this.#catchUp = new HubCatchUp({
      ...ports,
      runs: this.#runs,
      sessions: this.#sessions,
      told: run => this.#tell(run),
      gone: run => this.#forget(run),
    })
  }

  /** Before the monitor starts: what it takes up again may be one of these. */
  async load(): Promise<HeadLabel[]> {
    const { store } = this.#ports
    for (const record of await store.runs()) this.#runs.set(record.request.id, new OwnRun(record))
    this.#labels = await store.labels()
    this.#heard = await store.heard()
    for (const label of this.#labels) if (!label.given) this.#sessions.remember(label)
    return this.#labels
  }

  /** The monitor has taken up what it holds; the logs of the others are in the journals that were found. */
  start(recovered: readonly RecoveredSession[]): void {
    for (const run of this.#runs.values()) {
      if (run.record.lease === null || run.source) continue
      const found = recovered.find(({ runs }) => runs.some(known => known.run === run.id))
      const source = sourceOfOnly(run.record) ?? (found && journalOf(found.session, run.record.lease))
      if (source) this.sourced(run.id, source)
    }
    this.offline()
  }

  // What the monitor asks.
  has(run: RunId): boolean {
    return (this.#runs.get(run)?.record.lease ?? null) !== null
  }
  waits(id: RunId): string | undefined {
    const run = this.#runs.get(id)
    return run && run.record.lease === null && !run.hasEnded ? run.record.reasons.join(' ') || hubReason : undefined
  }
  over(): void {
    this.#catchUp.finish()
    this.lookAgain()
    this.#save(this.#trim())
  }
  isNeeded(head: HeadId): boolean {
    return [...this.#runs.values()].some(({ record }) => record.stage === 'held' && record.head?.head === head)
  }
  newKernel() {
    return newId('session', this.#ports.now(), this.#ports.random)
  }
  keepLabel(label: HeadLabel): void {
    this.#save(this.#ports.store.saveLabel(label))
  }
  dropLabel(label: HeadLabel): void {
    this.#save(this.#ports.store.dropLabel(label))
  }
  asked(request: RunRequest & { id: RunId }): void {
    const project = this.#ports.projectOf(request.document)
    if (project === undefined || !this.#isAlone) return
    this.#save(this.submit({ request, project, path: null, by: this.#ports.device.name }))
  }
  sourced(id: RunId, source: RunSource): void {
    const run = this.#runs.get(id)
    if (!run) return
    run.source = source
    run.wake()
    this.#catchUp.sourced(run)
    if (!run.isFollowed && !run.hasEnded) this.#save(this.#follow(run, source))
  }

  // What those of this machine ask.
  get(id: RunId): OwnRun | undefined {
    return this.#runs.get(id)
  }
  /** Newest first. */
  list(): Run[] {
    return [...this.#runs.values()].map(run => this.show(run)).reverse()
  }

  /** Whether the device decides for itself now. */
  get isAlone(): boolean {
    return this.#isAlone
  }

  show(run: OwnRun): Run {
    if (run.record.lease) return shown(run, this.#ports.device, run.record.lease.session, 0)
    const key = keyOf(wantedOf(run.record))
    let position = 0
    for (const other of this.#runs.values()) {
      if (other === run) break
      if (!other.hasEnded && keyOf(wantedOf(other.record)) === key) position++
    }
    return shown(run, this.#ports.device, this.#sessions.find(wantedOf(run.record)).label.session, position)
  }

  /** Idempotent by id. Resolves once the run is durable here. */
  async submit(asked: Asked): Promise<OwnRun> {
    const known = this.#known(asked)
    if (known) return known
    const run = this.#take(asked, 'waiting')
    try {
      await this.#place(keyOf(wantedOf(run.record)))
      if (run.record.stage === 'waiting') await this.#ports.store.save(run.record)
      else await run.leased
    } catch (thrown) {
      this.#runs.delete(run.id)
      throw thrown
    }
    this.#tell(run)
    return run
  }

  /**
   * Passes a request on to the hub, noted before it is sent: undefined where it was not answered, and then the run waits to
   * learn whether the hub took it (DV126).
   */
  async passOn(asked: Asked, send: (request: RunRequest) => Promise<HubAnswer>): Promise<OwnRun | HubAnswer> {
    const known = this.#known(asked)
    if (known) return known
    const run = this.#take(asked, 'asked')
    run.isPassing = true
    await this.#ports.store.save(run.record).catch(thrown => {
      this.#runs.delete(run.id)
      throw thrown
    })
    const answer = await send(run.record.request)
    run.isPassing = false
    if (answer.kind === 'taken' || answer.kind === 'refused') {
      this.#save(this.#forget(run))
      return answer
    }
    if (answer.kind === 'not-sent') run.change({ stage: 'waiting' })
    else this.#catchUp.askSoon()
    this.#showWaiting(run, answer.kind === 'not-sent' ? [] : ['Waiting to learn whether the hub took it.'])
    await this.#ports.store.save(run.record)
    if (answer.kind === 'not-sent') await this.#place(keyOf(wantedOf(run.record)))
    return run
  }

  #known({ request }: Asked): OwnRun | undefined {
    const known = request.id && this.#runs.get(request.id)
    if (!known) return undefined
    if (known.record.request.codeHash !== hashOf(request) || known.record.request.document !== request.document)
      throw new MeshError('RUN_EXISTS', { detail: `run ${request.id}` })
    return known
  }

  #take({ request, project, path, by, againOf }: Asked, stage: LocalRun['stage']): OwnRun {
    const { now, random } = this.#ports
    const at = now()
    const id = request.id ?? (newId('run', at, random) as unknown as RunId)
    const codeHash = hashOf(request)
    const askedAt = Math.min(request.askedAt ?? at, at)
    const expiresAt = request.expiresAt ?? at + limits.runWaitMs
    if (expiresAt <= at) throw new MeshError('RUN_EXPIRED', { detail: `run ${id}` })
    const whole = { ...request, id, codeHash, askedAt, expiresAt, session: sessionNameOf(request) }
    const run = new OwnRun(newRecord(whole, { project, path, by, againOf: againOf ?? null, stage }))
    const key = keyOf(wantedOf(run.record))
    const waiting = [...this.#runs.values()].filter(
      other => other.record.lease === null && !other.hasEnded && keyOf(wantedOf(other.record)) === key,
    )
    if (waiting.length >= limits.runQueuePerSession)
      throw new MeshError('TOO_MANY', { detail: `${waiting.length} runs wait for this session` })
    this.#runs.set(id, run)
    return run
  }

  async cancel(run: OwnRun, reason: string): Promise<void> {
    const { record } = run
    if (run.hasEnded) throw new MeshError('RUN_ENDED', { detail: `run ${run.id} has ${record.state.status}` })
    if (record.lease) return this.#ports.monitor().onCancel({ type: 'RUN_CANCEL', run: run.id, reason })
    if (record.stage === 'asked')
      throw new MeshError('UNREACHABLE', { detail: 'the hub, which may have this run already' })
    const event = { type: 'cancelled', at: this.#ports.now(), durationMs: 0, reason } as const
    run.record = endedBy(record, event, 'over')
    run.source = sourceOfOnly(run.record)
    await this.#ports.store.save(run.record)
    run.wake()
    this.#ports.monitor().tell(run.id, { status: 'cancelled', reason })
    this.#tell(run)
    this.lookAgain()
  }

  async input(run: OwnRun, { id, text }: { id?: string | undefined; text: string }): Promise<void> {
    const { state } = run.record
    if (run.hasEnded) throw new MeshError('RUN_ENDED', { detail: `run ${run.id}` })
    if (!('inputId' in state) || (id !== undefined && id !== state.inputId))
      throw new MeshError('CONFLICT', { detail: 'the run does not wait for this input' })
    await this.#ports.monitor().onInput({ type: 'RUN_INPUT', run: run.id, id: state.inputId, text })
  }

  /** This code is still wanted (DV122). */
  async confirm(run: OwnRun, codeHash: string): Promise<void> {
    const { record } = run
    if (record.asks === null) throw new MeshError('CONFLICT', { detail: `nothing is asked about run ${run.id}` })
    if (record.request.codeHash !== codeHash)
      throw new MeshError('CONFLICT', { detail: 'this is not the code of the run' })
    run.change({
      asks: null,
      reasons: [],
      request: { ...record.request, expiresAt: this.#ports.now() + limits.runWaitMs },
    })
    await this.#ports.store.save(run.record)
    await this.#place(keyOf(wantedOf(run.record)))
  }

  // Of the link.
  online(welcome: Extract<DownMessage, { type: 'WELCOME' }>): void {
    clearTimeout(this.#timer)
    this.#isAlone = false
    this.#catchUp.online(welcome)
  }
  offline(): void {
    this.#catchUp.offline()
    clearTimeout(this.#timer)
    const alone = () => {
      this.#isAlone = true
      this.lookAgain()
    }
    if (this.#ports.hasHub) this.#timer = setTimeout(alone, this.#ports.limits.hubAwayMs).unref()
    else alone()
  }
  onImported(message: Extract<DownMessage, { type: 'RUN_IMPORTED' }>): Promise<void> {
    return this.#catchUp.imported(message)
  }
  onAck(ack: Extract<DownMessage, { type: 'RUN_ACK' }>): void {
    this.#runs.get(ack.run)?.report?.acked(ack)
  }
  /** For REGISTER: runs that the hub may have by now. */
  held(): Extract<UpMessage, { type: 'REGISTER' }>['runs'] {
    return [...this.#runs.values()].flatMap(({ id, record: { stage, lease, state } }) =>
      lease && (stage === 'held' || stage === 'imported') ? [{ run: id, fence: lease.fence, seq: state.seq }] : [],
    )
  }
  heard(change: Partial<LastHeard>): void {
    this.#heard = { ...this.#heard, ...change }
    this.#save(this.#ports.store.saveHeard(this.#heard))
  }
  get lastHeard(): LastHeard {
    return this.#heard
  }

  /** Sessions that the hub does not know, or not as this device has them. */
  sessions(): SessionInfo[] {
    return this.#ports
      .monitor()
      .sessions.all()
      .map(({ kernel, session, fence }) => ({
        id: session,
        project: kernel.spec.project,
        language: kernel.spec.language,
        name: this.#ports.monitor().sessions.labelOf(kernel.spec.session)?.sessionName ?? kernel.spec.name,
        device: this.#ports.device.id,
        fence,
        kernel: kernel.kernelName.slice(0, limits.nameChars),
      }))
  }

  /** Live here, and not known to the hub as such. */
  isOwnSession(session: SessionId): boolean {
    return this.#ports
      .monitor()
      .sessions.all()
      .some(each => each.session === session && !each.given)
  }

  /** What waits for the session is not wanted any more. */
  async cancelWaiting(session: SessionId): Promise<RunId[]> {
    const waiting = [...this.#runs.values()].filter(
      run => run.record.stage === 'waiting' && !run.hasEnded && this.show(run).session === session,
    )
    for (const run of waiting) await this.cancel(run, 'the session was restarted')
    return waiting.map(({ id }) => id)
  }

  /** Something changed that a run may have waited for. */
  lookAgain(): void {
    const keys = new Set<string>()
    for (const { record } of this.#runs.values()) if (record.stage === 'waiting') keys.add(keyOf(wantedOf(record)))
    for (const key of keys) this.#save(this.#place(key))
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#closed.abort()
    this.#catchUp.offline()
  }

  /** One placement of a session at a time; what happened meanwhile makes it look again. */
  async #place(key: string): Promise<void> {
    if (this.#placing.has(key)) {
      this.#placing.set(key, 'again')
      return
    }
    try {
      do {
        this.#placing.set(key, 'once')
        await this.#placeAll(key)
      } while (this.#placing.get(key) === 'again')
    } finally {
      this.#placing.delete(key)
    }
  }

  /** What must wait for something else holds up none of those behind it. */
  async #placeAll(key: string): Promise<void> {
    for (const run of this.#runs.values()) {
      const { record } = run
      if (!this.#isAlone || this.#closed.signal.aborted) return
      if (record.stage !== 'waiting' || record.asks || run.hasEnded || keyOf(wantedOf(record)) !== key) continue
      if (this.#isBusy(key, wantedOf(record))) return
      await this.#decide(run)
    }
  }

  #isBusy(key: string, wanted: Wanted): boolean {
    const { session } = this.#sessions.find(wanted).label
    const own = [...this.#runs.values()]
    const isHere = (run: OwnRun) => keyOf(wantedOf(run.record)) === key || run.record.lease?.session === session
    // Of the hub's too: those are known to the monitor alone.
    return own.some(run => run.isGoing && isHere(run)) || this.#ports.monitor().isBusy(session, id => !this.has(id))
  }

  async #decide(run: OwnRun): Promise<void> {
    const { request, project } = run.record
    const { device, kind, now } = this.#ports
    if (request.expiresAt <= now()) return this.#setAside(run)
    const facts = await this.#ports.facts()
    const found = this.#sessions.find(wantedOf(run.record))
    const own = this.#heard.devices.find(({ id }) => id === device.id)
    const decision = routeLocally({
      request,
      self: {
        ...device,
        kind,
        ...facts,
        policy: own?.policy,
        attached: this.#ports.isAttached(project),
        busyRuns: [...this.#runs.values()].filter(other => other.isGoing).length,
      },
      others: this.#heard.devices.filter(({ id }) => id !== device.id),
      holder: found.isHere ? device.id : undefined,
      hasRun: found.hasRun,
      now: now(),
    })
    // The hub may have come back while the facts were found out; then it decides.
    if (!this.#isAlone) return
    if ('to' in decision) return this.#lease(run, found, [...found.reasons, ...decision.reasons])
    const why = 'wait' in decision ? decision.wait : decision.detail
    this.#showWaiting(run, [...decision.reasons, why, decision.unblock, ...(this.#ports.hasHub ? [hubReason] : [])])
  }

  async #lease(run: OwnRun, { label }: FoundSession, reasons: string[]): Promise<void> {
    const { now, store, limits: times } = this.#ports
    const { request, project, by } = run.record
    const lease: Lease = {
      run: request.id,
      project,
      document: request.document,
      session: label.session,
      sessionName: label.sessionName,
      head: label.head,
      fence: label.fence,
      language: canonicalLanguage(request.language),
      ...(request.kernel !== undefined && { kernel: request.kernel }),
      ...(request.timeoutMs !== undefined && { timeoutMs: request.timeoutMs }),
      code: request.code,
      ...(request.cell ? { cell: request.cell } : {}),
      requestedBy: by,
      requestedAt: request.askedAt,
      expiresAt: now() + times.leaseMs,
    }
    const state = stepRun(run.record.state, { type: 'leased', fence: label.fence })
    if ('refused' in state) throw new MeshError('INTERNAL', { detail: `run ${run.id}: ${state.refused}` })
    run.change({ stage: 'held', lease, head: label, state, reasons: distinct(reasons) })
    run.leased = store.lease(run.record, label, lease)
    try {
      await run.leased
    } catch (thrown) {
      run.change({ stage: 'waiting', lease: null, head: null, state: queued })
      throw thrown
    }
    this.#ports.monitor().sessions.label(label)
    if (!label.given) this.#sessions.remember(label)
    this.#ports.monitor().takeOwn(lease)
    this.#tell(run)
    this.#catchUp.held(run)
  }

  async #setAside(run: OwnRun): Promise<void> {
    run.change({ asks: 'expired', reasons: ['It waited too long. Is this still wanted?'] })
    await this.#ports.store.save(run.record)
    this.#tell(run)
  }

  #showWaiting(run: OwnRun, reasons: readonly string[]): void {
    const said = distinct(reasons)
    if (said.join() === run.record.reasons.join()) return
    run.change({ reasons: said })
    this.#ports.monitor().tell(run.id, { reason: said.join(' ') })
    this.#tell(run)
  }

  /** Keeps up with the log: for its status, and for who comes next. */
  async #follow(run: OwnRun, source: RunSource): Promise<void> {
    run.isFollowed = true
    for await (const numbered of source.events(run.record.state.seq, this.#closed.signal))
      if (run.take(numbered)) this.#tell(run)
    if (!run.hasEnded) return
    this.lookAgain()
    await this.#ports.store.save(run.record)
    await this.#trim()
  }

  /** What nobody will ever ask for is kept up to a number and a size (DV125). */
  async #trim(): Promise<void> {
    const stays = (run: OwnRun) => this.#ports.hasHub && ['held', 'imported'].includes(run.record.stage)
    const ended = [...this.#runs.values()].filter(run => run.hasEnded && !stays(run))
    for (const run of spareRuns(ended, this.#ports.limits))
      if (!this.#ports.monitor().holds(run.id)) await this.#forget(run)
  }

  async #forget(run: OwnRun): Promise<void> {
    this.#runs.delete(run.id)
    await run.source?.forget()
    await this.#ports.store.drop(run.id)
  }

  #tell(run: OwnRun): void {
    this.#ports.changed(this.show(run))
  }

  #save(work: Promise<unknown>): void {
    work.catch(thrown => {
      if (!this.#closed.signal.aborted) this.#ports.log.warn({ err: thrown }, 'a run of this device could not be kept')
    })
  }
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

/** The hash of the code as it came; a hash that was sent along must agree. */
function hashOf({ code, codeHash }: RunRequest): string {
  const hash = createHash('sha256').update(code).digest('hex')
  if (codeHash !== undefined && codeHash !== hash)
    throw new MeshError('BAD_REQUEST', { detail: 'codeHash is not the SHA-256 of code' })
  return hash
}
