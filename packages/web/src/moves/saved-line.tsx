/** As of when a session is saved, and how large, in a list of sessions. */
import { type Saved, savedWords, sizeWords } from '@meshbook/core/session-words.ts'

export function SavedLine({ saved }: { saved: Saved }) {
  const isBad = saved.state === 'failed' || saved.state === 'off'
  return (
    <span class={isBad ? 'warn-text' : 'faint'}>
      {saved.snapshot === null ? '' : 'saved '}
      {savedWords(saved, Date.now())}
      {saved.snapshot === null ? '' : ` · ${sizeWords(saved.bytes)}`}
    </span>
  )
}
