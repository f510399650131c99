/**
 * The device's use of saved sessions: who is saved and by which backends, what the hub asks for and is told, and what
 * becomes of heads that have passed on. It composes saver, uploads and restorer; each of them knows only its ports.
 */
import { join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, HeadId, MoveId, Now, ProjectId, SessionId } from '@meshbook/core/ids.ts'
import { limits as bounds, type Limits } from '@meshbook/core/limits.ts'
import type { DownMessage, Lease, UpMessage } from '@meshbook/core/messages.ts'
import type { RestoreAbility, SnapshotKind, SnapshotRecord, SnapshotUse } from '@meshbook/core/snapshot.ts'
import type { SnapshotsHere } from '@meshbook/core/snapshots-here.ts'
import type { After } from '@meshbook/relay/timers.ts'
import type { ExecuteOrder, KernelSession, KernelSessions, SessionSpec } from '../kernels/port.ts'
import type { Monitor, SavingPorts } from '../monitor/monitor.ts'
import type { LiveHead } from '../monitor/session-table.ts'
import type { Problems } from '../problems.ts'
import { CaptureTurns } from './capture-turns.ts'
import { describeHere } from './describe-here.ts'
import { MeasuredBackends } from './measured-backends.ts'
import type { SnapshotBackend } from './port.ts'
import { RecordUploads } from './record-uploads.ts'
import { type FoundWrong, RestoreFailed, type RestoreOrder, SessionRestorer } from './session-restorer.ts'
import { SessionSaver } from './session-saver.ts'
import type { SavedSessions } from './session-snapshots.ts'

type Down<T extends DownMessage['type']> = Extract<DownMessage, { type: T }>
type RestoredMessage = Extract<UpMessage, { type: 'RESTORED' }>
type SnapshotMessage = Extract<UpMessage, { type: 'SNAPSHOT' }>

export interface DeviceSnapshotsPorts {
  use: SnapshotUse
  /** The best first. */
  backends: readonly SnapshotBackend[]
  places: SavedSessions
  kernels: Pick<KernelSessions, 'start'>
  monitor(): Monitor
  /** Where work folders and opened sessions lie. */
  folder: string
  self: DeviceId
  nameOf(device: DeviceId): string | undefined
  folderOf(project: ProjectId): string | undefined
  /** Of the device's policy; 0: never. */
  idleMinutes(): number
  send(message: UpMessage): boolean
  /** What can be restored here is known, or another than it was. */
  abilityChanged(): void
  problems: Problems
  limits: Limits
  now: Now
  after: After
  log: { warn(detail: object, message: string): void }
}

const turnsPerDevice = 2
const mostUntold = 100
const minuteMs = 60_000

interface Restoring {
  session: SessionId
  head: HeadId
  fence: Lease['fence']
  stop: AbortController
}

export class DeviceSnapshots {
  readonly #ports: DeviceSnapshotsPorts
  readonly #backends: MeasuredBackends
  readonly #savers = new Map<HeadId, SessionSaver>()
  readonly #turns = new CaptureTurns(turnsPerDevice)
  readonly #uploads: RecordUploads
  readonly #restorer: SessionRestorer
  /** Restores that a SESSION_MOVED may give up. */
  readonly #restoring = new Set<Restoring>()
  readonly #prefetching = new Map<SessionId, AbortController>()
  readonly #asked = new Set<MoveId>()
  /** How the restores of prospective heads ended: the hub may ask again after a cut. */
  readonly #answers = new Map<HeadId, RestoredMessage>()
  /** What the hub could not be told yet. */
  #untold: UpMessage[] = []
  /** Heads of which this connection knows that they are not saved. */
  #toldOff = new Set<HeadId>()
  readonly #closed = new AbortController()
  readonly #working = new Set<Promise<void>>()
  #isTaken = false

  constructor(ports: DeviceSnapshotsPorts) {
    this.#ports = ports
    const { places, log, limits } = ports
    const warn = (detail: object, message: string) => log.warn(detail, message)
    this.#backends = new MeasuredBackends(ports.backends, ports.use, () => this.#measured())
    this.#uploads = new RecordUploads({
      upload: (record, signal) =>
        places.upload(record, AbortSignal.any([signal, AbortSignal.timeout(limits.snapshotTransferMs)])),
      superseded: snapshot => places.superseded(snapshot),
      arrived: record => this.#tell(record, { state: 'saved', snapshot: record.id }),
      refused: (record, error) => this.#notSaved(record, error),
      warn,
    })
    this.#restorer = new SessionRestorer({
      ...ports,
      folder: join(ports.folder, 'opened'),
      backend: kind => this.#backends.able(kind),
      warn,
    })
  }

  /** What the monitor asks and tells. */
  get saving(): SavingPorts {
    return {
      began: lease => this.#began(lease),
      ended: lease => this.#saverOf(lease.head)?.ended(),
      restore: (lease, spec, resumed) => this.#restoreLease(lease, spec, resumed),
      isSaved: head => this.#savers.get(head)?.isSaved === true,
      staysLost: head => this.#staysLost(head),
    }
  }

  #began(lease: Lease): void {
    this.#saverOf(lease.head)?.began(lease)
    if (!this.#isOff || this.#toldOff.has(lease.head)) return
    this.#toldOff.add(lease.head)
    this.#tellOff(lease)
  }

  /** What REGISTER tells; undefined while nothing is known to work. */
  get restores(): RestoreAbility | undefined {
    return this.#backends.restores
  }

  /** After the monitor has found its sessions again. */
  async start(): Promise<void> {
    const heads = this.#heads()
    await this.#restorer.load(head => this.#isHere(head))
    this.#backends.measure()
    if (this.#isOff) return
    const kept = await this.#ports.places.kept()
    for (const { record, atHub } of kept) if (!atHub) this.#uploads.add(record)
    for (const { head } of heads) {
      const records = kept.filter(({ record }) => record.head === head).map(({ record }) => record)
      this.#saverOf(head)?.recovered(records)
    }
  }

  /** `isTaken`: the hub takes what is told of saved sessions. */
  online(isTaken: boolean): void {
    this.#isTaken = isTaken
    for (const message of this.#untold.splice(0)) this.#send(message)
    this.#uploads.online()
    if (!this.#isOff) return
    this.#toldOff = new Set(this.#heads().map(({ head }) => head))
    for (const head of this.#heads()) this.#tellOff(head)
  }

  offline(): void {
    this.#uploads.offline()
  }

  /** Before sleep, or before kernels end: as far as it gets (SN50). */
  async flush(): Promise<void> {
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.#ports.limits.snapshotFlushMs)])
    const savers = this.#heads().flatMap(({ head }) => this.#saverOf(head) ?? [])
    const late = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => late.resolve(), { once: true })
    const flushed = Promise.all(savers.map(saver => saver.flush(signal))).then(() => this.#uploads.settled(signal))
    await Promise.race([flushed.catch(thrown => this.#warn(thrown)), late.promise])
  }

  migrateOut(message: Down<'MIGRATE_OUT'>): void {
    // The hub asks again after each cut.
    if (this.#asked.has(message.ask)) return
    this.#asked.add(message.ask)
    this.#work(() => this.#migrateOut(message).finally(() => this.#asked.delete(message.ask)))
  }

  migrateIn(message: Down<'MIGRATE_IN'>): void {
    const answer = this.#answers.get(message.head)
    if (answer) this.#send(answer)
    if (answer || this.#asked.has(message.ask)) return
    this.#asked.add(message.ask)
    this.#work(() => this.#migrateIn(message).finally(() => this.#asked.delete(message.ask)))
  }

  prefetch({ session, restore }: Down<'PREFETCH'>): void {
    if (this.#isOff) return
    this.#prefetching.get(session)?.abort()
    const stop = new AbortController()
    this.#prefetching.set(session, stop)
    const signal = AbortSignal.any([stop.signal, this.#closed.signal])
    this.#work(() => this.#restorer.prefetch(session, restore, signal))
  }

  /** Either the source ends its head, or the target's becomes live, or what was being restored is given up (SN88). */
  sessionMoved(message: Down<'SESSION_MOVED'>): void {
    this.#work(async () => {
      const { session, to, ended, head, fence } = message
      const { sessions } = this.#ports.monitor()
      if (to !== this.#ports.self) await this.#giveUp(message)
      else if (head !== null && !(await sessions.goLive(head)))
        this.#ports.send({
          type: 'RUNTIME_DOWN',
          session,
          head,
          fence,
          reason: 'what was restored is not there any more',
        })
      if (ended !== null) await this.#endHead(ended)
      this.#forgetGone()
    })
  }

  here(): Promise<SnapshotsHere> {
    return describeHere({
      use: this.#ports.use,
      abilities: this.#backends.abilities(),
      heads: this.#heads(),
      nameOf: head => this.#ports.monitor().sessions.labelOf(head.kernel.spec.session)?.sessionName,
      saver: head => this.#savers.get(head),
      atHub: snapshot => !this.#uploads.isMissing(snapshot),
    })
  }

  async close(): Promise<void> {
    this.#closed.abort(new MeshError('SHUTTING_DOWN'))
    await this.#uploads.close()
    await Promise.all([...this.#savers.values()].map(saver => saver.close()))
    await Promise.all(this.#working)
    await this.#ports.places.close()
  }

  get #isOff(): boolean {
    return this.#ports.use === 'off'
  }

  /** Those that the hub knows as this device's. */
  #heads(): LiveHead[] {
    return this.#ports
      .monitor()
      .sessions.all()
      .filter(({ given }) => given)
  }

  #measured(): void {
    if (this.#closed.signal.aborted) return
    for (const saver of this.#savers.values()) saver.measured()
    this.#ports.abilityChanged()
  }

  /** Undefined where nothing is saved. */
  #saverOf(head: HeadId): SessionSaver | undefined {
    if (this.#backends.wanted.length === 0) return undefined
    this.#forgetGone()
    const known = this.#savers.get(head)
    if (known) return known
    const saver = this.#makeSaver(head)
    this.#savers.set(head, saver)
    return saver
  }

  #makeSaver(head: HeadId): SessionSaver {
    const { limits, now, after, places, log, idleMinutes } = this.#ports
    const find = () => this.#found(head)
    const tell = (told: Pick<SnapshotMessage, 'state' | 'code' | 'detail'>) => {
      const found = find()
      if (found) this.#tell(found, told)
    }
    return new SessionSaver({
      head: () => (this.#isGiven(head) ? find() : undefined),
      backends: this.#backends.wanted,
      ability: kind => this.#backends.stateOf(kind),
      able: kind => this.#backends.able(kind),
      places,
      turns: this.#turns,
      folder: join(this.#ports.folder, 'work', head),
      limits,
      now,
      after,
      isBusy: () => this.#ports.monitor().isHeadBusy(head),
      idleEndMs: () => idleMinutes() * minuteMs,
      saving: () => tell({ state: 'saving' }),
      saved: record => {
        this.#ports.problems.solve(aboutOf(record.session))
        this.#uploads.add(record)
      },
      failed: error => {
        const found = find()
        if (found) this.#notSaved(found, error)
      },
      unfit: words => tell({ state: 'off', code: 'SNAPSHOT_UNFIT', detail: cut(words) }),
      warn: (detail, message) => log.warn(detail, message),
    })
  }

  /** Live, lost and still there, or lost in a moment. */
  #found(head: HeadId): LiveHead | undefined {
    return this.#ports.monitor().sessions.withHead(head)
  }

  #isHere(head: HeadId): boolean {
    const { sessions } = this.#ports.monitor()
    return [...sessions.prospects(), ...sessions.lost(), ...sessions.all()].some(each => each.head === head)
  }

  #isGiven(head: HeadId): boolean {
    return this.#found(head)?.given === true
  }

  #forgetGone(): void {
    const { sessions } = this.#ports.monitor()
    const prospects = new Set(sessions.prospects().map(each => each.head))
    for (const head of this.#answers.keys()) if (!prospects.has(head)) this.#answers.delete(head)
    for (const [head, saver] of this.#savers) {
      if (prospects.has(head) || this.#found(head) || this.#ports.monitor().isHeadBusy(head)) continue
      this.#savers.delete(head)
      this.#work(() => saver.forget())
    }
  }

  #notSaved(about: Pick<SnapshotMessage, 'session' | 'head' | 'fence'>, error: MeshError): void {
    const { code, message } = error
    const name = this.#nameOf(about.session)
    this.#ports.problems.report(
      aboutOf(about.session),
      new MeshError('SNAPSHOT_FAILED', { detail: `${name}: ${message}`, cause: error }),
    )
    this.#tell(about, { state: 'failed', code, detail: cut(message) })
  }

  #nameOf(session: SessionId): string {
    return this.#ports.monitor().sessions.get(session)?.spec.name ?? session
  }

  #tellOff(about: Pick<SnapshotMessage, 'session' | 'head' | 'fence'>, ask?: MoveId): void {
    this.#tell(about, { ...(ask && { ask }), state: 'off', code: 'SNAPSHOTS_OFF' })
  }

  #tell(
    { session, head, fence }: Pick<SnapshotMessage, 'session' | 'head' | 'fence'>,
    told: Omit<SnapshotMessage, 'type' | 'session' | 'head' | 'fence'>,
  ): void {
    if (this.#isTaken) this.#send({ type: 'SNAPSHOT', session, head, fence, ...told })
  }

  async #migrateOut({ ask, session, head, fence, name, kinds, end }: Down<'MIGRATE_OUT'>): Promise<void> {
    const about = { session, head, fence }
    if (this.#isOff) return this.#tellOff(about, ask)
    try {
      const saver = this.#found(head) && this.#saverOf(head)
      if (!saver) throw new MeshError('NOT_FOUND', { detail: 'the session is not live on this device' })
      const record = await this.#saveToHub(saver, kinds, name)
      this.#tell(about, { ask, state: 'saved', snapshot: record.id })
      if (end) await this.#endHead(head)
    } catch (thrown) {
      const { code, message } = asMeshError(thrown)
      this.#tell(about, { ask, state: 'failed', code, detail: cut(message) })
    }
  }

  async #saveToHub(saver: SessionSaver, kinds: readonly SnapshotKind[], name: string | null): Promise<SnapshotRecord> {
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.#ports.limits.moveMs)])
    for (;;) {
      const record = await saver.save({ kinds, name, signal })
      try {
        await this.#uploads.arrived(record.id, signal)
        return record
      } catch (thrown) {
        // A newer one has taken its place: that one is what is wanted.
        if (asMeshError(thrown).code !== 'CONFLICT') throw thrown
      }
    }
  }

  async #migrateIn(message: Down<'MIGRATE_IN'>): Promise<void> {
    const { ask, session, head, fence, restore, project } = message
    const about = { session, head, fence, ask }
    const { sessions } = this.#ports.monitor()
    const folder = this.#ports.folderOf(project)
    const why = this.#isOff
      ? 'sessions are not restored on this device'
      : folder === undefined && 'the project has no folder on this device'
    if (why || folder === undefined) {
      const code = this.#isOff ? ('SNAPSHOTS_OFF' as const) : ('SNAPSHOT_UNFIT' as const)
      const failed = restore.map(({ snapshot }) => ({ snapshot, code, detail: why || '' }))
      this.#tellRestored(about, { ok: false, failed, lost: [] })
      return
    }
    const order = { session, ladder: restore, isCopy: true, isNewest: false, behind: 0 }
    try {
      await sessions.prepare(message, folder, spec => this.#restore({ ...order, spec }, about))
    } catch (thrown) {
      this.#warn(thrown)
      return
    }
    this.#ports.after(this.#ports.limits.moveMs, () => this.#work(() => sessions.giveUp(head)))
  }

  async #restoreLease(lease: Lease, spec: SessionSpec, resumed: ExecuteOrder | undefined): Promise<KernelSession> {
    const { session, head, fence, restore = [], behind = 0, resume } = lease
    const order = { session, spec, ladder: restore, isCopy: false, isNewest: true, behind }
    const goesOn = resumed && resume && { order: resumed, seq: resume.seq }
    if (this.#isOff) throw new MeshError('SNAPSHOTS_OFF', { detail: spec.device })
    return this.#restore({ ...order, resume: goesOn }, { session, head, fence })
  }

  /** Tells how far it is, and how it ended. */
  async #restore(
    order: Omit<RestoreOrder, 'signal' | 'told'>,
    about: { session: SessionId; head: HeadId; fence: Lease['fence']; ask?: MoveId },
  ): Promise<KernelSession> {
    const { session, head, fence } = about
    const stop = new AbortController()
    const restoring: Restoring = { session, head, fence, stop }
    this.#restoring.add(restoring)
    const signal = AbortSignal.any([stop.signal, this.#closed.signal])
    const told: RestoreOrder['told'] = progress => {
      if (this.#isTaken) this.#ports.send({ type: 'RESTORING', session, head, ...progress })
    }
    try {
      const { session: kernel, record, failed, times } = await this.#restorer.restore({ ...order, signal, told })
      if (signal.aborted) {
        await kernel.shutdown()
        signal.throwIfAborted()
      }
      this.#saverOf(head)?.restored(record)
      this.#tellRestored(about, { ok: true, snapshot: record.id, failed, lost: record.lost, times })
      return kernel
    } catch (thrown) {
      const failed: FoundWrong[] = thrown instanceof RestoreFailed ? thrown.failed : []
      this.#tellRestored(about, { ok: false, failed, lost: [] })
      throw thrown
    } finally {
      this.#restoring.delete(restoring)
    }
  }

  #tellRestored(
    { session, head, fence, ask }: { session: SessionId; head: HeadId; fence: Lease['fence']; ask?: MoveId },
    how: Omit<RestoredMessage, 'type' | 'session' | 'head' | 'fence' | 'ask'>,
  ): void {
    const failed = how.failed.slice(0, 10)
    const message: RestoredMessage = { type: 'RESTORED', session, head, fence, ...(ask && { ask }), ...how, failed }
    if (ask && how.ok) this.#answers.set(head, message)
    this.#send(message)
  }

  /** Later if the hub is out of reach now. */
  #send(message: UpMessage): void {
    if (!this.#isTaken || this.#ports.send(message)) return
    this.#untold.push(message)
    if (this.#untold.length > mostUntold) this.#untold.shift()
  }

  /** A message about what is over may come late, when the next one is on its way already: that one goes on. */
  async #giveUp(moved: Down<'SESSION_MOVED'>): Promise<void> {
    this.#prefetching.get(moved.session)?.abort()
    for (const restoring of this.#restoring)
      if (isOverBy(restoring, moved)) restoring.stop.abort(new MeshError('CONFLICT', { detail: 'given up' }))
    const { sessions } = this.#ports.monitor()
    for (const each of sessions.prospects()) if (isOverBy(each, moved)) await sessions.giveUp(each.head)
  }

  /** SN90 */
  async #staysLost(found: LiveHead): Promise<boolean> {
    const { session, head, fence } = found
    const saver = this.#isTaken && !this.#isOff ? this.#savers.get(head) : undefined
    const isRunning = this.#ports.monitor().isHeadBusy(head)
    const ahead = ((await saver?.unsaved()) ?? 0) + (isRunning ? 1 : 0)
    if (!saver || ahead === 0) return false
    this.#tell({ session, head, fence }, { state: 'failed', code: 'STALE_FENCE', ahead })
    this.#ports.after(this.#ports.limits.moveMs, () => this.#work(() => this.#letGo(head)))
    return true
  }

  /** Nobody has asked for it in all that time: it is kept as it is, and ends. */
  async #letGo(head: HeadId): Promise<void> {
    const saver = this.#savers.get(head)
    if (
      !this.#ports
        .monitor()
        .sessions.lost()
        .some(each => each.head === head) ||
      !saver
    )
      return
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.#ports.limits.snapshotCaptureMs)])
    const kinds = this.#ports.backends.map(({ kind }) => kind)
    const name = `${this.#nameOf(this.#found(head)!.session)} as it was left`.slice(0, bounds.nameChars)
    await saver.save({ kinds, name, signal }).catch(thrown => this.#warn(thrown))
    if (!this.#closed.signal.aborted) await this.#endHead(head)
  }

  async #endHead(head: HeadId): Promise<void> {
    await this.#ports.monitor().sessions.endHead(head)
    const saver = this.#savers.get(head)
    this.#savers.delete(head)
    await saver?.forget()
  }

  #work(action: () => Promise<void>): void {
    const done = action()
      .catch(thrown => this.#warn(thrown))
      .finally(() => this.#working.delete(done))
    this.#working.add(done)
  }

  #warn(thrown: unknown): void {
    if (!this.#closed.signal.aborted)
      this.#ports.log.warn({ err: asMeshError(thrown) }, 'a saved session: it went wrong')
  }
}

function aboutOf(session: SessionId): string {
  return `saving ${session}`
}

function cut(words: string): string {
  return words.slice(0, bounds.problemTextChars).toWellFormed()
}

/** Without a target it is about that one head; else about all that the session has left behind. */
function isOverBy(one: Pick<Restoring, 'session' | 'head' | 'fence'>, moved: Down<'SESSION_MOVED'>): boolean {
  if (one.session !== moved.session) return false
  return moved.to === null && moved.head !== null ? one.head === moved.head : one.fence <= moved.fence
}
