/** The kernel sessions that are live on this device: started when a lease needs one, given up when it ends or is lost. */
import type { HeadId, SessionId } from '@meshbook/core/ids.ts'
import type { Lease, UpMessage } from '@meshbook/core/messages.ts'
import type { KernelSession, KernelSessions } from '../kernels/port.ts'

type HeldHead = Extract<UpMessage, { type: 'HEARTBEAT' }>['heads'][number]

export class SessionTable {
  readonly #kernels: KernelSessions
  readonly #device: string
  readonly #send: (message: UpMessage) => boolean
  readonly #live = new Map<SessionId, KernelSession>()
  readonly #starting = new Map<SessionId, Promise<KernelSession>>()

  constructor(kernels: KernelSessions, device: string, send: (message: UpMessage) => boolean) {
    this.#kernels = kernels
    this.#device = device
    this.#send = send
    kernels.onDown((id, reason) => this.#down(id, reason))
  }

  add(session: KernelSession): void {
    this.#live.set(session.spec.session, session)
  }

  get(id: SessionId): KernelSession | undefined {
    return this.#live.get(id)
  }

  heads(): HeldHead[] {
    return [...this.#live.values()].map(({ spec: { session, head, fence } }) => ({ session, head, fence }))
  }

  /** The session that a lease is for; two leases of one session start it once. */
  async for(lease: Lease, projectFolder: string): Promise<KernelSession> {
    await this.#starting.get(lease.session)?.catch(() => undefined)
    const live = this.#live.get(lease.session)
    if (live?.spec.head === lease.head && live.spec.fence === lease.fence) return live
    const starting = this.#start(lease, projectFolder).finally(() => this.#starting.delete(lease.session))
    this.#starting.set(lease.session, starting)
    return starting
  }

  async #start(
    { session, head, fence, project, language, sessionName }: Lease,
    projectFolder: string,
  ): Promise<KernelSession> {
    const started = await this.#kernels.start({
      session,
      head,
      fence,
      project,
      projectFolder,
      language,
      name: sessionName,
      device: this.#device,
    })
    this.#live.set(session, started)
    this.#send({
      type: 'RUNTIME_UP',
      session,
      head,
      fence,
      language: started.spec.language,
      kernel: started.kernelName.slice(0, 100),
    })
    return started
  }

  /** Somebody wants a fresh one: this kernel ends, and with it its head. */
  async end(session: KernelSession): Promise<void> {
    this.#down(session.spec.session, 'the session was restarted')
    await session.shutdown()
  }

  #down(id: SessionId, reason: string): void {
    const session = this.#live.get(id)
    if (!session) return
    this.#live.delete(id)
    const { head, fence } = session.spec
    this.#send({ type: 'RUNTIME_DOWN', session: id, head, fence, reason: reason.slice(0, 500) })
  }

  /** These heads have a newer holder (I4): their kernels end. */
  async lose(heads: readonly HeadId[]): Promise<void> {
    for (const [id, session] of this.#live) {
      if (!heads.includes(session.spec.head)) continue
      this.#live.delete(id)
      await session.shutdown()
    }
  }
}
