/** Multi-line strings of a notebook file: one string, or a list of lines. Jupyter splits as Python's `splitlines` does. */
import type { Json } from './json-text.ts'

/** How a text stands in the file: as Python splits it, as a split at LF alone, or as one string. */
export type Split = 'python' | 'lf' | 'text'

const ends: Record<Exclude<Split, 'text'>, RegExp> = {
  python: /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g,
  lf: /\n/g,
}

export function splitLines(text: string, split: Split = 'python'): Json {
  if (split === 'text') return text
  const lines: string[] = []
  let from = 0
  for (const { 0: end, index } of text.matchAll(ends[split])) {
    lines.push(text.slice(from, index + end.length))
    from = index + end.length
  }
  return from < text.length ? [...lines, text.slice(from)] : lines
}

/** The text of a value and how it is split; undefined if it is no such text, or split in another way. */
export function textAndSplit(value: Json | undefined): { text: string; split: Split } | undefined {
  if (typeof value === 'string') return { text: value, split: 'text' }
  const text = joined(value)
  if (text === undefined || !Array.isArray(value)) return undefined
  const split = (['python', 'lf'] as const).find(name => isSame(splitLines(text, name), value))
  return split && { text, split }
}

export function joined(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value) || !value.every(item => typeof item === 'string')) return undefined
  return value.join('')
}

function isSame(a: Json, b: readonly Json[]): boolean {
  return Array.isArray(a) && a.length === b.length && a.every((line, i) => line === b[i])
}
