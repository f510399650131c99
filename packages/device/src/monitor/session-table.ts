/**
 * The kernel sessions that are live on this device: started when a lease needs one, given up when it ends or is lost. A
 * kernel is the session that it was started as, unless a label says that it is another one by now (DV123, DV124).
 */
import type { Fence, HeadId, ProjectId, SessionId } from '@meshbook/core/ids.ts'
import type { Lease, UpMessage } from '@meshbook/core/messages.ts'
import type { KernelSession, KernelSessions } from '../kernels/port.ts'
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
}

export interface LiveHead {
  kernel: KernelSession
  session: SessionId
  head: HeadId
  fence: Fence
  given: boolean
}

export class SessionTable {
  readonly #ports: SessionTablePorts
  readonly #live = new Map<SessionId, KernelSession>()
  readonly #starting = new Map<SessionId, Promise<KernelSession>>()
  /** By the id of the kernel. */
  readonly #labels = new Map<SessionId, HeadLabel>()

  constructor(ports: SessionTablePorts) {
    this.#ports = ports
    ports.kernels.onDown((id, reason) => this.#down(id, reason))
  }

  add(kernel: KernelSession): void {
    this.#live.set(this.#identity(kernel).session, kernel)
  }

  get(id: SessionId): KernelSession | undefined {
    return this.#live.get(id)
  }

  /** Those that the hub knows of. */
  heads(): HeldHead[] {
    return this.all()
      .filter(({ given }) => given)
      .map(({ session, head, fence }) => ({ session, head, fence }))
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
  async for(lease: Lease, projectFolder: string): Promise<KernelSession> {
    await this.#starting.get(lease.session)?.catch(() => undefined)
    const live = this.#live.get(lease.session)
    const known = live && this.#identity(live)
    if (live && known?.head === lease.head && known.fence === lease.fence) return live
    const starting = this.#start(lease, projectFolder).finally(() => this.#starting.delete(lease.session))
    this.#starting.set(lease.session, starting)
    return starting
  }

  async #start(lease: Lease, projectFolder: string): Promise<KernelSession> {
    const { session, head, fence, project, language, sessionName, kernel } = lease
    const started = await this.#ports.kernels.start({
      session: this.#kernelFor(lease),
      head,
      fence,
      project,
      projectFolder,
      language,
      name: sessionName,
      ...(kernel !== undefined && { kernelspec: kernel }),
      device: this.#ports.device,
    })
    this.#live.set(session, started)
    if (this.#identity(started).given) this.#sendUp(started)
    return started
  }

  /** A kernel that goes on as another session keeps its id, so this one needs an id of its own. */
  #kernelFor(lease: Lease): SessionId {
    const { session, head, fence } = lease
    const labels = [...this.#labels.values()]
    const own = labels.find(label => label.session === session && label.head === head)
    if (own) return own.kernel
    const before = this.#live.get(session)?.spec.session
    const label = before === undefined ? undefined : this.#labels.get(before)
    if (label) this.#relabel({ ...label, head, fence, given: true })
    if (before !== undefined) return before
    if (!labels.some(({ kernel }) => kernel === session)) return session
    const kernel = this.#ports.newKernel()
    const { project, language: runtime, sessionName } = lease
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
    const found = this.all().find(({ kernel: { spec } }) => spec.session === kernel)
    if (!found) return
    const { session, head, fence, given } = found
    this.#forget(found)
    if (given) this.#ports.send({ type: 'RUNTIME_DOWN', session, head, fence, reason: reason.slice(0, 500) })
  }

  #forget({ session, kernel }: LiveHead): void {
    this.#live.delete(session)
    const label = this.#labels.get(kernel.spec.session)
    this.#labels.delete(kernel.spec.session)
    if (label) this.#ports.dropLabel(label)
  }

  /** These heads have a newer holder (I4): their kernels end. */
  async lose(heads: readonly HeadId[]): Promise<void> {
    for (const found of this.all()) {
      if (!heads.includes(found.head) || this.#ports.isNeeded(found.head)) continue
      this.#forget(found)
      await found.kernel.shutdown()
    }
  }

  #identity(kernel: KernelSession): Omit<LiveHead, 'kernel'> {
    const { session, head, fence, given } = this.#labels.get(kernel.spec.session) ?? { ...kernel.spec, given: true }
    return { session, head, fence, given }
  }
}
