/**
 * Moves of sessions from request to end (MV1–MV10): asks the store what is under way, the fleet who is there, tells devices
 * what to do and takes what they answer. The store's transactions decide; each look is complete by itself.
 */
import { isErrorCode, MeshError } from '@meshbook/core/errors.ts'
import {
  type DeviceId,
  type MoveId,
  type Now,
  newId,
  type OrgId,
  type RandomBytes,
  type SessionId,
  type SnapshotId,
} from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DownMessage, UpMessage } from '@meshbook/core/messages.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import type { Fleet } from '../devices/fleet.ts'
import type { Orders } from '../hubs/orders.ts'
import type { Log } from '../log.ts'
import type { Runs } from '../runs/runs.ts'
import type { HubStore } from '../store/hub-store.ts'
import { keptName } from '../store/left-heads.ts'
import type { MoveRow } from '../store/move-rows.ts'
import type { MoveFacts } from '../store/moves.ts'
import type { Asker } from '../store/places.ts'
import { targetOf } from './move-target.ts'

type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>

export interface MovesPorts {
  store: HubStore
  audit: Audit
  fleet: Pick<Fleet, 'candidates' | 'orgOf' | 'statusOf' | 'info'>
  orders: Pick<Orders, 'send'>
  runs: Pick<Runs, 'foreign' | 'placeSoon'>
  log: Log
  times: Limits
  now: Now
  random: RandomBytes
  sessionsChanged: (org: OrgId) => void
}

/** Who asks for a move. */
export interface Mover {
  name: string
  asker: Asker
  source: AuditSource
}

export interface Wish {
  kind: 'migrate' | 'fork' | 'save' | 'restore'
  to?: DeviceId | undefined
  /** Of the session that it makes, or under which the state is kept. */
  name?: string | undefined
  snapshot?: SnapshotId | undefined
}

export class Moves {
  readonly #ports: MovesPorts
  #looking: 'once' | 'again' | undefined

  constructor(ports: MovesPorts) {
    this.#ports = ports
  }

  /** Throws what the move failed with, if it could not even begin. */
  async begin(org: OrgId, session: SessionId, mover: Mover, wish: Wish): Promise<Move> {
    const { audit, now, random, fleet, store } = this.#ports
    const at = now()
    const { kind, to = null, snapshot = null } = wish
    const makes = kind === 'fork' || (kind === 'restore' && wish.name !== undefined)
    const from = (await store.query('findSession', { org, id: session }))?.device ?? null
    const before = from ? (fleet.info(from)?.name ?? null) : null
    const args = {
      org,
      session,
      kind,
      to,
      snapshot,
      id: newId('move', at, random),
      makes: makes ? newId('session', at, random) : null,
      makesName: makes ? (wish.name ?? null) : null,
      name:
        kind === 'save'
          ? (wish.name ?? null)
          : kind === 'restore' && !makes
            ? keptName('before restore on', before, at)
            : null,
      askedBy: mover.name,
      asker: mover.asker,
      now: at,
    }
    const note = audit.note('session-moved', mover.source, { org, target: session, detail: { kind, to, snapshot } })
    const move = (await audit.call('beginMove', args, note))!
    this.#ports.sessionsChanged(org)
    await this.#step(org, move.id)
    const begun = (await store.query('findMove', { org, id: move.id })) ?? move
    if (begun.state === 'failed') throw failureOf(begun)
    return begun
  }

  async cancel(org: OrgId, id: MoveId, by: string): Promise<Move> {
    const { store, now } = this.#ports
    const row = await store.call('cancelMove', { org, id, reason: `cancelled by ${by}`, now: now() })
    await this.#over(row)
    return (await store.query('findMove', { org, id }))!
  }

  /** Looks at all that is under way; a look that is asked for meanwhile follows. */
  async look(): Promise<void> {
    if (this.#looking) {
      this.#looking = 'again'
      return
    }
    try {
      do {
        this.#looking = 'once'
        await this.#lookOnce()
      } while (this.#isAgain())
    } finally {
      this.#looking = undefined
    }
  }

  #isAgain(): boolean {
    return this.#looking === 'again'
  }

  async #lookOnce(): Promise<void> {
    const { store, log } = this.#ports
    for (const move of await store.query('movesUnderWay'))
      await this.#advance(move).catch((error: unknown) =>
        log.warn({ err: error, move: move.id }, 'a move did not go on'),
      )
    for (const move of await store.query('untoldMoves')) await this.#over(move)
  }

  /** One that is stepped at once need not wait for the next look. */
  async #step(org: OrgId, id: MoveId): Promise<void> {
    const found = (await this.#ports.store.query('movesUnderWay')).find(move => move.org === org && move.id === id)
    if (found) await this.#advance(found)
  }

  /** A device is back: what it was asked is asked again (MV1). */
  async registered(device: DeviceId): Promise<void> {
    for (const move of await this.#ports.store.query('movesUnderWay'))
      if (isAsked(move) === device) await this.#ask(move)
  }

  async #advance(move: MoveFacts): Promise<void> {
    const { now, times } = this.#ports
    if (now() - move.askedAt > times.moveMs)
      return this.#fail(move, new MeshError('TIMEOUT', { detail: waitedFor(move) }))
    if (needsHead(move) && !move.sameHead)
      return this.#fail(move, new MeshError('CONFLICT', { detail: 'the session was restarted or went on elsewhere' }))
    if (move.state === 'waiting') return this.#begin(move)
    if (move.state === 'restoring' && move.newHead === null) return this.#restore(move)
    const asked = isAsked(move)
    if (asked === undefined) return
    if (this.#ports.fleet.statusOf(asked) === 'offline')
      return this.#fail(move, new MeshError('UNREACHABLE', { detail: `${this.#nameOf(asked)} went away` }))
    if (now() - (move.toldAt ?? 0) >= times.heartbeatMs) await this.#ask(move)
  }

  async #begin(move: MoveFacts): Promise<void> {
    const { fleet, store, now } = this.#ports
    const isLive = move.head !== null && move.from !== null
    const status = isLive ? fleet.statusOf(move.from!) : 'offline'
    const needsSource = move.kind === 'save' || move.kind === 'home'
    if (needsSource && !isLive)
      return this.#fail(move, new MeshError('NO_DEVICE', { detail: 'the session is not live' }))
    if (needsSource && status === 'offline')
      return this.#fail(move, new MeshError('UNREACHABLE', { detail: `${this.#nameOf(move.from!)} is not connected` }))
    const isBack = move.kind === 'restore' && move.makes !== null
    // It may come back in a moment, with all that it has.
    if (isLive && status === 'suspect' && !isBack) return
    if (this.#isTargetSilent(move)) return
    const saves = isLive && status === 'online' && !isBack
    const target = this.#targetOf(move, saves)
    if (target && 'code' in target) return this.#fail(move, new MeshError(target.code, { detail: target.detail }))
    if (!isBack && (move.busy || (move.kind === 'home' && move.waits))) return
    const step = { org: move.org, id: move.id, now: now() }
    if (!saves) return this.#restore(move)
    const kinds = target?.kinds ?? [...(this.#sourceOf(move)?.restores?.kinds ?? [])]
    const row = await store.call('startSaving', { ...step, to: target?.to ?? null, kinds })
    if (row) await this.#began({ ...move, ...row })
  }

  /** A named saving goes nowhere; what can save it is known of its source. */
  #targetOf(move: MoveFacts, saves: boolean): ReturnType<typeof targetOf> | undefined {
    const { now } = this.#ports
    if (move.kind !== 'save') return targetOf(move, this.#candidates(move), saves, now())
    const kinds = this.#sourceOf(move)?.restores?.kinds ?? []
    return kinds.length > 0 ? undefined : { code: 'SNAPSHOTS_OFF', detail: this.#nameOf(move.from!) }
  }

  /** A device that was named and does not answer at the moment may be busy with another session: the move waits for it. */
  #isTargetSilent({ to }: MoveFacts): boolean {
    return to !== null && this.#ports.fleet.statusOf(to) === 'suspect'
  }

  async #restore(move: MoveFacts): Promise<void> {
    const { store, now, random } = this.#ports
    if (this.#isTargetSilent(move)) return
    const target = targetOf(move, this.#candidates(move), false, now())
    if ('code' in target) return this.#fail(move, new MeshError(target.code, { detail: target.detail }))
    const { to, restore } = target
    const newHead = newId('head', now(), random)
    const row = await store.call('startRestoring', { org: move.org, id: move.id, now: now(), to, newHead, restore })
    if (row) await this.#began({ ...move, ...row })
  }

  async #began(move: MoveFacts): Promise<void> {
    this.#ports.sessionsChanged(move.org)
    await this.#send(move)
  }

  async #ask(move: MoveFacts): Promise<void> {
    const { store, now } = this.#ports
    await store.call('toldMove', { org: move.org, id: move.id, told: 'again', now: now() })
    await this.#send(move)
  }

  async #send(move: MoveFacts): Promise<void> {
    const device = isAsked(move)
    if (device === undefined) return
    const { fleet, orders, runs } = this.#ports
    const session = (move.state === 'restoring' && move.makes) || move.session
    if (fleet.orgOf(device) !== move.org) runs.foreign.note(device, move.org, { session })
    await orders.send(move.org, device, move.state === 'saving' ? outOf(move) : into(move))
  }

  #candidates(move: MoveFacts) {
    const asker = move.askedOrg && move.askedUser ? { org: move.askedOrg, user: move.askedUser } : null
    return this.#ports.fleet.candidates(move.org, move.project, asker, move.from ?? undefined)
  }

  #sourceOf(move: MoveFacts) {
    return this.#candidates(move).find(({ id }) => id === move.from)
  }

  /** True if it was the answer to a move. */
  async saved(device: DeviceId, message: Up<'SNAPSHOT'>): Promise<boolean> {
    const { store, now } = this.#ports
    const { ask, state, snapshot } = message
    const move = ask && (await store.query('findAsk', { ask }))
    if (!move) return false
    const step = { org: move.org, id: move.id, now: now() }
    if (state === 'saved' && snapshot) {
      const row = await store.call('savedForMove', { ...step, device, snapshot })
      if (row?.endedAt) await this.#over(row)
      else if (row) await this.#step(move.org, move.id)
    } else if (state === 'failed' || state === 'off') {
      const code = message.code ?? (state === 'off' ? 'SNAPSHOTS_OFF' : 'SNAPSHOT_FAILED')
      const row = await store.call('failMove', { ...step, code, detail: message.detail ?? '', device })
      if (row) await this.#over(row)
    }
    return true
  }

  /** True if it was the answer to a move. */
  async restored(device: DeviceId, message: Up<'RESTORED'>): Promise<boolean> {
    const { store, now, times } = this.#ports
    const { ask, ok, snapshot = null, failed, lost } = message
    const move = ask && (await store.query('findAsk', { ask }))
    if (!move) return false
    const step = { org: move.org, id: move.id, now: now() }
    if (ok) {
      const expiresAt = step.now + times.leaseMs
      const done = await store.call('commitMove', { ...step, device, snapshot, lost, expiresAt })
      await this.#over(done?.move ?? (await store.query('findAsk', { ask }))!)
      return true
    }
    const [first] = failed
    const detail = first ? first.detail : 'no reason was given'
    // Given up is not broken: a way home is tried again (MV42).
    const code = first?.code === 'CONFLICT' ? 'CONFLICT' : 'RESTORE_FAILED'
    const row = await store.call('failMove', { ...step, code, detail, device })
    if (row) await this.#over(row)
    return true
  }

  /** The kernel at the target went down before the move was committed. */
  async wentDown(device: DeviceId, message: Up<'RUNTIME_DOWN'>): Promise<void> {
    const { store, now } = this.#ports
    const moves = await store.query('movesUnderWay')
    const move = moves.find(({ to, newHead }) => to === device && newHead === message.head)
    if (!move) return
    const args = { org: move.org, id: move.id, code: 'RESTORE_FAILED' as const, detail: message.reason, now: now() }
    const row = await store.call('failMove', { ...args, device })
    if (row) await this.#over(row)
  }

  async #fail(move: MoveFacts, error: MeshError): Promise<void> {
    const { store, now } = this.#ports
    const detail = error.detail ?? error.message
    const row = await store.call('failMove', { org: move.org, id: move.id, code: error.code, detail, now: now() })
    if (row) await this.#over(row)
  }

  /** Tells the devices what became of it; who is away learns it when it registers. */
  async #over(move: MoveRow): Promise<void> {
    const { store, orders, runs, now, log } = this.#ports
    if (move.endedAt === null) return
    this.#ports.sessionsChanged(move.org)
    if (move.newHead !== null && move.to !== null) {
      const isDone = move.state === 'done'
      const told = movedOf(move)
      const source = isDone && move.makes === null ? move.from : null
      for (const device of new Set([move.to, ...(source ? [source] : [])]))
        await orders
          .send(move.org, device, told)
          .catch((error: unknown) => log.warn({ err: error, move: move.id }, 'a device was not told of a move'))
      if (isDone && move.makes) runs.placeSoon(move.org, move.makes)
    }
    if (!move.overTold) await store.call('toldMove', { org: move.org, id: move.id, told: 'over', now: now() })
    runs.placeSoon(move.org, move.session)
  }

  #nameOf(device: DeviceId): string {
    return this.#ports.fleet.info(device)?.name ?? 'the device'
  }
}

/** A copy that has been saved, and a state that was saved before, go on whatever becomes of the session. */
function needsHead({ kind, makes, state }: MoveFacts): boolean {
  return makes === null || (kind === 'fork' && state !== 'restoring')
}

/** Who has to do something for it now. */
function isAsked({ state, from, to, newHead }: MoveFacts): DeviceId | undefined {
  if (state === 'saving') return from ?? undefined
  return state === 'restoring' && newHead !== null ? (to ?? undefined) : undefined
}

const waitedFor = ({ state }: MoveFacts): string =>
  state === 'waiting' ? 'the session was never idle' : `the session was still ${state}`

function outOf(move: MoveFacts): Extract<DownMessage, { type: 'MIGRATE_OUT' }> {
  return {
    type: 'MIGRATE_OUT',
    ask: move.id,
    session: move.session,
    head: move.head!,
    fence: move.headFence!,
    name: move.name,
    kinds: move.kinds!,
  }
}

function into(move: MoveFacts): Extract<DownMessage, { type: 'MIGRATE_IN' }> {
  const kernel = move.saved[0]?.fit.kernelspec
  return {
    type: 'MIGRATE_IN',
    ask: move.id,
    project: move.project,
    session: move.makes ?? move.session,
    sessionName: move.makesName ?? move.sessionName,
    language: move.language,
    ...(kernel !== undefined && { kernel }),
    head: move.newHead!,
    fence: move.newFence!,
    restore: move.restore!,
  }
}

function movedOf(move: MoveRow): Extract<DownMessage, { type: 'SESSION_MOVED' }> {
  const isDone = move.state === 'done'
  const isCopy = move.makes !== null
  return {
    type: 'SESSION_MOVED',
    session: move.makes ?? move.session,
    from: isCopy ? null : move.from,
    to: isDone ? move.to : null,
    ended: isDone && !isCopy ? move.head : null,
    head: move.newHead,
    fence: move.newFence!,
    asOf: move.restore?.[0]?.asOf ?? null,
  }
}

function failureOf({ code, detail }: Move): MeshError {
  return new MeshError(isErrorCode(code) ? code : 'INTERNAL', detail === null ? {} : { detail })
}
