/** What notices say: short, whole sentences, the place first. Pure. It must not know who is told. */
import type { GateId, RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { MessageKind } from '@meshbook/core/notify-api.ts'
import { type Filled, filled } from '@meshbook/core/notify-words.ts'
import { taskTitle } from '@meshbook/core/task-words.ts'

export interface Words {
  title: Filled
  text: Filled
  url: string
}

export interface NamedRun {
  id: RunId
  /** Of its document; null where that is gone. */
  path: string | null
  deviceName: string | null
  /** What an agent was asked to do; absent or null where it is no task. */
  task?: string | null
}

function words(title: string, text: string, url: string): Words {
  return {
    title: filled(title, 'Meshbook', limits.noticeTitleChars),
    text: filled(text, 'Open Meshbook to see more.', limits.noticeTextChars),
    url,
  }
}

const runUrl = ({ id, task }: NamedRun): string =>
  `/m/${typeof task === 'string' ? 'tasks' : 'runs'}/${encodeURIComponent(id)}`
const gateUrl = (id: GateId): string => `/m/gates/${encodeURIComponent(id)}`

/** The last part of the path, which is what lists show; of a task what was asked for. */
const nameOf = ({ path, task }: NamedRun): string =>
  typeof task === 'string' ? `Task “${taskTitle(task, 60)}”` : (path?.slice(path.lastIndexOf('/') + 1) ?? 'A run')
const on = ({ deviceName }: NamedRun): string => (deviceName === null ? '' : ` on ${deviceName}`)

export type EndedRun =
  | { status: 'completed'; ms: number }
  | { status: 'failed' | 'interrupted'; ms: number; why: string }

export function endedWords(run: NamedRun, end: EndedRun): Words {
  const name = nameOf(run)
  const after = `after ${durationText(end.ms)}${on(run)}`
  if (end.status === 'completed') return words(`${name} finished`, `It finished ${after}.`, runUrl(run))
  const how = end.status === 'failed' ? 'failed' : 'was interrupted'
  return words(`${name} ${how}`, `${oneLine(end.why)}\nIt ${how} ${after}.`, runUrl(run))
}

export function inputWords(run: NamedRun, prompt: string): Words {
  const asks = oneLine(prompt) || 'It waits for an answer.'
  return words(
    `${nameOf(run)} needs input`,
    `${asks}${run.deviceName === null ? '' : `\nIt runs${on(run)}.`}`,
    runUrl(run),
  )
}

export const inputGivenWords = (run: NamedRun): Words =>
  words(`${nameOf(run)} goes on`, 'The input was given.', runUrl(run))

export const notNeededWords = (run: NamedRun): Words =>
  words(`${nameOf(run)} waits no more`, 'Nothing is left to do here.', runUrl(run))

export const wantedWords = (run: NamedRun, reason: string): Words =>
  words(`Still want ${nameOf(run)} to run?`, reason, runUrl(run))

export const gateWords = (run: NamedRun, gate: GateId, title: string): Words =>
  words(title, `${nameOf(run)} waits for your decision${on(run)}.`, gateUrl(gate))

const outcomes = {
  approved: 'Approved',
  rejected: 'Rejected',
  expired: 'The time to decide is over',
  void: 'Nobody waits for this any more',
} as const

export const decidedWords = (title: string, gate: GateId, state: keyof typeof outcomes, by: string | null): Words =>
  words(title, `${outcomes[state]}${by === null ? '' : ` by ${by}`}.`, gateUrl(gate))

/** `run`: one of those that it had, where it may be named. */
export function lostWords(device: string, runs: number, run: NamedRun | null): Words {
  const what = run === null ? (runs === 1 ? 'a run' : `${runs} runs`) : nameOf(run)
  const more = run !== null && runs > 1 ? ` and ${runs - 1} more` : ''
  return words(
    `${device} was lost`,
    `It is not heard of, and it ran ${what}${more}. Nothing is run again by itself.`,
    '/m/devices',
  )
}

export interface BudgetStanding {
  /** Null: of everything. */
  project: string | null
  month: string
  capMicroUsd: number
  spentMicroUsd: number
}

/** `isRefused`: a call was not made because of it. */
export function budgetWords(budget: BudgetStanding, percent: number, isRefused: boolean): Words {
  const { project, month, capMicroUsd, spentMicroUsd } = budget
  const of = project === null ? 'the budget of everything' : `the budget of ${project}`
  const usd = (micro: number): string => `$${(micro / 1e6).toFixed(2)}`
  const spent = `${usd(spentMicroUsd)} of ${usd(capMicroUsd)} are spent in ${month} (UTC).`
  const title = isRefused ? `A model was not asked: ${of} is used up` : `${percent} % of ${of} are spent`
  const more =
    percent >= 100 ? '\nWhat could exceed it is refused until the next month, or until the budget is raised.' : ''
  return words(title, `${spent}${more}`, '/portal/usage')
}

/** What a step of a workflow says. */
export const toldByWorkflowWords = (id: RunId, title: string, text: string): Words =>
  words(title, text === '' ? 'A workflow says so.' : text, `/m/runs/${encodeURIComponent(id)}`)

const summaryNouns: Readonly<Partial<Record<MessageKind, readonly [one: string, many: string]>>> = {
  finished: ['run finished', 'runs finished'],
  failed: ['run failed', 'runs failed'],
  input: ['run needs input', 'runs need input'],
  wanted: ['run asks whether it is still wanted', 'runs ask whether they are still wanted'],
  gate: ['decision waits', 'decisions wait'],
  device: ['device was lost', 'devices were lost'],
  budget: ['budget alert', 'budget alerts'],
  workflow: ['message of a workflow', 'messages of workflows'],
}

/** What several notices come to: how many of which kind, then the newest by their titles. */
export function summaryWords(notices: readonly { kind: MessageKind; title: Filled }[]): Words {
  const counts = Object.entries(summaryNouns).flatMap(([kind, [one, many]]) => {
    const count = notices.filter(notice => notice.kind === kind).length
    return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`]
  })
  const named = notices.slice(-limits.noticeSummaryLines).map(({ title }) => title)
  return words(counts.join(', '), named.join('\n'), '/m/inbox')
}

export const testWords = (name: string): Words =>
  words('Meshbook reaches you', `This is a test of “${name}”.`, '/m/settings')

/** What is listed of a code; the mail itself has words of its own. */
export const codeWords = (): Words => words('A code', 'It was sent to confirm an address.', '/m/settings')

/** Terminal colours, and everything after the first line with words. */
function oneLine(text: string): string {
  const plain = text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')
  return (
    plain
      .split('\n')
      .map(line => line.trim())
      .find(line => line !== '') ?? ''
  )
}

export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}
