/** What an answer means for a delivery (NT12), and what each failure tells its user to do (NT20). Pure. */
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { WayFailure, WayKind } from '@meshbook/core/notify-api.ts'
import { backoffMs } from '@meshbook/engine/backoff.ts'
import type { OutgoingAnswer } from '../outgoing/guarded-request.ts'
import type { DeliveryOutcome } from '../store/deliveries.ts'
import type { MailAnswer } from './mail-sender.ts'

export interface Attempt {
  kind: WayKind
  /** Counts from 1. */
  attempt: number
  now: number
  random: () => number
}

export function outcomeOf(a: Attempt, { status, headers, text }: OutgoingAnswer): DeliveryOutcome {
  const detail = [`HTTP ${status}`, a.kind === 'slack' ? wordOf(text) : ''].join(' ').trim()
  if (status >= 200 && status < 300) return { as: 'accepted' }
  if (status >= 300 && status < 400) return { as: 'failed', code: 'moved', detail }
  if (status === 429) return again(a, 'slow-down', detail, headers['retry-after'])
  if (status >= 500 || status === 408) return again(a, 'server-error', detail, headers['retry-after'])
  if (a.kind === 'push' && (status === 404 || status === 410)) return { as: 'gone' }
  if (status === 413) return { as: 'failed', code: 'too-large', detail }
  return { as: 'failed', code: status === 401 || status === 403 ? 'not-allowed' : 'not-accepted', detail }
}

/** Slack says in one word why not; anything else is not for showing. */
const wordOf = (text: string): string => (/^[a-z_]{1,40}$/.test(text.trim()) ? text.trim() : '')

/** What a mail server's answer means (NT33). */
export function outcomeOfMail(a: Attempt, answer: MailAnswer): DeliveryOutcome {
  if (answer.as === 'taken') return { as: 'accepted' }
  if (answer.as === 'unsafe') return again(a, 'mail-unsafe', answer.text)
  const { status } = answer
  const said = answer.as === 'refused' ? answer.text.replace(/^\d{3}[ -]?/, '') : ''
  const detail = [status === 0 ? '' : `SMTP ${status}`, said].join(' ').trim()
  if (status >= 400 && status < 500) return again(a, 'server-error', detail)
  // 530: it wants a sign-in, and the operator named no user.
  if (answer.as === 'sign-in' || status === 530) return { as: 'failed', code: 'mail-sign-in', detail }
  return { as: 'failed', code: status === 552 ? 'too-large' : 'not-accepted', detail }
}

/** When there was no answer at all. */
export function outcomeOfError(a: Attempt, thrown: unknown): DeliveryOutcome {
  if (!(thrown instanceof MeshError)) return again(a, 'unreachable', 'the message could not be made')
  const detail = thrown.detail ?? thrown.message
  if (thrown.code === 'OUTGOING_REFUSED' || thrown.code === 'PUSH_SERVICE')
    return { as: 'failed', code: 'address', detail }
  if (thrown.code === 'KEY_UNREADABLE') return { as: 'failed', code: 'sealed', detail: '' }
  if (thrown.code === 'MAIL_OFF') return { as: 'failed', code: 'mail-off', detail: '' }
  if (thrown.code === 'TOO_LARGE') return { as: 'failed', code: 'too-large', detail }
  return again(a, 'unreachable', detail)
}

function again(a: Attempt, code: WayFailure, detail: string, retryAfter?: string): DeliveryOutcome {
  const pause = { minMs: limits.deliveryRetryMinMs, maxMs: limits.deliveryRetryMaxMs }
  const waitMs = Math.max(
    backoffMs({ attempt: a.attempt, ...pause, random: a.random }),
    retryAfterMs(retryAfter, a.now),
  )
  return { as: 'again', at: a.now + waitMs, code, detail }
}

/** Seconds, which some count in fractions, or a date (RFC 9110); beyond the life of a notice it does not matter how far. */
export function retryAfterMs(text: string | undefined, now: number): number {
  if (text === undefined) return 0
  const isDate = /^[A-Z][a-z]{2}, /.test(text)
  const ms = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) * 1_000 : isDate ? Date.parse(text) - now : 0
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), limits.noticeMs)
}

export const nextSteps: Readonly<Record<WayFailure, string>> = {
  unreachable: 'It is tried again by itself. Check the address, and that the hub may reach the internet.',
  'slow-down': 'The service wants fewer messages. It is tried again by itself.',
  'server-error': 'The service has a problem of its own. It is tried again by itself.',
  'not-accepted': 'The service does not take it. Remove this way and add it again.',
  'too-large': 'The service does not take messages of this size.',
  'not-allowed': 'The service refuses the hub: check the token, or remove this way and add it again.',
  moved: 'The address leads elsewhere; add the new address as a way.',
  address:
    'The address is in a network that the hub does not send to, or its push service is not allowed (MESHBOOK_PUSH_SERVICES).',
  sealed:
    'The hub has another master key than the one that this way was stored with: remove this way and add it again, or ask whoever looks after the hub for the old key.',
  'mail-off':
    'This hub sends no mail any more: whoever looks after it can name a mail server again (MESHBOOK_SMTP_URL).',
  'mail-sign-in':
    'The mail server does not let the hub in: whoever looks after the hub has to look at MESHBOOK_SMTP_USER and its password.',
  'mail-unsafe':
    'The mail server has no TLS that can be believed, so nothing is sent there. It is tried again by itself; whoever looks after the hub has to look at its certificate.',
  expired: 'The service could not be reached for a day; what was to be told is in the inbox.',
}
