/** Beside where a notebook's code runs: as of when its session is saved (SW1). */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { freshnessOf, movingWords, savedWords } from '@meshbook/core/session-words.ts'
import { Icon } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { movingOf } from './moving-bar.tsx'
import { SavedState } from './saved-state.tsx'

const tones = { failed: 'warn', off: 'warn', behind: '', saving: '', none: '', current: '' } as const

/** In a word or two; the rest is behind it. */
export function chipWords(session: SessionInfo, now: number): string | undefined {
  const moving = movingOf(session)
  if (moving) return movingWords({ ...moving, total: 0 }).replace(/…$/, '')
  const { saved } = session
  if (!saved || (session.device === null && saved.snapshot === null)) return undefined
  const words = savedWords(saved, now)
  return words.slice(0, 1).toUpperCase() + words.slice(1).replace(', ', ' · ')
}

export function SavedChip({ session, onForked }: { session: SessionInfo; onForked: (name: string) => void }) {
  const words = chipWords(session, Date.now())
  if (words === undefined) return null
  const isMoving = movingOf(session) !== undefined
  const tone = session.saved ? tones[freshnessOf(session.saved)] : ''
  return (
    <Popover
      label={`Saved state: ${words}`}
      class={`pill saved-chip only-wide ${tone}`}
      panelClass="padded"
      title="As of when the session could go on elsewhere"
      button={
        <>
          <Icon
            name={isMoving ? 'spinner' : tone === '' ? 'history' : 'warning'}
            size={12}
            class={isMoving ? 'spin' : ''}
          />
          <span class="ellipsis">{words}</span>
        </>
      }
    >
      {close => <SavedState session={session} close={close} onForked={onForked} />}
    </Popover>
  )
}
