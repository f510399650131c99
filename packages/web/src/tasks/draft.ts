/** What was written for a new task and not given yet stays in this browser; so does the repository of the last one. */
import { noWish, type Wish } from './wished-task.ts'

const key = 'meshbook.task-draft'

export function readDraft(): Wish {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? 'null')
    return isDraft(kept) ? { ...noWish, ...kept } : noWish
  } catch {
    return noWish
  }
}

export function keepDraft({ prompt, repo }: Pick<Wish, 'prompt' | 'repo'>): void {
  try {
    localStorage.setItem(key, JSON.stringify({ prompt, repo }))
  } catch {
    // Storage is blocked or full: it stays as long as the page does.
  }
}

export function forgetDraft({ repo }: Pick<Wish, 'repo'>): void {
  keepDraft({ prompt: '', repo })
}

function isDraft(value: unknown): value is Pick<Wish, 'prompt' | 'repo'> {
  if (typeof value !== 'object' || value === null) return false
  const { prompt, repo } = value as Partial<Wish>
  return typeof prompt === 'string' && typeof repo === 'string'
}
