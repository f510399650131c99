/** Replaces a piece of a text that is there exactly, and shows what is most like it where it is not (AL41). Pure. */

export type Edited = { text: string; places: number } | { wrong: string }

export interface Edit {
  old: string
  new: string
  all: boolean
}

export function edited(text: string, edit: Edit): Edited {
  if (edit.old === '') return { wrong: 'The text to replace is empty. Use `write` to make a file.' }
  if (edit.old === edit.new) return { wrong: 'The new text is the same as the old one.' }
  const places = text.split(edit.old).length - 1
  if (places === 0) return { wrong: `The text to replace is not there.\n${nearMiss(text, edit.old)}` }
  if (places > 1 && !edit.all)
    return { wrong: `The text to replace is there ${places} times. Give more of what is around it, or replace all.` }
  return { text: text.split(edit.old).join(edit.new), places }
}

const shownAround = 2

/** The lines that are most like those that were looked for, with their numbers. */
export function nearMiss(text: string, wanted: string): string {
  const lines = text.split('\n')
  const asked = wanted.replace(/\n$/, '').split('\n')
  if (text.trim() === '') return 'The file is empty.'
  let best = { at: 0, score: -1 }
  const bags = asked.map(wordsOf)
  const have = lines.map(wordsOf)
  for (let at = 0; at < lines.length; at++) {
    const score = bags.reduce((sum, bag, offset) => sum + likeness(bag, have[at + offset]), 0)
    if (score > best.score) best = { at, score }
  }
  if (best.score < asked.length * 0.3) return 'Nothing in the file is like it.'
  const from = Math.max(0, best.at - shownAround)
  const to = Math.min(lines.length, best.at + asked.length + shownAround)
  const shown = lines.slice(from, to).map((line, offset) => `${from + offset + 1}\t${line}`)
  const why = isOnlySpace(lines.slice(best.at, best.at + asked.length), asked)
    ? 'These lines differ from it in white space alone:'
    : 'These lines are most like it:'
  return `${why}\n${shown.join('\n')}`
}

function isOnlySpace(lines: readonly string[], asked: readonly string[]): boolean {
  const squeezed = (of: readonly string[]) => of.join('\n').replace(/\s+/g, '')
  return squeezed(lines) === squeezed(asked)
}

function wordsOf(line: string): Map<string, number> {
  const words = new Map<string, number>()
  for (const word of line.match(/\w+|[^\w\s]/g) ?? []) words.set(word, (words.get(word) ?? 0) + 1)
  return words
}

/** From 0 to 1: how many of the words are in both. */
function likeness(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number> | undefined): number {
  if (!b) return 0
  let [all, both] = [0, 0]
  for (const [word, times] of a) {
    all += times
    both += Math.min(times, b.get(word) ?? 0)
  }
  for (const times of b.values()) all += times
  return all === 0 ? 1 : (2 * both) / all
}
