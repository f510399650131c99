/** What becomes of a session whose device is silent or lost, as people write it: in front matter and on the command line. Pure. */
import type { Failover, RunRequest } from './messages.ts'
import { failoverOf } from './notebook/front-matter.ts'

export type OnLoss = NonNullable<RunRequest['onLoss']>
export const onLossChoices = ['interrupt', 'resume', 'again'] as const satisfies readonly OnLoss[]

/** As in front matter, or only the time. */
export const failoverIn = (text: string): Failover | undefined =>
  failoverOf(text) ?? (/^\d/.test(text.trim()) ? failoverOf(`elsewhere-after ${text.trim()}`) : undefined)

export function failoverWords(failover: Failover): string {
  if (failover === 'wait') return 'runs wait until the device is offline for sure'
  const seconds = Math.round(failover.elsewhereAfterMs / 1000)
  return seconds === 0
    ? 'runs go elsewhere as soon as the device is silent'
    : `runs go elsewhere after ${seconds} s of silence`
}

const onLossTexts: Record<OnLoss, string> = {
  interrupt: 'a run whose device is lost is interrupted, and asks whether to run again',
  resume: 'a run whose device is lost goes on elsewhere from where it was last saved',
  again: 'a run whose device is lost begins again elsewhere',
}
export const onLossWords = (onLoss: OnLoss): string => onLossTexts[onLoss]
