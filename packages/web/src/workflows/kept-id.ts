/** An id of what is sent: the same words keep theirs, however often they are sent, so that the hub does them once. */
import { type Now, newId, systemRandom } from '@meshbook/core/ids.ts'
import { useRef } from 'preact/hooks'

export interface KeptId {
  idOf(words: unknown): string
  /** The hub has it: the same words again are something new. */
  sent(): void
}

/** `now`: for the id of a run, which begins with its time. */
export function useKeptId(now: Now): KeptId {
  const kept = useRef({ words: '', id: '' })
  return {
    idOf(words) {
      const text = JSON.stringify(words)
      if (kept.current.words !== text) kept.current = { words: text, id: newId('run', now(), systemRandom) }
      return kept.current.id
    },
    sent: () => {
      kept.current = { words: '', id: '' }
    },
  }
}
