/** What is said of tasks, on every page and in the terminal, in the same words. Pure. */
import type { ToolItem, TurnItem } from './task-transcript.ts'
import type { Task } from './tasks-api.ts'

export const taskStateWords: Record<Task['state'], string> = {
  queued: 'Queued',
  starting: 'Starting',
  working: 'Working',
  waiting: 'Needs you',
  paused: 'Paused',
  completed: 'Done',
  failed: 'Failed',
  cancelled: 'Stopped',
  interrupted: 'Interrupted',
}

export const taskEnded = ({ endedAt }: Pick<Task, 'endedAt'>): boolean => endedAt !== null

/** `$0.12`; what is less than a cent has more places, so that it is not nothing. */
export function dollars(microUsd: number): string {
  const value = microUsd / 1e6
  return value === 0 || value >= 0.01 ? `$${value.toFixed(2)}` : `$${value.toFixed(4)}`
}

/** `$0.12 of $5.00` */
export function costWords({ microUsd, budget }: Pick<Task, 'microUsd' | 'budget'>): string {
  return budget.microUsd === undefined ? dollars(microUsd) : `${dollars(microUsd)} of ${dollars(budget.microUsd)}`
}

/** `next`, `2 before it`; nothing where it does not wait. */
export function queueWords({ queuePosition }: Pick<Task, 'queuePosition'>): string {
  if (queuePosition === null) return ''
  return queuePosition === 0 ? 'next' : `${queuePosition} before it`
}

/** `me/code` of an address. */
export function repoName(repo: string): string {
  const path = URL.parse(repo)?.pathname ?? repo.slice(repo.indexOf(':') + 1)
  return path.replace(/^\/+|\/+$|\.git\/?$/g, '') || repo
}

/** The first line of what was asked for, short enough for a list. */
export function taskTitle(prompt: string, most = 120): string {
  const line = prompt.trim().split('\n', 1)[0]!.trim()
  return line.length <= most ? line : `${line.slice(0, most - 1).trimEnd()}…`
}

export function changedWords({ files, added, removed }: { files: number; added: number; removed: number }): string {
  return `${files} ${files === 1 ? 'file' : 'files'}, +${added} −${removed}`
}

/** What a call does, in one line. */
export function toolTitle({ tool, shown, input }: Pick<ToolItem, 'tool' | 'shown' | 'input'>): string {
  const text = (shown || input).trim()
  const [first = '', ...rest] = text.split('\n')
  const line = first.length > 160 ? `${first.slice(0, 159)}…` : first
  return rest.length > 0 && line !== '' ? `${tool}  ${line} …` : `${tool}  ${line}`.trimEnd()
}

export function linesIn(text: string): number {
  return text === '' ? 0 : text.replace(/\n$/, '').split('\n').length
}

/** Of a turn: which model, what it cost, and whether it came to its end. */
export function turnWords({ turn, model, state, microUsd, stop }: TurnItem): string {
  const cost = microUsd > 0 ? [dollars(microUsd)] : []
  const end =
    state === 'cut'
      ? ['cut']
      : stop === 'length'
        ? ['cut at its greatest length']
        : stop === 'refused'
          ? ['refused']
          : []
  return [`Turn ${turn}`, model, ...cost, ...end].filter(Boolean).join(' · ')
}
