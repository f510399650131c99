/**
 * Makes a live session of a saved one: tries the rungs of a ladder until one works, all or nothing (SN80–SN87). Nothing of
 * a record is executed before all of it is here and has been checked.
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, HeadId, Now, SessionId, SnapshotId } from '@meshbook/core/ids.ts'
import { limits as bounds, type Limits } from '@meshbook/core/limits.ts'
import type { Ladder, UpMessage } from '@meshbook/core/messages.ts'
import type { Rung, SnapshotKind, SnapshotRecord } from '@meshbook/core/snapshot.ts'
import type { ExecuteOrder, KernelSession, KernelSessions, SavedStart, SessionSpec } from '../kernels/port.ts'
import { OpenedFolders } from './opened-folders.ts'
import type { Plan, SnapshotBackend } from './port.ts'
import { restoredNotice } from './restored-notice.ts'
import type { Expected, SavedSessions } from './session-snapshots.ts'

type Restoring = Extract<UpMessage, { type: 'RESTORING' }>
type RestoredMessage = Extract<UpMessage, { type: 'RESTORED' }>
export type FoundWrong = RestoredMessage['failed'][number]
type Times = NonNullable<RestoredMessage['times']>
type Phase = Restoring['phase']

export interface SessionRestorerPorts {
  /** By kind: those that this machine has. */
  backend(kind: SnapshotKind): Promise<SnapshotBackend | undefined>
  places: Pick<SavedSessions, 'find' | 'examine' | 'fetch'>
  kernels: Pick<KernelSessions, 'start'>
  /** Where opened ones lie. */
  folder: string
  self: DeviceId
  nameOf(device: DeviceId): string | undefined
  limits: Limits
  now: Now
  warn(detail: object, message: string): void
}

export interface RestoreOrder {
  /** The kernel may have an id of its own. */
  session: SessionId
  spec: SessionSpec
  ladder: Ladder
  /** A copy may be of another session. */
  isCopy: boolean
  /** The first rung is the newest that there is, and not one that somebody chose. */
  isNewest: boolean
  /** Cells that ran after the saved state. */
  behind: number
  /** The run that goes on in the restored kernel, and how far its log goes. */
  resume?: { order: ExecuteOrder; seq: number } | undefined
  signal: AbortSignal
  told(progress: Pick<Restoring, 'phase' | 'done' | 'total'>): void
}

export interface Restored {
  session: KernelSession
  record: SnapshotRecord
  failed: FoundWrong[]
  times: Times
}

/** Why none of the rungs could be used. */
export class RestoreFailed extends MeshError {
  readonly failed: FoundWrong[]

  constructor(failed: FoundWrong[]) {
    super('RESTORE_FAILED', {
      detail: failed
        .map(({ detail }) => detail)
        .join('; ')
        .slice(0, bounds.problemTextChars),
    })
    this.failed = failed
  }
}

export class SessionRestorer {
  readonly #ports: SessionRestorerPorts
  readonly #opened: OpenedFolders

  constructor(ports: SessionRestorerPorts) {
    this.#ports = ports
    this.#opened = new OpenedFolders(ports.folder, ports.now)
  }

  load(isLive: (head: HeadId) => boolean): Promise<void> {
    return this.#opened.load(isLive)
  }

  /** Throws RestoreFailed with what is wrong with each. */
  async restore(order: RestoreOrder): Promise<Restored> {
    const signal = AbortSignal.any([order.signal, AbortSignal.timeout(this.#ports.limits.restoreMs)])
    const failed: FoundWrong[] = []
    for (const [index, rung] of order.ladder.entries()) {
      try {
        const isNewest = order.isNewest && index === 0
        return { ...(await this.#try(rung, { ...order, isNewest, signal })), failed }
      } catch (thrown) {
        failed.push(this.#wrong(rung.snapshot, thrown))
        if (signal.aborted) break
      }
    }
    throw new RestoreFailed(failed)
  }

  /** All but the start, of the first rung that fits. */
  async prefetch(session: SessionId, ladder: Ladder, signal: AbortSignal): Promise<void> {
    for (const rung of ladder) {
      try {
        const expected = { rung, session: null, fence: null, newest: false }
        await this.#open(expected, session, undefined, signal, () => undefined)
        return
      } catch (thrown) {
        this.#wrong(rung.snapshot, thrown)
        if (signal.aborted) return
      }
    }
  }

  #wrong(snapshot: SnapshotId, thrown: unknown): FoundWrong {
    const error = asMeshError(thrown)
    this.#ports.warn({ err: error, snapshot }, 'a saved session could not be used')
    const cause = error.code === 'INTERNAL' && error.cause instanceof Error ? error.cause.message : undefined
    const detail = (cause ?? error.message).slice(0, bounds.problemTextChars).toWellFormed()
    return { snapshot, code: error.code, detail }
  }

  /** Others that are restored at the same time take nothing of it away. */
  async #try(rung: Rung, order: RestoreOrder): Promise<Omit<Restored, 'failed'>> {
    const release = this.#opened.hold(rung.snapshot)
    return this.#restored(rung, order).finally(release)
  }

  async #restored(rung: Rung, order: RestoreOrder): Promise<Omit<Restored, 'failed'>> {
    const { spec, signal, isCopy, isNewest } = order
    const told = paced(order.told, this.#ports)
    const expected: Expected = {
      rung,
      session: isCopy ? null : order.session,
      fence: isCopy ? null : spec.fence,
      newest: isNewest,
    }
    const { backend, record, folder, plan, times } = await this.#open(expected, order.session, spec, signal, told)
    const resume = order.resume && resumedRun(order.resume, record, plan)
    const began = this.#ports.now()
    told('start', 0, 1)
    try {
      const from = backend.start(folder, spec, signal)
      const notice = this.#notice(record, order.behind)
      const session = await this.#ports.kernels.start(spec, { from, notice, resume })
      await this.#opened.usedBy(record.id, spec.head)
      const startMs = since(began, this.#ports.now())
      return { session, record, times: { ...times, startMs } }
    } catch (thrown) {
      if (asMeshError(thrown).code === 'SNAPSHOT_REFUSED') await this.#opened.drop(record.id)
      throw thrown
    }
  }

  async #open(
    expected: Expected,
    session: SessionId,
    spec: SessionSpec | undefined,
    signal: AbortSignal,
    told: (phase: Phase, done: number, total: number) => void,
  ): Promise<{ backend: SnapshotBackend; record: SnapshotRecord; folder: string; plan: Plan; times: Times }> {
    const { places, now } = this.#ports
    const record = await places.find(expected.rung.snapshot, signal)
    mustBeAsked(record, expected.rung)
    const backend = await this.#ports.backend(record.kind)
    if (!backend) throw new MeshError('SNAPSHOT_UNFIT', { detail: `this device restores no ${record.kind}` })
    const { language, kernelspec } = record.fit
    const where = spec ?? { language, kernelspec, projectFolder: this.#ports.folder }
    const unfit = await backend.unfitHere(record.fit, where)
    if (unfit !== undefined) throw new MeshError('SNAPSHOT_UNFIT', { detail: unfit })
    const times: Times = { fetchMs: 0, openMs: 0, startMs: 0 }
    const { plan, source } = await places.examine(record, expected, signal)
    const { backend: own } = planOf(plan)
    const folder = await this.#opened.get(record.id, session, async empty => {
      const began = now()
      await places.fetch(record, { signal, progress: (done, total) => told('fetch', done, total) })
      const fetched = now()
      const progress = (done: number, total: number) => told('open', done, total)
      await backend.open(own, { source, folder: empty, signal, progress })
      Object.assign(times, { fetchMs: since(began, fetched), openMs: since(fetched, now()) })
    })
    return { backend, record, folder, plan, times }
  }

  #notice({ asOf, device, lost }: SnapshotRecord, behind: number): string {
    const { self, now, nameOf } = this.#ports
    const from = device === self ? undefined : (nameOf(device) ?? 'another device')
    return restoredNotice({ at: asOf.at, now: now(), from, behind, lost })
  }
}

/** A hub that hands out another record than it was asked for is not believed. */
function mustBeAsked(record: SnapshotRecord, { snapshot, kind }: Rung): void {
  if (record.id !== snapshot || record.kind !== kind)
    throw new MeshError('SNAPSHOT_REFUSED', { detail: 'it is not the one that was asked for' })
}

/** What the saver put around a backend's own plan. */
function planOf(plan: Plan): { backend: Plan; kernelEvents: number | undefined } {
  const { backend, kernelEvents } = plan
  if (typeof backend !== 'object' || backend === null)
    throw new MeshError('SNAPSHOT_REFUSED', { detail: 'it has no plan' })
  return { backend: backend as Plan, kernelEvents: typeof kernelEvents === 'number' ? kernelEvents : undefined }
}

/** SN87 */
function resumedRun(
  { order, seq }: NonNullable<RestoreOrder['resume']>,
  { asOf }: SnapshotRecord,
  plan: Plan,
): SavedStart['resume'] {
  const { kernelEvents } = planOf(plan)
  if (asOf.during?.run !== order.run || kernelEvents === undefined)
    throw new MeshError('SNAPSHOT_UNFIT', { detail: 'it was not saved in the middle of this run' })
  return { order, seq, fromSeq: asOf.during.seq, kernelEvents }
}

function since(began: number, ended: number): number {
  return Math.max(0, Math.round(ended - began))
}

/** At most every `restoringToldMs`, and at each new phase. */
function paced(
  told: RestoreOrder['told'],
  { now, limits }: Pick<SessionRestorerPorts, 'now' | 'limits'>,
): (phase: Phase, done: number, total: number) => void {
  let last: { phase: Phase; at: number } | undefined
  return (phase, done, total) => {
    const at = now()
    if (last?.phase === phase && Math.abs(at - last.at) < limits.restoringToldMs && done < total) return
    last = { phase, at }
    told({ phase, done: Math.round(done), total: Math.round(total) })
  }
}
