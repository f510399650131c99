/** A transcript for the terminal: lines that are only ever added to, tool calls folded into one each. Pure. */
import { exactText } from '@meshbook/core/exact-text.ts'
import { isOpen, type ToolItem, type Transcript, type TranscriptItem } from '@meshbook/core/task-transcript.ts'
import { changedWords, dollars, linesIn, toolTitle, turnWords } from '@meshbook/core/task-words.ts'

export interface LinesOptions {
  /** Whole outputs of tools, and what the model thought. */
  full: boolean
  /** Escape sequences for a terminal. */
  colours: boolean
}

type Paint = (text: string, code: number) => string
const indented = (text: string, by = '    '): string[] =>
  text
    .replace(/\n$/, '')
    .split('\n')
    .map(line => by + line)
/** What comes from outside could steer the terminal. */
const plain = (text: string): string =>
  exactText(text.replaceAll('\r\n', '\n').replace(/\u001b\[[0-9;?]*[A-Za-z]/g, ''))

/** What is printed of an item by now; what was printed before stays at the front. */
export function linesOf(item: TranscriptItem, options: LinesOptions): string[] {
  const paint: Paint = (text, code) => (options.colours ? `\u001b[${code}m${text}\u001b[0m` : text)
  switch (item.kind) {
    case 'message': {
      if (item.turn === undefined) return []
      return [`${paint('▸', 36)} ${item.by}, heard at turn ${item.turn}:`, ...indented(plain(item.text), '  ')]
    }
    case 'turn':
      return item.state === 'ended' ? ['', paint(`── ${turnWords(item)}`, 2)] : []
    case 'said': {
      if (item.state !== 'whole') return []
      if (item.as === 'text') return plain(item.text).split('\n')
      return options.full ? indented(plain(item.text), '  ∙ ').map(line => paint(line, 2)) : []
    }
    case 'tool':
      return isOpen(item) ? [] : toolLines(item, options, paint)
    case 'approval':
      return [
        `${paint('?', 33)} ${exactText(item.title)}  Look and decide: meshbook gate approve ${item.gate}`,
        ...(item.decision === undefined ? [] : [`  ${item.decision}${item.by === undefined ? '' : ` by ${item.by}`}`]),
      ]
    case 'question':
      return [
        `${paint('?', 33)} ${plain(item.prompt)}  Answer: meshbook task say`,
        ...(item.answered ? ['  answered'] : []),
      ]
    default:
      return noteLines(item, paint)
  }
}

function toolLines(item: ToolItem, { full }: LinesOptions, paint: Paint): string[] {
  const mark = item.state === 'ok' ? paint('✔', 32) : paint('✖', 31)
  const lines = linesIn(item.output)
  const said = full || lines === 0 ? '' : paint(`  (${lines} ${lines === 1 ? 'line' : 'lines'})`, 2)
  const run = item.run === undefined ? '' : paint(`  meshbook runs show ${plain(item.run)}`, 2)
  const title = `${mark} ${plain(toolTitle(item))}${said}${run}`
  if (full) return [title, ...indented(plain(item.output)).map(line => paint(line, 2))]
  // Why something failed is worth a line.
  const why = item.state === 'failed' ? item.output.trimEnd().split('\n').at(-1)!.slice(0, 200) : ''
  return why === '' ? [title] : [title, paint(`    ${plain(why)}`, 2)]
}

function noteLines(item: TranscriptItem, paint: Paint): string[] {
  switch (item.kind) {
    case 'workspace':
      return [paint(`Works in ${plain(item.repo)} from ${item.base.slice(0, 10)}, on ${item.branch}`, 2)]
    case 'checkpoint':
      return [paint(`● checkpoint ${item.commit.slice(0, 10)}: ${changedWords(item)}`, 2)]
    case 'compacted':
      return [paint(`The conversation up to turn ${item.turn} was summed up, so that it fits.`, 2)]
    case 'artifact':
      return [`⬇ ${plain(item.name)} (${item.bytes} bytes): ${item.asset}`]
    case 'pushed':
      return [`${paint('✔', 32)} pushed ${item.branch} at ${item.commit.slice(0, 10)}`]
    case 'pull-request':
      return [`${paint('✔', 32)} pull request #${item.number}: ${plain(item.url)}`]
    case 'paused':
      return [`‖ ${item.interrupted ? 'interrupted' : 'paused'} by ${item.by}; it waits for a message or \`continue\``]
    case 'unpaused':
      return [`▸ goes on, said ${item.by}`]
    case 'notice':
      return [paint(`! ${plain(item.text)}`, 33)]
    case 'replaced':
      return [paint(`! Its worker was replaced: ${plain(item.reason)}. It goes on from the log.`, 33)]
    case 'finished':
      return item.summary === '' ? [] : ['', ...plain(item.summary).split('\n')]
    case 'end':
      return [endLine(item, paint)]
    default:
      return []
  }
}

function endLine(item: Extract<TranscriptItem, { kind: 'end' }>, paint: Paint): string {
  const took = `after ${Math.round(item.durationMs / 1000)} s`
  if (item.status === 'completed') return `${paint('✔', 32)} done ${took}`
  const reason = item.reason === '' ? '' : `: ${plain(item.reason)}`
  return `${paint('✖', 31)} ${item.status === 'cancelled' ? 'stopped' : item.status} ${took}${reason}`
}

/** Prints a transcript as it grows. */
export class TaskPrinter {
  readonly #options: LinesOptions
  readonly #printed = new Map<string, number>()
  /** Before it nothing changes any more. */
  #settled = 0

  constructor(options: LinesOptions) {
    this.#options = options
  }

  /** What there is to print now. */
  next({ items, ended }: Transcript): string[] {
    const fresh: string[] = []
    let isSettled = true
    for (let at = this.#settled; at < items.length; at++) {
      const item = items[at]!
      const lines = linesOf(item, this.#options)
      const printed = this.#printed.get(item.key) ?? 0
      fresh.push(...lines.slice(printed))
      this.#printed.set(item.key, lines.length)
      isSettled &&= !isOpen(item) || ended
      if (isSettled) this.#settled = at + 1
    }
    return fresh
  }
}

/** One line about what goes on, for a terminal. */
export function goingWords({ items, turn, paused }: Transcript, microUsd: number): string {
  const cost = dollars(microUsd)
  if (paused) return `paused at turn ${turn} · ${cost}`
  const last = items.findLast(item => isOpen(item))
  if (last?.kind === 'approval' || last?.kind === 'question') return `waits for you · ${cost}`
  if (last?.kind === 'tool') return `turn ${turn} · ${plain(toolTitle(last)).slice(0, 80)} · ${cost}`
  return turn === 0 ? 'waits for its worker' : `turn ${turn} · ${cost}`
}
