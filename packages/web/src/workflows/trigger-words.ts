/** What starts a workflow by itself, in words. Pure. */
import type { Trigger, TriggerOutcome } from '@meshbook/core/workflow/trigger-info.ts'

export const kindWords: Record<Trigger['kind'], string> = {
  schedule: 'By time',
  webhook: 'By a webhook',
  files: 'By changed files',
  run: 'By the end of a run',
}

const senders = { github: 'GitHub', gitlab: 'GitLab', meshbook: 'a program' } as const

export function onWords({ on }: Pick<Trigger, 'on'>): string {
  if (on.schedule) return `${on.schedule.cron} in ${on.schedule.timezone}`
  if (on.webhook) return `from ${senders[on.webhook.from]}, signed with the key ${on.webhook.secret}`
  if (on.files) return on.files.paths.join(', ') + (on.files.device === null ? '' : ` on ${on.files.device}`)
  if (on.run) return `${on.run.of.join(', ')} is ${on.run.ends.join(' or ')}`
  return ''
}

export const outcomeWords: Record<TriggerOutcome['outcome'], string> = {
  started: 'Started',
  ignored: 'Ignored',
  refused: 'Refused',
  failed: 'Failed',
  dropped: 'Dropped',
}
export const outcomeTones: Record<TriggerOutcome['outcome'], string> = {
  started: 'ok',
  ignored: '',
  refused: 'bad',
  failed: 'bad',
  dropped: 'warn',
}
