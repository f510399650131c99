/**
 * `update_display` of what an earlier run displayed (OU12): its entry and its output block are changed in place, if it
 * is a run of the same session in the same document. Done again it changes nothing. Must be called inside a transaction.
 */
import type { DisplayDatum, ExecutionEntry } from '@meshbook/core/executions.ts'
import { isRunId, type RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { imageOf, shownText } from '@meshbook/core/output/run-view.ts'
import { type MimePart, mimePartSchema } from '@meshbook/core/run.ts'
import { TerminalText } from '@meshbook/core/terminal.ts'
import * as v from 'valibot'
import type * as Y from 'yjs'
import { EntryView, executionsOf } from './execution-entry.ts'
import { findOutput, updateOutput } from './output-block.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
/** Entries are data from a stranger. */
const displaySchema = v.object({
  id: v.optional(v.string()),
  parts: v.array(mimePartSchema),
  at: v.optional(count),
  chars: v.optional(count),
})
const displaysSchema = v.pipe(v.array(displaySchema), v.maxLength(limits.displaysPerRun))

export function updateEarlier(doc: Y.Doc, by: RunId, values: ReadonlyMap<string, MimePart[]>): void {
  if (values.size === 0) return
  const own = new EntryView(doc, by)
  for (const run of executionsOf(doc).keys()) {
    if (run === by || !isRunId(run)) continue
    const entry = new EntryView(doc, run)
    if (isSameSession(entry, own)) updateRun(doc, entry, values)
  }
}

function isSameSession(a: EntryView, b: EntryView): boolean {
  const nameOf = (entry: EntryView) => entry.get('session') ?? 'default'
  return nameOf(a) === nameOf(b) && a.get('language') === b.get('language')
}

function updateRun(doc: Y.Doc, entry: EntryView, values: ReadonlyMap<string, MimePart[]>): void {
  const parsed = v.safeParse(displaysSchema, entry.get('displayData'))
  if (!parsed.success || !parsed.output.some(({ id }) => id !== undefined && values.has(id))) return
  const position = entry.get('outputPosition')
  const before = findOutput(doc, entry.run, position)?.text
  const { displays, text } = replaced(parsed.output as DisplayDatum[], values, before ?? '')
  const result = entry.get('result') as ExecutionEntry['result']
  entry.patch({
    displayData: displays,
    ...(result ? { result: movedResult(result, text.length - (before ?? '').length) } : {}),
  })
  const images = [...displays, ...(result && Array.isArray(result.parts) ? [result] : [])].flatMap(
    ({ parts }) => imageOf(parts) ?? [],
  )
  if (before !== undefined) updateOutput(doc, entry.run, position, text, images)
}

/** The result is the last that a run shows. */
function movedResult<T extends { at?: number }>(result: T, by: number): T {
  return typeof result.at === 'number' ? { ...result, at: result.at + by } : result
}

function replaced(displays: readonly DisplayDatum[], values: ReadonlyMap<string, MimePart[]>, before: string) {
  let text = before
  let moved = 0
  const changed = displays.map(display => {
    const at = display.at === undefined ? undefined : display.at + moved
    const parts = display.id === undefined ? undefined : values.get(display.id)
    if (!parts) return at === undefined ? display : { ...display, at }
    const shown = resolved(shownText(parts))
    if (at === undefined || !standsAt(text, at, display.chars ?? 0)) return { ...display, parts }
    const put = putAt(text, at, display.chars ?? 0, shown)
    text = put.text
    moved += put.moved
    return { ...display, parts, at, chars: shown.length }
  })
  return { displays: changed, text }
}

function resolved(text: string): string {
  const terminal = new TerminalText()
  terminal.feed(text)
  return terminal.text()
}

/** Somebody may have edited the block: what does not stand on lines of its own is left alone. */
function standsAt(text: string, at: number, chars: number): boolean {
  const end = at + chars
  return (
    end <= text.length &&
    (at === 0 || text[at - 1] === '\n') &&
    (end === text.length || text[end] === '\n' || chars === 0)
  )
}

/** Text on lines of its own takes the line ending behind it along when it comes and goes. */
function putAt(text: string, at: number, chars: number, shown: string): { text: string; moved: number } {
  const [head, tail] = [text.slice(0, at), text.slice(at + chars)]
  const whole =
    chars > 0 && shown === ''
      ? head + tail.replace(/^\n/, '')
      : chars === 0 && shown !== '' && tail !== ''
        ? `${head}${shown}\n${tail}`
        : head + shown + tail
  return { text: whole, moved: whole.length - text.length }
}
