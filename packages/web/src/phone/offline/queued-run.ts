/**
 * A run that was asked for on this phone, from the press until the hub has it (PH21–PH26). Pure: what may become of it,
 * and when. It knows no store, no hub and no document.
 */
import type { RunRequest } from '@meshbook/core/messages.ts'
import { countBeyond, type EditVector } from '../../sync/edit-vector.ts'

export type Asks = 'changed' | 'gone' | 'expired'
export type QueuedState =
  | { is: 'queued' }
  /** "Still want this?"; `code` is what the cell says now. */
  | { is: 'asks'; why: Asks; code?: string }
  /** It has been sent at least once, and what became of that is not known. */
  | { is: 'sending' }
  | { is: 'sent'; at: number }
  | { is: 'refused'; message: string; hint: string }

export interface QueuedRun {
  /** Runs are sent in this order; the store gives it. */
  order: number
  id: string
  document: string
  project: string
  /** `<owner>/<project>/<document>`: where the document is had. */
  address: string
  path: string
  language: string
  code: string
  codeHash: string
  /** Where the cell begins, as a Yjs relative position. */
  anchor: Record<string, unknown>
  /** What else the request says: session, kernel, and where the user wants it to run. */
  demands: Pick<RunRequest, 'session' | 'runsOn' | 'requires' | 'kernel' | 'on'>
  /** The name that the chosen device had. */
  onName?: string
  askedAt: number
  expiresAt: number
  /** The edits of the document that it comes after. */
  after: EditVector
  /** Of the whole text at the press: as long as the hub has the same, nothing has changed. */
  textHash: string
  /** The user has been asked, and wants it as it is. */
  confirmed: boolean
  /** The user has taken it back while it was not known whether it had arrived: it is cancelled once that is known. */
  isUnwanted?: true
  state: QueuedState
}
export type NewRun = Omit<QueuedRun, 'order' | 'confirmed' | 'isUnwanted' | 'state'>

/** What the cell says now, as the hub has it; `unknown` while the hub cannot be asked or lacks edits made before. */
export type Standing = { is: 'unknown' } | { is: 'same' } | { is: 'changed'; code: string } | { is: 'gone' }

export type Answer =
  | { is: 'taken' }
  | { is: 'refused'; code: string; message: string; hint: string }
  /** Nothing is known: no network, not the hub, not now. */
  | { is: 'unknown' }

export const isExpired = (run: QueuedRun, now: number): boolean => run.expiresAt <= now

/** What to do with a queued run once it is known how its cell stands. */
export function judge(run: QueuedRun, standing: Standing, now: number): 'send' | 'later' | QueuedState {
  if (isExpired(run, now)) return { is: 'asks', why: 'expired' }
  if (standing.is === 'unknown') return 'later'
  if (run.confirmed || standing.is === 'same') return 'send'
  if (standing.is === 'gone') return { is: 'asks', why: 'gone' }
  return { is: 'asks', why: 'changed', code: standing.code }
}

/** Undefined: it is no longer there to be sent. */
export function begun(run: QueuedRun): QueuedRun | undefined {
  return run.state.is === 'queued' ? { ...run, state: { is: 'sending' } } : undefined
}

/** What the hub answered; it keeps its state where nothing is known. */
export function answered(run: QueuedRun, answer: Answer, now: number): QueuedRun {
  if (run.state.is !== 'sending' || answer.is === 'unknown') return run
  if (answer.is === 'taken') return { ...run, state: { is: 'sent', at: now } }
  if (answer.code === 'RUN_EXPIRED') return { ...run, state: { is: 'asks', why: 'expired' } }
  return { ...run, state: { is: 'refused', message: answer.message, hint: answer.hint } }
}

/** Once it may be at the hub, it is cancelled there, and not here. */
export const mayTakeBack = ({ state }: QueuedRun): boolean =>
  state.is === 'queued' || state.is === 'asks' || state.is === 'refused'

/** Taken back while it is being sent. */
export function unwanted(run: QueuedRun): QueuedRun | undefined {
  return run.state.is === 'sending' ? { ...run, isUnwanted: true } : undefined
}

/** Wanted as it was queued: the user has seen it, so it is not compared again. */
export function asItWas(run: QueuedRun, now: number, wantedMs: number): QueuedRun | undefined {
  if (run.state.is !== 'asks' && run.state.is !== 'refused') return undefined
  return { ...run, askedAt: now, expiresAt: now + wantedMs, confirmed: true, state: { is: 'queued' } }
}

/** The code that the cell has now, as a run of its own: the id of the other stands for other code. */
export function withNewCode(run: QueuedRun, as: { id: string; codeHash: string }, now: number, wantedMs: number) {
  if (run.state.is !== 'asks' || run.state.code === undefined) return undefined
  const { code } = run.state
  const times = { askedAt: now, expiresAt: now + wantedMs }
  return { ...run, ...as, ...times, code, confirmed: true, state: { is: 'queued' } } satisfies QueuedRun
}

export function requestOf(run: QueuedRun): RunRequest {
  return {
    ...run.demands,
    id: run.id,
    document: run.document,
    cell: { by: 'anchor', anchor: run.anchor, alone: true },
    language: run.language,
    code: run.code,
    codeHash: run.codeHash,
    expiresAt: run.expiresAt,
    // The hub compares what was asked for a while ago (RU31); about this the user was asked here.
    ...(!run.confirmed && { askedAt: run.askedAt }),
  } as RunRequest
}

/** Whether the hub has the edits; a tab whose edits are all acknowledged is no longer named. */
export function hasEdits(head: { made: EditVector; acked: EditVector; carried: number }, edits: EditVector): boolean {
  const open = Object.fromEntries(Object.entries(edits).filter(([tab]) => head.made[tab] !== undefined))
  return head.carried === 0 && countBeyond(open, head.acked) === 0
}
