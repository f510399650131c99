/** Push to this browser: asked for by a press that says what will come; where it cannot be, why and what to do (PH50). */
import { useEffect, useState } from 'preact/hooks'
import { asApiError } from '../../api/api-error.ts'
import { loadWays, ways } from '../../notify/notify-state.ts'
import { type PushState, pushState } from '../../notify/this-browser.ts'
import { me } from '../../state/known.ts'
import { pushHere } from '../follow-rest.ts'

export function NotifyMe() {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const state = pushState.value
  useEffect(() => {
    // At the start the hub may not have answered.
    if (state.is === 'unknown')
      pushHere()
        ?.begin()
        .catch(() => undefined)
  }, [me.value?.user])
  const doing = (work: () => Promise<unknown> | undefined) => () => {
    setBusy(true)
    setProblem('')
    Promise.resolve(work())
      .then(loadWays)
      .catch(thrown => setProblem(whyNot(thrown)))
      .finally(() => setBusy(false))
  }
  return (
    <div class="notify-me">
      {state.is === 'off' && (
        <>
          <p>
            Decisions that wait for you, questions of your programs, runs that end, and devices that are lost: told on
            this phone, also while Meshbook is closed. What is sent is encrypted for this browser alone.
          </p>
          <button type="button" class="button primary wide" disabled={busy} onClick={doing(() => pushHere()?.turnOn())}>
            {busy ? 'Asking…' : 'Notify me'}
          </button>
        </>
      )}
      {state.is === 'on' && (
        <div class="row">
          <span class="words">This phone is told</span>
          <button
            type="button"
            class="button"
            disabled={busy}
            onClick={doing(() => pushHere()?.turnOff(ways.peek() ?? []))}
          >
            Turn off
          </button>
        </div>
      )}
      <WhyNot state={state} />
      {problem !== '' && (
        <p class="note bad" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}

function WhyNot({ state }: { state: PushState }) {
  if (state.is === 'impossible') return <p>{state.why}</p>
  if (state.is === 'refused')
    return (
      <p>
        This browser was told not to show messages of Meshbook. Allow them in its settings for this page, then come back
        here.
      </p>
    )
  if (state.is === 'unsupported')
    return <p>This browser has no push. E-mail, Slack and ntfy, below, work without it.</p>
  if (state.is !== 'add-to-home-screen') return null
  return (
    <>
      <p>On this phone, messages come only to apps on the home screen. Add Meshbook there first:</p>
      <ol class="steps">
        <li>
          Press <b>Share</b> in the bar of Safari.
        </li>
        <li>
          Choose <b>Add to Home Screen</b>.
        </li>
        <li>
          Open Meshbook from there, and press <b>Notify me</b> here.
        </li>
      </ol>
    </>
  )
}

/** Browsers say little: that their push service cannot be reached is an AbortError. */
function whyNot(thrown: unknown): string {
  if (thrown instanceof DOMException)
    return `The push service of this browser does not answer (${thrown.message}). Try again later, or use another way, below.`
  const { message, detail, hint } = asApiError(thrown)
  return [detail || message, hint].filter(Boolean).join(' ')
}
