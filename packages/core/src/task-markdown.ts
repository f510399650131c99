/** A task as a Markdown document to keep or to hand on: what was asked, what was done, how it ended. Pure. */
import type { ToolItem, Transcript, TranscriptItem } from './task-transcript.ts'
import { changedWords, costWords, taskStateWords, taskTitle, toolTitle, turnWords } from './task-words.ts'
import type { Task } from './tasks-api.ts'

/** `log`: null where it has expired. */
export function taskMarkdown(task: Task, log: Transcript | null): string {
  const parts = [`# ${inLine(taskTitle(task.prompt))}`, facts(task)]
  if (log === null) parts.push(quoted(task.prompt), '_What the agent did is not kept any more._')
  else parts.push(...log.items.flatMap(item => partOf(item)))
  return `${parts.join('\n\n')}\n`
}

function facts(task: Task): string {
  const rows: [string, string][] = [
    ['Task', task.id],
    ['State', taskStateWords[task.state]],
    ['Repository', task.base === null ? task.repo : `${task.repo} from ${task.base}`],
    ['Branch', task.branch],
    ['Asked by', `${task.requestedBy}, ${timeOf(task.requestedAt)}`],
    ['Model', task.model],
    ['Cost', costWords(task)],
  ]
  if (task.endedAt !== null) rows.push(['Ended', timeOf(task.endedAt)])
  if (task.changed) rows.push(['Changed', changedWords(task.changed)])
  if (task.pullRequest) rows.push(['Pull request', task.pullRequest.url])
  for (const reason of task.reasons) rows.push(['Why', reason])
  return rows.map(([name, text]) => `- **${name}:** ${inLine(text)}`).join('\n')
}

function partOf(item: TranscriptItem): string[] {
  switch (item.kind) {
    case 'message':
      return [`**${inLine(item.by)}:**`, quoted(item.text)]
    case 'turn':
      return [`## ${inLine(turnWords(item))}`]
    case 'said':
      return item.as === 'text' && item.text.trim() !== '' ? [item.text.trim()] : []
    case 'tool':
      return toolParts(item)
    case 'approval':
      return [
        `**${inLine(item.title)}** ${item.decision ?? 'not decided'}${item.by ? ` by ${inLine(item.by)}` : ''}`,
        fenced(item.shown),
      ]
    case 'question':
      return [`**The agent asks:** ${inLine(item.prompt)}`]
    default: {
      const note = noteOf(item)
      return note === '' ? [] : [note]
    }
  }
}

const marks: Record<ToolItem['state'], string> = { wanted: '…', running: '…', ok: '✔', failed: '✖', cut: '✖ cut:' }

function toolParts(item: ToolItem): string[] {
  const run = item.run === undefined ? '' : ` (run ${item.run})`
  const title = `${marks[item.state]} \`${inLine(toolTitle(item)).replaceAll('`', '´')}\`${run}`
  return item.output.trim() === '' ? [title] : [title, fenced(item.output)]
}

function noteOf(item: TranscriptItem): string {
  switch (item.kind) {
    case 'workspace':
      return `Works in ${inLine(item.repo)} from ${item.base.slice(0, 10)}, on ${inLine(item.branch)}.`
    case 'checkpoint':
      return `Checkpoint ${item.commit.slice(0, 10)}: ${changedWords(item)}.`
    case 'compacted':
      return `The conversation up to turn ${item.turn} was summed up.`
    case 'artifact':
      return `File: ${inLine(item.name)}, ${item.bytes} bytes.`
    case 'pushed':
      return `Pushed ${inLine(item.branch)} at ${item.commit.slice(0, 10)}.`
    case 'pull-request':
      return `Pull request #${item.number}: ${inLine(item.url)}`
    case 'paused':
      return `${item.interrupted ? 'Interrupted' : 'Paused'} by ${inLine(item.by)}.`
    case 'unpaused':
      return `Goes on, said ${inLine(item.by)}.`
    case 'notice':
      return inLine(item.text)
    case 'replaced':
      return `Its worker was replaced: ${inLine(item.reason)}.`
    case 'finished':
      return item.summary.trim()
    case 'end':
      return `**${item.status === 'completed' ? 'Done' : taskStateWords[item.status]}** after ${Math.round(item.durationMs / 1000)} s${item.reason === '' ? '' : `: ${inLine(item.reason)}`}`
    default:
      return ''
  }
}

const timeOf = (at: number): string => new Date(at).toISOString()
const inLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()
const quoted = (text: string): string =>
  text
    .trim()
    .split('\n')
    .map(line => `> ${line}`)
    .join('\n')

/** The fence is longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(run => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${text.replace(/\n$/, '')}\n${fence}`
}
