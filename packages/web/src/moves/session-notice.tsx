/** Above a notebook whose session is being restored, or was: as of when, what is missing, how to go on (SW3, SW4). */
import type { SessionInfo } from '@meshbook/core/messages.ts'
import { asOfWords, clockWords } from '@meshbook/core/session-words.ts'
import { signal } from '@preact/signals'
import { Icon } from '../shell/icons.tsx'
import { Popover } from '../shell/popover.tsx'
import { deviceById } from '../state/mesh.ts'
import { MovingBar, movingOf } from './moving-bar.tsx'
import { RunMissing, SavedState } from './saved-state.tsx'
import { type MissingRun, useMissing } from './use-missing.ts'

/** Restores whose notice was put away, by session and time. */
const putAway = signal<ReadonlySet<string>>(new Set())

interface Props {
  session: SessionInfo
  onForked: (name: string) => void
}

export function SessionNotice({ session, onForked }: Props) {
  const moving = movingOf(session)
  if (moving)
    return (
      <section class="banner session-notice" aria-label="Session">
        <Icon name="spinner" class="spin" />
        <MovingBar moving={moving} />
      </section>
    )
  const { restored } = session
  if (!restored || putAway.value.has(`${session.id} ${restored.at}`)) return null
  return <Restored key={restored.at} session={session} restored={restored} onForked={onForked} />
}

function Restored({ session, restored, onForked }: Props & { restored: NonNullable<SessionInfo['restored']> }) {
  const missing = useMissing(session.id, restored.asOf, restored.at)
  const lost = restored.lost.length
  if (isNothing(missing, restored)) return null
  const dismiss = () => {
    putAway.value = new Set([...putAway.value, `${session.id} ${restored.at}`])
  }
  return (
    <section class="banner session-notice" aria-label="Session">
      <Icon name="history" />
      <span class="grow" role="status">
        {whereWords(session, restored)} State{' '}
        {asOfWords({ asOf: restored.asOf, behind: missing?.length ?? restored.behind }, Date.now())}
        {lost > 0 && <span>; {lost === 1 ? '1 thing was' : `${lost} things were`} not carried over</span>}.
      </span>
      {missing && missing.length > 0 && <RunMissing missing={missing} />}
      <Popover label="More about the session" wordy class="button small" panelClass="padded" button="Details">
        {close => <SavedState session={session} close={close} onForked={onForked} />}
      </Popover>
      <button type="button" class="icon-button small" aria-label="Put this notice away" onClick={dismiss}>
        <Icon name="close" />
      </button>
    </section>
  )
}

/** A move that brought everything along is told by its message; the notice is for what somebody should know. */
function isNothing(
  missing: readonly MissingRun[] | undefined,
  restored: NonNullable<SessionInfo['restored']>,
): boolean {
  return (missing?.length ?? restored.behind) === 0 && restored.lost.length === 0
}

function whereWords({ device }: SessionInfo, { from, at }: NonNullable<SessionInfo['restored']>): string {
  const here = deviceById.value.get(device ?? '')?.name ?? 'another device'
  const before = deviceById.value.get(from ?? '')?.name
  const when = clockWords(at, Date.now())
  return before && before !== here ? `Moved from ${before} to ${here} at ${when}.` : `Restored on ${here} at ${when}.`
}
