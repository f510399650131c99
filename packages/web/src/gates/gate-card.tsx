/** A run asks: exactly these bytes, yes or no. What is decided about is shown whole, with what cannot be seen by its number. */
import type { Gate } from '@meshbook/core/api.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import { useState } from 'preact/hooks'
import { Hint } from '../shell/hint.tsx'
import { asksForMore, mayDecide, useDecision, useWholeGate } from './gate-decision.ts'
import { ExactBytes, GateFacts, GateOutcome, gateWords } from './gate-parts.tsx'

export function GateCard({ gate }: { gate: Gate }) {
  useWholeGate(gate)
  return (
    <section class="gate-card" aria-label={`A run asks: ${exactText(gate.title)}`} data-state={gate.state}>
      <header>
        <span class={`pill ${gate.state === 'open' ? 'warn' : ''}`}>{gateWords[gate.state]}</span>
        <h2>{exactText(gate.title)}</h2>
      </header>
      <ExactBytes shown={gate.shown} />
      <GateFacts gate={gate} />
      {gate.state === 'open' ? <Decide gate={gate} /> : <GateOutcome gate={gate} />}
    </section>
  )
}

function Decide({ gate }: { gate: Gate }) {
  const { busy, problem, decide } = useDecision(gate)
  const [comment, setComment] = useState('')
  if (!mayDecide(gate)) return <p class="muted">{gate.deciders?.join(', ')} may decide this.</p>
  if (asksForMore(gate))
    return (
      <p>
        It asks for more than yes or no. <a href="/portal/gates">Decide it in the portal</a>
      </p>
    )
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
      <button type="button" class="button" disabled={cannot} onClick={() => void decide('rejected', comment)}>
        Reject
      </button>
      <button type="button" class="button primary" disabled={cannot} onClick={() => void decide('approved', comment)}>
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
