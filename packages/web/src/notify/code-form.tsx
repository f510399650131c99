/** The code that was mailed to an address, typed by who reads it there (NT31). */
import type { Way } from '@meshbook/core/notify-api.ts'
import { useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { notifyApi } from '../api/notify.ts'
import { loadWays } from './notify-state.ts'
import type { Say } from './way-card.tsx'

export function CodeForm({ way, say }: { way: Way; say: Say }) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const [said, setSaid] = useState('')
  const doing = (work: () => Promise<Way>, failed: (thrown: unknown) => void): void => {
    setBusy(true)
    setProblem('')
    setSaid('')
    work()
      .then(loadWays)
      .catch(failed)
      .finally(() => setBusy(false))
  }
  const confirm = (event: SubmitEvent): void => {
    event.preventDefault()
    const code = String(new FormData(event.currentTarget as HTMLFormElement).get('code') ?? '').trim()
    doing(
      () => notifyApi.confirm(way.id, code),
      thrown => setProblem(wordsOf(thrown)),
    )
  }
  const again = async (): Promise<Way> => {
    const sent = await notifyApi.sendCode(way.id)
    if (sent.failure === null) setSaid('Another code was sent; the one before is void.')
    return sent
  }
  return (
    <form class="fields" onSubmit={confirm}>
      <label>
        Code of the mail, 8 digits
        <input
          class="field"
          name="code"
          inputmode="numeric"
          autocomplete="one-time-code"
          required
          maxLength={32}
          aria-invalid={problem !== ''}
        />
      </label>
      {problem !== '' && (
        <p class="bad" role="alert">
          {problem}
        </p>
      )}
      <p role="status" class="tested">
        {said}
      </p>
      <div class="card-actions">
        <button type="submit" class="button primary" disabled={busy}>
          Confirm
        </button>
        <button
          type="button"
          class="button"
          disabled={busy}
          onClick={() => doing(again, thrown => say(thrown, 'No code was sent'))}
        >
          Send another code
        </button>
      </div>
    </form>
  )
}

function wordsOf(thrown: unknown): string {
  const { message, detail, hint } = asApiError(thrown)
  return detail
    ? `${detail.slice(0, 1).toUpperCase()}${detail.slice(1)}. Have another one sent if it does not go.`
    : `${message}. ${hint}`
}
