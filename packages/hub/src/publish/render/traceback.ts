/** Where an output tells of an error: the text before it, the line that says what, and the way there. Pure. */
import type { ExecutionEntry } from '@meshbook/core/executions.ts'
import { withoutColours } from './terminal-text.ts'

export interface Failure {
  before: string
  /** One line. */
  summary: string
  /** With its colours; empty if the error has no more to say. */
  traceback: string
}

/** By what the run's entry says of it; where there is none, by the form that Python's tracebacks have. */
export function failureOf(text: string, entry: ExecutionEntry | undefined): Failure | undefined {
  return failureOfEntry(text, entry) ?? failureOfText(text)
}

function failureOfEntry(text: string, entry: ExecutionEntry | undefined): Failure | undefined {
  const error = entry?.status === 'error' ? entry.error : undefined
  if (typeof error?.name !== 'string' || typeof error.message !== 'string') return undefined
  const traceback = Array.isArray(error.traceback) ? error.traceback.join('\n') : ''
  const summary = error.message === '' ? error.name : `${error.name}: ${error.message}`
  const before = withoutTail(text, traceback === '' ? summary : traceback)
  return { before, summary: firstLine(summary), traceback: traceback || (summary.includes('\n') ? summary : '') }
}

const start = /^(?:Traceback \(most recent call last\):|-{40,}$)/m

function failureOfText(text: string): Failure | undefined {
  const plain = withoutColours(text)
  const at = start.exec(plain)?.index
  if (at === undefined) return undefined
  const last = plain
    .trimEnd()
    .split('\n')
    .findLast(line => /^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)\b(?::|$)/.test(line))
  if (last === undefined) return undefined
  const lines = plain.slice(0, at).split('\n').length - 1
  const all = text.split('\n')
  return { before: all.slice(0, lines).join('\n'), summary: last, traceback: all.slice(lines).join('\n').trimEnd() }
}

const firstLine = (text: string): string => withoutColours(text).split('\n', 1)[0]!

/** The text without the lines at its end that say the same as `tail`, whatever their colours. */
function withoutTail(text: string, tail: string): string {
  const wanted = withoutColours(tail.trimEnd()).split('\n')
  const lines = text.trimEnd().split('\n')
  const last = lines.slice(-wanted.length).map(withoutColours)
  const same = last.length === wanted.length && last.every((line, n) => line.trimEnd() === wanted[n]!.trimEnd())
  return same ? lines.slice(0, -wanted.length).join('\n') : text
}
