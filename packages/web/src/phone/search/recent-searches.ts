/** What was searched for last, and led somewhere. */
import { type Signal, signal } from '@preact/signals'
import { keep, readKept } from '../kept.ts'

const name = 'searches'
const most = 8
export const recentSearches: Signal<readonly string[]> = signal([])

export async function readSearches(): Promise<void> {
  const kept = await readKept<unknown>(name)
  if (Array.isArray(kept)) recentSearches.value = kept.filter(query => typeof query === 'string').slice(0, most)
}

export async function noteSearch(query: string): Promise<void> {
  const words = query.trim()
  if (words === '') return
  const others = recentSearches.peek().filter(other => other.toLowerCase() !== words.toLowerCase())
  recentSearches.value = [words, ...others].slice(0, most)
  await keep(name, recentSearches.peek())
}

export async function forgetSearches(): Promise<void> {
  recentSearches.value = []
  await keep(name, [])
}
