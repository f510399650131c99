/** What a runtime answers about code, in the words of the kernel protocol (MK6). Pure; what is not understood is nothing found. */
import { isFields } from './run-reader.ts'

type Fields = Record<string, unknown>
const itemsAtMost = 1_000
const textUnits = 64 * 1024

export function completionsOf(answer: unknown, cursor: number): unknown {
  const fields = isFields(answer) ? answer : {}
  const from = clamp(fields.cursorStart ?? fields.cursor_start, cursor)
  const items = listOf(fields.matches).flatMap(match => {
    const label =
      typeof match === 'string' ? match : isFields(match) ? textOf(match.insertText) || textOf(match.label) : ''
    const kind = isFields(match) ? textOf(match.kind) : ''
    return label === '' ? [] : [kind ? { label, kind } : { label }]
  })
  return { from, to: cursor, items: items.slice(0, itemsAtMost) }
}

/** A place at or before the cursor. */
function clamp(value: unknown, cursor: number): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= cursor ? value : cursor
}

export function inspectionOf(answer: unknown): unknown {
  const fields = isFields(answer) ? answer : {}
  const head = [textOf(fields.signature) || textOf(fields.name), textOf(fields.type)].filter(Boolean).join(': ')
  const text = [head, textOf(fields.value), textOf(fields.docstring)].filter(Boolean).join('\n\n')
  const found = fields.found === true && text !== ''
  return { found, text: found ? text.slice(0, textUnits) : '' }
}

export function variablesOf(answer: unknown): unknown {
  const fields = isFields(answer) ? answer : {}
  const items = listOf(fields.variables)
    .filter(isFields)
    .filter(({ name }) => textOf(name) !== '')
    .map(variableOf)
  return { items: items.slice(0, itemsAtMost), truncated: fields.truncated === true || items.length > itemsAtMost }
}

function variableOf({ name, type, value, size }: Fields): unknown {
  const shown = { name, type: textOf(type), preview: textOf(value).slice(0, textUnits) }
  return typeof size === 'string' ? { ...shown, size } : shown
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
