/** What is said of a way: how it is, and at which station a test ended (NT20, NT21). Pure. */
import type { NoticeKind, Way, WayTest } from '@meshbook/core/notify-api.ts'
import { timeOfDay } from '../notebook/duration.ts'

export const noticeWords: Record<NoticeKind, string> = {
  finished: 'A run has finished',
  failed: 'A run has failed',
  input: 'A run needs input',
  wanted: 'A run asks whether it is still wanted',
  gate: 'A decision waits',
  device: 'A device was lost while it ran something',
  budget: 'Much of a budget is spent',
  workflow: 'A workflow tells something',
}

export const wayKindWords: Record<Way['kind'], string> = {
  push: 'Push',
  ntfy: 'ntfy',
  webhook: 'Webhook',
  slack: 'Slack-compatible webhook',
  email: 'E-mail',
}

type Health = Pick<Way, 'kind' | 'acceptedAt' | 'confirmedAt'>

export function healthOf({ kind, acceptedAt, confirmedAt }: Health, now: number): string {
  if (confirmedAt !== null) return `Push last confirmed at ${timeOfDay(confirmedAt, now)}`
  if (acceptedAt === null) return 'Nothing was sent this way yet'
  const accepted = `Last accepted at ${timeOfDay(acceptedAt, now)}`
  return kind === 'push' ? `${accepted}, never confirmed` : accepted
}

/** Of an address that awaits its code (NT31). */
export function awaitsWords({ codeUntil, shown }: Pick<Way, 'codeUntil' | 'shown'>, now: number): string | undefined {
  if (codeUntil === null) return undefined
  if (codeUntil > now)
    return `A code was sent to ${shown}, good until ${timeOfDay(codeUntil, now)}. Type it here; until then nothing else is sent there.`
  return `${shown} has not been confirmed, and there is no code that is still good. Have another one sent.`
}

/** The last failure; `isOver` when it has worked since. */
export function failureOf(
  way: Pick<Way, 'failure' | 'acceptedAt'>,
  now: number,
): { text: string; isOver: boolean } | undefined {
  const { failure, acceptedAt } = way
  if (failure === null) return undefined
  const isOver = acceptedAt !== null && acceptedAt > failure.at
  const what = `Failed at ${timeOfDay(failure.at, now)}${failure.detail === '' ? '' : `: ${failure.detail}`}.`
  return { text: `${what} ${isOver ? 'It has worked since.' : failure.next}`, isOver }
}

export function testWords(
  test: WayTest,
  { kind, host }: Pick<Way, 'kind' | 'host'>,
  isUnderWay: boolean,
  now: number,
): string {
  // Why, and what to do, stands at the way itself.
  if (test.failure) return `It ended at the hub: made, but ${host} did not accept it.`
  if (test.station === 'confirmed')
    return `It went the whole way: the phone confirmed it at ${timeOfDay(test.confirmedAt ?? now, now)}.`
  if (test.station === 'made')
    return isUnderWay
      ? `Made. Waiting for ${host}…`
      : `It ended at the hub: ${host} has not accepted it yet. It is tried again.`
  if (kind !== 'push') return `${host} accepted it.`
  if (isUnderWay) return `Accepted by ${host}. Waiting for the phone…`
  return `It ended at ${host}: accepted, but not shown on the phone. Is the phone on? Then look at its own settings for notifications of this browser.`
}
