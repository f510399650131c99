/** How far the restores are whose devices are connected here, for whoever looks at the list of sessions. Kept nowhere. */
import type { DeviceId, SessionId } from '@meshbook/core/ids.ts'
import type { SessionInfo, UpMessage } from '@meshbook/core/messages.ts'

type Restoring = Extract<UpMessage, { type: 'RESTORING' }>
type Moving = NonNullable<SessionInfo['moving']>

/** Restores that go on at once; of more nobody is told how far they are. */
const mostRestores = 10_000

export class RestoreProgress {
  readonly #known = new Map<SessionId, { device: DeviceId; moving: Pick<Moving, 'phase' | 'done' | 'total'> }>()

  note(device: DeviceId, { session, phase, done, total }: Restoring): void {
    if (this.#known.size < mostRestores || this.#known.has(session))
      this.#known.set(session, { device, moving: { phase, done, total } })
  }

  over(session: SessionId): void {
    this.#known.delete(session)
  }

  forget(device: DeviceId): void {
    for (const [session, known] of this.#known) if (known.device === device) this.#known.delete(session)
  }

  /** What the store knows is that it goes on; here is how far. */
  shown(session: SessionInfo): SessionInfo {
    const known = this.#known.get(session.id)
    if (!known || session.moving?.to !== known.device || session.moving.phase === 'saving') return session
    return { ...session, moving: { ...session.moving, ...known.moving } }
  }
}
