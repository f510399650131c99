/** A decision: the exact bytes, approve or reject with a second press, and then the receipt of the device (PH41). */
import '../styles/pages.css'
import type { Gate, GateAnswer } from '@meshbook/core/api.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import { useEffect, useState } from 'preact/hooks'
import { type ApiError, asApiError } from '../../api/api-error.ts'
import { api } from '../../api/client.ts'
import { asksForMore, mayDecide, useDecision, useWholeGate } from '../../gates/gate-decision.ts'
import { ExactBytes, GateFacts, GateOutcome, gatePlace, gateWords } from '../../gates/gate-parts.tsx'
import { gates, rememberGate } from '../../gates/gate-store.ts'
import { hub } from '../first-list.ts'
import { runAt } from '../place.ts'
import { Go } from '../shell/go.tsx'
import { Icon } from '../shell/icons.tsx'
import { PageHead } from '../shell/page-head.tsx'

export function GatePage({ id }: { id: string }) {
  const [problem, setProblem] = useState<ApiError | undefined>(undefined)
  const gate = gates.value.get(id)
  const isOpen = hub.value === 'open'
  useEffect(() => {
    api.gate(id).then(
      found => {
        rememberGate(found)
        setProblem(undefined)
      },
      thrown => setProblem(asApiError(thrown)),
    )
    // When the hub is back, it is asked again: somebody may have decided meanwhile.
  }, [id, isOpen])
  return (
    <main class="page with-bar">
      <PageHead title={gate ? exactText(gate.title) : 'Decision'} from="/m/inbox" />
      {gate ? <Shown gate={gate} /> : problem && <NotShown problem={problem} />}
    </main>
  )
}

function Shown({ gate }: { gate: Gate }) {
  useWholeGate(gate)
  const size = typeof gate.shown === 'string' ? new TextEncoder().encode(gate.shown).length : undefined
  return (
    <section class="gate" data-state={gate.state}>
      <p class="run-standing">
        <span class={`pill ${gate.state === 'open' ? 'warn' : ''}`}>{gateWords[gate.state]}</span>
        {size !== undefined && <span class="faint">exactly {size.toLocaleString()} bytes</span>}
      </p>
      <ExactBytes shown={gate.shown} />
      <GateFacts gate={gate} />
      <ul class="rows">
        <li>
          <Go to={runAt(gate.run)} class="row">
            <span class="words">
              <span class="name">Its run</span>
              <span class="about">{gatePlace(gate)}</span>
            </span>
            <Icon name="chevron" size={18} />
          </Go>
        </li>
      </ul>
      {gate.state === 'open' ? <Decide key={gate.digest} gate={gate} /> : <GateOutcome gate={gate} />}
    </section>
  )
}

type Choice = GateAnswer['decision']
const verbs: Record<Choice, string> = { approved: 'Approve', rejected: 'Reject' }

function Decide({ gate }: { gate: Gate }) {
  const { busy, problem, decide } = useDecision(gate)
  const [chosen, setChosen] = useState<Choice | undefined>(undefined)
  const [comment, setComment] = useState('')
  const isAway = hub.value === 'down'
  if (!mayDecide(gate)) return <p class="faint">{gate.deciders?.join(', ')} may decide this.</p>
  if (asksForMore(gate))
    return (
      <p>
        It asks for more than yes or no. <a href="/portal/gates">Decide it in the portal</a>
      </p>
    )
  const cannot = busy || isAway || typeof gate.shown !== 'string'
  const confirm = (choice: Choice) => void decide(choice, comment).then(() => setChosen(undefined))
  return (
    <>
      {problem !== '' && (
        <p class="note bad" role="alert">
          {problem}
        </p>
      )}
      {isAway && (
        <p class="note" role="status">
          Without the hub nothing is decided here: it may be decided elsewhere already, and the device would not hear of
          it. The buttons come back with the hub.
        </p>
      )}
      <input
        class="field"
        aria-label="Comment"
        placeholder="Comment (optional)"
        maxLength={1000}
        value={comment}
        onInput={event => setComment(event.currentTarget.value)}
      />
      <section class="action-bar" aria-label="Decide">
        {chosen === undefined ? (
          <>
            <button type="button" class="button" disabled={cannot} onClick={() => setChosen('rejected')}>
              Reject…
            </button>
            <button type="button" class="button primary" disabled={cannot} onClick={() => setChosen('approved')}>
              Approve…
            </button>
          </>
        ) : (
          <>
            <p class="sure" role="alert">
              {verbs[chosen]} exactly this{gate.deviceName !== null && `, on ${gate.deviceName}`}?
            </p>
            <button type="button" class="button" disabled={busy} onClick={() => setChosen(undefined)}>
              Not yet
            </button>
            <button
              type="button"
              class={`button ${chosen === 'approved' ? 'primary' : 'danger'}`}
              disabled={cannot}
              onClick={() => confirm(chosen)}
            >
              Yes, {verbs[chosen].toLowerCase()}
            </button>
          </>
        )}
      </section>
    </>
  )
}

function NotShown({ problem }: { problem: ApiError }) {
  return (
    <div class="empty" role="alert">
      <h2>{problem.code === 'NOT_FOUND' ? 'No such decision' : 'It cannot be shown now'}</h2>
      <p>
        {problem.code === 'UNREACHABLE'
          ? 'The hub cannot be reached, so what is asked is not known here and nothing can be decided. It is shown when the hub answers.'
          : [problem.message, problem.detail, problem.hint].filter(Boolean).join(' ')}
      </p>
    </div>
  )
}
