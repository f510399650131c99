/** A run asks: exactly these bytes, yes or no. What is decided about is shown whole, with what cannot be seen by its number. */
import type { Gate, GateAnswer } from '@meshbook/core/api.ts'
import { exactParts, exactText } from '@meshbook/core/exact-text.ts'
import { useEffect, useState } from 'preact/hooks'
import { asApiError } from '../api/api-error.ts'
import { api } from '../api/client.ts'
import { timeOfDay } from '../notebook/duration.ts'
import { Hint } from '../shell/hint.tsx'
import { Icon } from '../shell/icons.tsx'
import { me } from '../state/mesh.ts'
import { rememberGate } from './gate-store.ts'

const words: Record<Gate['state'], string> = {
  open: 'Asks you',
  approved: 'Approved',
  rejected: 'Rejected',
  expired: 'Expired',
  void: 'The run has ended',
}

export function GateCard({ gate }: { gate: Gate }) {
  useEffect(() => {
    // Without it nothing can be decided, which the card says.
    if (gate.shown === undefined) api.gate(gate.id).then(rememberGate, () => undefined)
  }, [gate.id])
  return (
    <section class="gate-card" aria-label={`A run asks: ${exactText(gate.title)}`} data-state={gate.state}>
      <header>
        <span class={`pill ${gate.state === 'open' ? 'warn' : ''}`}>{words[gate.state]}</span>
        <h2>{exactText(gate.title)}</h2>
      </header>
      <ExactBytes shown={gate.shown} />
      <Facts gate={gate} />
      {gate.state === 'open' ? <Decide gate={gate} /> : <Outcome gate={gate} />}
    </section>
  )
}

function ExactBytes({ shown }: { shown: Gate['shown'] }) {
  if (shown === null) return <p class="muted">The text has expired with the log of the run.</p>
  if (shown === undefined) return <p class="muted">Loading what it shows…</p>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what is scrolled must be reached by keys.
    <section class="gate-bytes" tabIndex={0} aria-label="Exactly what is asked">
      <pre dir="ltr">
        {exactParts(shown).map((part, i) => (part.hidden ? <mark key={i}>{part.text}</mark> : part.text))}
      </pre>
    </section>
  )
}

function Facts({ gate }: { gate: Gate }) {
  return (
    <p class="faint gate-facts">
      {gate.deviceName ?? 'No device'} · until {timeOfDay(gate.expiresAt, Date.now())} ·{' '}
      <span class="mono" title={gate.digest}>
        SHA-256 {gate.digest.slice(0, 12)}
      </span>
    </p>
  )
}

function Decide({ gate }: { gate: Gate }) {
  const [busy, setBusy] = useState(false)
  const [comment, setComment] = useState('')
  const [problem, setProblem] = useState('')
  const { digest, nonce, deciders } = gate
  const isMine = deciders === null || deciders.includes(me.value?.user ?? '')
  if (!isMine) return <p class="muted">{deciders.join(', ')} may decide this.</p>
  const decide = async (decision: GateAnswer['decision']) => {
    setBusy(true)
    try {
      const answer = { decision, digest, nonce, ...(comment === '' ? {} : { comment }) }
      rememberGate(await api.decideGate(gate.id, answer))
    } catch (thrown) {
      const { message, hint } = asApiError(thrown)
      setProblem(`${message}. ${hint}`)
      api.gate(gate.id).then(rememberGate, () => undefined)
    } finally {
      setBusy(false)
    }
  }
  const cannot = busy || typeof gate.shown !== 'string'
  return (
    <form class="gate-decide" onSubmit={event => event.preventDefault()} onKeyDown={event => event.stopPropagation()}>
      <input
        class="field"
        aria-label="Comment"
        placeholder="Comment (optional)"
        maxLength={1000}
        value={comment}
        onInput={event => setComment(event.currentTarget.value)}
      />
      <button type="button" class="button" disabled={cannot} onClick={() => void decide('rejected')}>
        Reject
      </button>
      <button type="button" class="button primary" disabled={cannot} onClick={() => void decide('approved')}>
        Approve
      </button>
      {problem && (
        <p class="notice bad" role="alert">
          <Hint text={problem} />
        </p>
      )}
    </form>
  )
}

/** Who decided, and when the device had it: until then it may not know. */
function Outcome({ gate }: { gate: Gate }) {
  const now = Date.now()
  const device = gate.deviceName ?? 'The device'
  return (
    <p class="gate-outcome" role="status">
      {gate.decidedBy && `${words[gate.state]} by ${gate.decidedBy}, ${timeOfDay(gate.decidedAt ?? now, now)}. `}
      {gate.comment && `“${gate.comment}” `}
      {gate.receivedAt !== null ? (
        <>
          <Icon name="bolt" size={12} /> {device} has it since {timeOfDay(gate.receivedAt, now)}.
        </>
      ) : (
        gate.decidedAt !== null && `${device} has not confirmed it yet.`
      )}
    </p>
  )
}
