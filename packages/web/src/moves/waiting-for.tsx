/** A run that waits for a device that does not answer: for how long, and the way out (SW5). */
import { asOfWords, heldBy } from '@meshbook/core/session-words.ts'
import { useRef } from 'preact/hooks'
import { api } from '../api/client.ts'
import { useTicking } from '../notebook/ticking.tsx'
import { devices, type RunInfo, sessions } from '../state/mesh.ts'
import { done, runElsewhereNow } from './move-actions.ts'

/** Of silence. The hub tells the number now and then; between that it counts on here. */
export function useSeconds(reasons: readonly string[]): { device: string; seconds: number } | undefined {
  const held = heldBy(reasons)
  const told = useRef({ text: '', at: 0 })
  const now = useTicking(held !== undefined)
  if (!held) return undefined
  const text = `${held.device} ${held.seconds}`
  if (told.current.text !== text) told.current = { text, at: now }
  const since = held.seconds + Math.floor((now - told.current.at) / 1000)
  return { device: held.device, seconds: Math.max(since, silence(held.device, now)) }
}

/** A page that is opened later knows since when the device is silent. */
function silence(name: string, now: number): number {
  const device = devices.value.find(one => one.name === name && one.status === 'suspect')
  return device ? Math.floor((now - device.lastSeenAt) / 1000) : 0
}

export function WaitingFor({ run, size = 'small' }: { run: RunInfo; size?: 'small' | '' }) {
  const held = useSeconds(run.reasons)
  if (!held) return null
  const saved = sessions.value.find(({ id }) => id === run.session)?.saved
  const others = run.reasons.filter(reason => !heldBy([reason]))
  const cancel = () => void done(api.cancelRun(run.id, 'cancelled while it waited'), 'The run was not cancelled')
  return (
    <div class="waiting-for">
      <span class="visually-hidden" role="status">
        Waiting for {held.device}, which does not answer.
      </span>
      <strong class="tabular">
        Waiting for {held.device} ({held.seconds} s)
      </strong>
      <p class="muted">
        {saved?.snapshot
          ? `Elsewhere it goes on with the state ${asOfWords(saved, Date.now())}.`
          : 'Nothing of the session is saved: elsewhere it begins with no variables.'}
      </p>
      {others.length > 0 && (
        <ul class="points muted">
          {others.map(reason => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <div class="row tools notice-actions row-of">
        <button type="button" class={`button ${size} primary`} onClick={() => runElsewhereNow(run)}>
          Run elsewhere now
        </button>
        <button type="button" class={`button ${size}`} onClick={cancel}>
          Cancel
        </button>
      </div>
    </div>
  )
}
