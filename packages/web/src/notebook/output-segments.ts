/**
 * An output as pieces in the order they were made. The document holds plain text for every display, so that any editor
 * can read it; here each display's plain text gives way to its richer form, in its place. Pure.
 */
import type { DisplayDatum } from '@meshbook/core/executions.ts'

export type OutputSegment = { text: string } | { display: DisplayDatum }

export function segmentsOf(text: string, displays: readonly DisplayDatum[]): OutputSegment[] {
  const segments: OutputSegment[] = []
  let at = 0
  for (const display of displays) {
    const plain = plainOf(display)
    const found = told(text, display, at) ?? (plain === undefined ? undefined : findLines(text, plain, at))
    if (found) {
      pushText(segments, text.slice(at, found.from))
      at = found.to
    } else if (at < text.length && isLast(display, displays)) {
      pushText(segments, text.slice(at))
      at = text.length
    }
    segments.push({ display })
  }
  pushText(segments, text.slice(at))
  return segments
}

/** Where the device says that it stands, if it stands on lines of its own there: somebody may have edited the text. */
function told(text: string, { at, chars }: DisplayDatum, from: number): { from: number; to: number } | undefined {
  if (typeof at !== 'number' || typeof chars !== 'number' || at < from || chars < 0) return undefined
  const to = at + chars
  // What ends the text may have been taken off it, as the traceback is.
  if (chars === 0 && at > text.length) return { from: text.length, to: text.length }
  const isLines = (at === 0 || text[at - 1] === '\n') && (chars === 0 || to === text.length || text[to] === '\n')
  if (to > text.length || !isLines) return undefined
  return { from: at, to: chars === 0 ? at : Math.min(text.length, to + 1) }
}

const isLast = (display: DisplayDatum, displays: readonly DisplayDatum[]): boolean => display === displays.at(-1)

function pushText(segments: OutputSegment[], text: string): void {
  const trimmed = text.replace(/^\n|\n$/g, '')
  if (trimmed !== '') segments.push({ text: trimmed })
}

/** Images are not repeated as text in the document, so there is nothing to look for. */
function plainOf({ parts }: DisplayDatum): string | undefined {
  if (parts.some(part => part.at === 'asset' && part.mimeType.startsWith('image/'))) return undefined
  const plain = parts.find(part => part.mimeType === 'text/plain' && part.at === 'inline')
  return plain?.at === 'inline' && plain.data.trim() !== '' ? plain.data.replace(/\n$/, '') : undefined
}

/** Where `wanted` stands as whole lines at or after `at`. */
function findLines(text: string, wanted: string, at: number): { from: number; to: number } | undefined {
  for (let from = text.indexOf(wanted, at); from >= 0; from = text.indexOf(wanted, from + 1)) {
    const to = from + wanted.length
    if ((from === 0 || text[from - 1] === '\n') && (to === text.length || text[to] === '\n'))
      return { from, to: Math.min(text.length, to + 1) }
  }
  return undefined
}

const colours = /\u001b\[[0-9;:]*m/g

/** The text without the lines at its end that say the same as `tail`, whatever their colours. */
export function withoutTail(text: string, tail: string): string {
  const wanted = tail.trimEnd().replace(colours, '').split('\n')
  const lines = text.trimEnd().split('\n')
  const last = lines.slice(-wanted.length).map(line => line.replace(colours, ''))
  const same =
    tail.trim() !== '' &&
    last.length === wanted.length &&
    last.every((line, n) => line.trimEnd() === wanted[n]!.trimEnd())
  return same ? lines.slice(0, -wanted.length).join('\n') : text
}

/** The text without the prompt of a question that is asked below it. */
export function withoutPrompt(text: string, prompt: string | undefined): string {
  return prompt && text.endsWith(prompt.replace(/\n$/, ''))
    ? text.slice(0, text.length - prompt.replace(/\n$/, '').length).replace(/\n$/, '')
    : text
}
