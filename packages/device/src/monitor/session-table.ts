/**
 * The kernel sessions that are live on this device: started when a lease needs one, given up when it ends or is lost. A
 * kernel is the session that it was started as, unless a label says that it is another one by now (DV123, DV124).
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Fence, HeadId, ProjectId, SessionId } from '@meshbook/core/ids.ts'
import type { Lease, UpMessage } from '@meshbook/core/messages.ts'
import { isIdleEnd } from '../kernels/idle-note.ts'
import type { ExecuteOrder, KernelSession, KernelSessions, SessionSpec } from '../kernels/port.ts'
import type { HeadLabel } from '../store/local-runs.ts'

type HeldHead = Extract<UpMessage, { type: 'HEARTBEAT' }>['heads'][number]

export interface SessionTablePorts {
  kernels: KernelSessions
  device: string
  send(message: UpMessage): boolean
  /** An id for a kernel, where another kernel has that of the session. */
  newKernel(): SessionId
  /** Runs of this head are not at the hub yet: its kernel stays (DV124). */
  isNeeded(head: HeadId): boolean
  keepLabel(label: HeadLabel): void
  dropLabel(label: HeadLabel): void
  /** Makes the kernel of a lease whose session begins with what was saved; absent where nothing can be restored. */
  restore?: ((lease: Lease, spec: SessionSpec, resumed: ExecuteOrder | undefined) => Promise<KernelSession>) | undefined
  /** Whether all that the head's kernel had is saved (SN46). */
  isSaved?: ((head: HeadId) => boolean) | undefined
  /** Whether the kernel of a head that has passed on is to stay for now, because it has what nobody else has (SN90). */
  staysLost?: ((head: LiveHead) => Promise<boolean>) | undefined
}

export interface LiveHead {
  kernel: KernelSession
  session: SessionId
  head: HeadId
  fence: Fence
  given: boolean
}

interface Prospect extends LiveHead {
  /** It was found after a restart: the hub says whose the session is. */
  isFound: boolean
}

/** What a head that is to be is about. */
export type Prospective = Pick<Lease, 'session' | 'head' | 'fence' | 'project' | 'language' | 'sessionName' | 'kernel'>

export class SessionTable {
  readonly #ports: SessionTablePorts
  readonly #live = new Map<SessionId, KernelSession>()
  readonly #starting = new Map<SessionId, Promise<KernelSession>>()
  /** Made of what was saved, and used by nobody before they are live (SN86). */
  readonly #prospective = new Map<HeadId, Prospect>()
  /** Heads that have passed on, whose kernels have what is in no record yet (SN90). */
  readonly #lost = new Map<HeadId, LiveHead>()
  /** By the id of the kernel. */
  readonly #labels = new Map<SessionId, HeadLabel>()

  constructor(ports: SessionTablePorts) {
    this.#ports = ports
    ports.kernels.onDown((id, reason) => this.#down(id, reason))
  }

  /** One that was found after a restart. Of two of one session the older goes on until the hub has said which it is. */
  add(kernel: KernelSession): void {
    const found = { kernel, ...this.#identity(kernel) }
    const other = this.#live.get(found.session)
    const known = other && { kernel: other, ...this.#identity(other) }
    const [live, prospect] = known && known.fence > found.fence ? [found, known] : [known ?? found, known && found]
    this.#live.set(live.session, live.kernel)
    if (prospect) this.#prospective.set(prospect.head, { ...prospect, isFound: true })
  }

  get(id: SessionId): KernelSession | undefined {
    return this.#live.get(id)
  }

  /** Those that the hub knows of. */
  heads(): HeldHead[] {
    const found = [...this.#prospective.values()].filter(({ isFound }) => isFound)
    return [...this.all(), ...found]
      .filter(({ given }) => given)
      .map(({ session, head, fence }) => ({ session, head, fence }))
  }

  /** Live, or lost and still there. */
  withHead(head: HeadId): LiveHead | undefined {
    return this.#lost.get(head) ?? this.all().find(each => each.head === head)
  }

  lost(): LiveHead[] {
    return [...this.#lost.values()]
  }

  prospects(): LiveHead[] {
    return [...this.#prospective.values()]
  }

  all(): LiveHead[] {
    return [...this.#live.values()].map(kernel => ({ kernel, ...this.#identity(kernel) }))
  }

  /** The live head of a session by its name in a notebook. */
  named(project: ProjectId, runtime: string, name: string): LiveHead | undefined {
    return this.all().find(({ kernel: { spec } }) => {
      const label = this.#labels.get(spec.session)
      return spec.project === project && spec.language === runtime && (label?.wanted ?? spec.name) === name
    })
  }

  labelOf(kernel: SessionId): HeadLabel | undefined {
    return this.#labels.get(kernel)
  }

  /** From now on the kernel is what the label says; the hub is told if it is the hub's. */
  label(label: HeadLabel): void {
    const kernel = this.all().find(({ kernel: { spec } }) => spec.session === label.kernel)
    this.#labels.set(label.kernel, label)
    if (!kernel) return
    this.#live.delete(kernel.session)
    this.#live.set(label.session, kernel.kernel)
    if (label.given && !kernel.given) this.#sendUp(kernel.kernel)
  }

  /** The session that a lease is for; two leases of one session start it once. */
  for(lease: Lease, projectFolder: string, resumed?: ExecuteOrder): Promise<KernelSession> {
    const { session } = lease
    const before = this.#starting.get(session) ?? Promise.resolve()
    const starting = before.then(ignore, ignore).then(() => this.#liveFor(lease, projectFolder, resumed))
    this.#starting.set(session, starting)
    return starting.finally(() => this.#starting.get(session) === starting && this.#starting.delete(session))
  }

  async #liveFor(lease: Lease, projectFolder: string, resumed: ExecuteOrder | undefined): Promise<KernelSession> {
    await this.goLive(lease.head)
    const live = this.#live.get(lease.session)
    const known = live && this.#identity(live)
    if (live && known?.head === lease.head && known.fence === lease.fence) return live
    return this.#start(lease, projectFolder, resumed)
  }

  async #start(lease: Lease, projectFolder: string, resumed: ExecuteOrder | undefined): Promise<KernelSession> {
    if (lease.restore) return this.#restore(lease, projectFolder, resumed)
    const started = await this.#ports.kernels.start(this.#specOf(lease, this.#kernelFor(lease), projectFolder))
    this.#took(lease.session, started)
    return started
  }

  /** Whatever the session had here is as it was until the restored one is there (SN82). */
  async #restore(lease: Lease, projectFolder: string, resumed: ExecuteOrder | undefined): Promise<KernelSession> {
    const { restore, send } = this.#ports
    try {
      if (!restore) throw new MeshError('SNAPSHOTS_OFF', { detail: this.#ports.device })
      await this.prepare(lease, projectFolder, spec => restore(lease, spec, resumed))
      await this.goLive(lease.head)
      return this.#live.get(lease.session)!
    } catch (thrown) {
      const { session, head, fence } = lease
      const reason = asMeshError(thrown).message.slice(0, 500)
      send({ type: 'RUNTIME_DOWN', session, head, fence, reason })
      throw thrown
    }
  }

  /** Makes the kernel of a head that nobody may use before `goLive`. */
  async prepare(
    prospect: Prospective,
    projectFolder: string,
    make: (spec: SessionSpec) => Promise<KernelSession>,
  ): Promise<void> {
    const kernel = this.#freeKernel(prospect)
    try {
      const made = await make(this.#specOf(prospect, kernel, projectFolder))
      const { session, head, fence } = prospect
      this.#prospective.set(head, { kernel: made, session, head, fence, given: true, isFound: false })
    } catch (thrown) {
      this.#dropLabel(kernel)
      throw thrown
    }
  }

  /** The head is its session's from now on; another that the session has here ends. False if it is not here. */
  async goLive(head: HeadId): Promise<boolean> {
    const prospect = this.#prospective.get(head)
    if (!prospect) return this.all().some(each => each.head === head)
    this.#prospective.delete(head)
    const { session, kernel } = prospect
    const before = this.all().find(each => each.session === session)
    if (before) this.#forget(before)
    this.#took(session, kernel)
    if (before) await before.kernel.shutdown()
    return true
  }

  #took(session: SessionId, kernel: KernelSession): void {
    this.#live.set(session, kernel)
    if (this.#identity(kernel).given) this.#sendUp(kernel)
  }

  #specOf(about: Prospective, kernel: SessionId, projectFolder: string): SessionSpec {
    const { head, fence, project, language, sessionName } = about
    return {
      session: kernel,
      head,
      fence,
      project,
      projectFolder,
      language,
      name: sessionName,
      ...(about.kernel !== undefined && { kernelspec: about.kernel }),
      device: this.#ports.device,
    }
  }

  /** An id that no kernel of this device has. */
  #freeKernel(prospect: Prospective): SessionId {
    return this.#isTaken(prospect.session) ? this.#labelled(prospect) : prospect.session
  }

  #isTaken(kernel: SessionId): boolean {
    const others = [...this.all(), ...this.#lost.values(), ...this.#prospective.values()]
    return this.#labels.has(kernel) || others.some(({ kernel: { spec } }) => spec.session === kernel)
  }

  /** A kernel that goes on as another session keeps its id, so this one needs an id of its own. */
  #kernelFor(lease: Prospective): SessionId {
    const { session, head, fence } = lease
    const labels = [...this.#labels.values()]
    const own = labels.find(label => label.session === session && label.head === head)
    if (own) return own.kernel
    const before = this.#live.get(session)?.spec.session
    const label = before === undefined ? undefined : this.#labels.get(before)
    if (label) this.#relabel({ ...label, head, fence, given: true })
    if (before !== undefined) return before
    return this.#freeKernel(lease)
  }

  #labelled({ session, head, fence, project, language: runtime, sessionName }: Prospective): SessionId {
    const kernel = this.#ports.newKernel()
    this.#relabel({
      kernel,
      session,
      sessionName,
      head,
      fence,
      spareSession: session,
      spareHead: head,
      project,
      runtime,
      wanted: sessionName,
      given: true,
    })
    return kernel
  }

  #relabel(label: HeadLabel): void {
    this.#labels.set(label.kernel, label)
    this.#ports.keepLabel(label)
  }

  #sendUp(kernel: KernelSession): void {
    const { session, head, fence } = this.#identity(kernel)
    this.#ports.send({
      type: 'RUNTIME_UP',
      session,
      head,
      fence,
      language: kernel.spec.language,
      kernel: kernel.kernelName.slice(0, 100),
    })
  }

  /** Somebody wants a fresh one: this kernel ends, and with it its head. */
  async end(session: KernelSession): Promise<void> {
    this.#down(session.spec.session, 'the session was restarted')
    await session.shutdown()
  }

  #down(kernel: SessionId, reason: string): void {
    const isThis = ({ kernel: { spec } }: LiveHead) => spec.session === kernel
    for (const others of [this.#lost, this.#prospective] as Map<HeadId, LiveHead>[])
      for (const [head, other] of others) {
        if (!isThis(other)) continue
        others.delete(head)
        this.#dropLabel(kernel)
      }
    const found = this.all().find(isThis)
    if (!found) return
    const { session, head, fence, given } = found
    this.#forget(found)
    const rests = isIdleEnd(reason) && this.#ports.isSaved?.(head) === true
    if (given)
      this.#ports.send({
        type: 'RUNTIME_DOWN',
        ...{ session, head, fence, reason: reason.slice(0, 500) },
        ...(rests && { rests }),
      })
  }

  #forget({ session, kernel }: LiveHead): void {
    this.#live.delete(session)
    this.#dropLabel(kernel.spec.session)
  }

  #dropLabel(kernel: SessionId): void {
    const label = this.#labels.get(kernel)
    this.#labels.delete(kernel)
    if (label) this.#ports.dropLabel(label)
  }

  /** These heads have a newer holder (I4): their kernels end, unless they have what nobody else has. */
  async lose(heads: readonly HeadId[]): Promise<void> {
    const gone = this.all().filter(({ head }) => heads.includes(head) && !this.#ports.isNeeded(head))
    for (const found of gone) {
      this.#live.delete(found.session)
      this.#lost.set(found.head, found)
    }
    await this.#settleFound(heads)
    for (const found of gone)
      if (!(await this.#ports.staysLost?.(found).catch(() => false))) await this.endHead(found.head)
  }

  /** Those of before a restart: what the hub did not call lost is the session's. */
  async #settleFound(lost: readonly HeadId[]): Promise<void> {
    for (const [head, { isFound }] of this.#prospective) {
      if (!isFound) continue
      if (lost.includes(head)) await this.giveUp(head)
      else await this.goLive(head)
    }
  }

  /** What was restored for a head that nobody wants any more ends. */
  async giveUp(head: HeadId): Promise<void> {
    const prospect = this.#prospective.get(head)
    if (!prospect) return
    this.#prospective.delete(head)
    this.#dropLabel(prospect.kernel.spec.session)
    await prospect.kernel.shutdown()
  }

  /** The head is over, whoever says so: its kernel ends without a word. */
  async endHead(head: HeadId): Promise<void> {
    const found = this.withHead(head)
    if (!found) return
    this.#lost.delete(head)
    if (this.#live.get(found.session) === found.kernel) this.#live.delete(found.session)
    this.#dropLabel(found.kernel.spec.session)
    await found.kernel.shutdown()
  }

  #identity(kernel: KernelSession): Omit<LiveHead, 'kernel'> {
    const { session, head, fence, given } = this.#labels.get(kernel.spec.session) ?? { ...kernel.spec, given: true }
    return { session, head, fence, given }
  }
}

const ignore = (): void => undefined
