/** What happens when the device of a session is silent or lost (SW9). */
import type { Failover, SessionInfo } from '@meshbook/core/messages.ts'
import type { OnLoss } from '@meshbook/core/session-policy.ts'
import { useState } from 'preact/hooks'
import { notify } from '../state/toasts.ts'
import { done } from './move-actions.ts'
import { movesApi } from './moves-api.ts'

const losses: readonly (readonly [OnLoss, string, string])[] = [
  ['interrupt', 'Interrupt it', 'It asks whether to run again.'],
  ['resume', 'Go on elsewhere', 'From where it was last saved; what it did outside since then may happen twice.'],
  ['again', 'Begin again elsewhere', 'From the start of the cell; what it did outside may happen twice.'],
]
const usualSeconds = 10
const longestSeconds = 86_400

export function PolicyForm({ session, close }: { session: SessionInfo; close: () => void }) {
  const [failover, setFailover] = useState<Failover>(session.policy?.failover ?? 'wait')
  const [onLoss, setOnLoss] = useState<OnLoss>(session.policy?.onLoss ?? 'interrupt')
  const [saving, setSaving] = useState(false)
  const seconds = failover === 'wait' ? usualSeconds : Math.round(failover.elsewhereAfterMs / 1000)
  const save = async (event: Event) => {
    event.preventDefault()
    setSaving(true)
    if (await done(movesApi.setPolicy(session.id, { failover, onLoss }), 'It was not set')) {
      notify('It is set', 'For every run of the session whose notebook does not say otherwise.')
      close()
    }
    setSaving(false)
  }
  return (
    <form class="policy-form" onSubmit={event => void save(event)}>
      <fieldset class="options">
        <legend>A run whose device does not answer</legend>
        <label class="option">
          <input type="radio" name="failover" checked={failover === 'wait'} onChange={() => setFailover('wait')} />
          <span>
            Waits <span class="faint">until the device is offline for sure, which takes a minute.</span>
          </span>
        </label>
        <label class="option">
          <input
            type="radio"
            name="failover"
            checked={failover !== 'wait'}
            onChange={() => setFailover({ elsewhereAfterMs: seconds * 1000 })}
          />
          <span>
            Goes elsewhere <span class="faint">with the variables as they were saved last.</span>
          </span>
        </label>
        <label class="seconds">
          Seconds of silence before that
          <input
            class="field"
            type="number"
            min="0"
            max={longestSeconds}
            step="1"
            inputMode="numeric"
            disabled={failover === 'wait'}
            value={seconds}
            onInput={event => setFailover({ elsewhereAfterMs: secondsOf(event.currentTarget.valueAsNumber) * 1000 })}
          />
        </label>
      </fieldset>
      <fieldset class="options">
        <legend>A run whose device is lost in its middle</legend>
        {losses.map(([value, label, note]) => (
          <label key={value} class="option">
            <input type="radio" name="loss" checked={onLoss === value} onChange={() => setOnLoss(value)} />
            <span>
              {label} <span class="faint">{note}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <p class="faint">
        A notebook that says <code>meshbook: {'{failover: …, on-loss: …}'}</code> in its front matter goes by that.
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button type="submit" class="button primary" disabled={saving}>
          Save
        </button>
      </div>
    </form>
  )
}

const secondsOf = (typed: number): number => Math.min(longestSeconds, Math.max(0, Math.round(typed || 0)))
