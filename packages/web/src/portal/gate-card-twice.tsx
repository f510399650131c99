/** A decision of the inbox: the exact bytes, approve or reject with a second press, then the receipt (PO20, PO21). */
import type { Gate, GateAnswer } from '@meshbook/core/api.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { GateAsked, useAsked } from '../gates/gate-asked.tsx'
import { mayDecide, useDecision, useWholeGate } from '../gates/gate-decision.ts'
import { ExactBytes, GateFacts, GateOutcome, gatePlace, gateWords } from '../gates/gate-parts.tsx'
import { Hint } from '../shell/hint.tsx'
import { hub, rememberRun, runs } from '../state/mesh.ts'
import { workflowRunAt } from '../workflows/run-row.tsx'
import { taskAt } from './page-at.ts'

export function GateCardTwice({ gate }: { gate: Gate }) {
  useWholeGate(gate)
  const bytes = typeof gate.shown === 'string' ? new TextEncoder().encode(gate.shown).length : undefined
  const to = useRunPage(gate)
  return (
    <section class="gate-card" aria-label={`A run asks: ${exactText(gate.title)}`} data-state={gate.state}>
      <header>
        <span class={`pill ${gate.state === 'open' ? 'warn' : ''}`}>{gateWords[gate.state]}</span>
        <h3>{exactText(gate.title)}</h3>
      </header>
      <p class="faint gate-of">
        {to ? <a href={to.at}>{to.words}</a> : gatePlace(gate)}
        {bytes !== undefined && ` · exactly ${bytes.toLocaleString()} bytes`}
      </p>
      <ExactBytes shown={gate.shown} title={gate.title} />
      <GateFacts gate={gate} />
      {gate.state === 'open' ? <Decide key={gate.digest} gate={gate} /> : <GateOutcome gate={gate} />}
    </section>
  )
}

/** Tasks and workflows have pages; which of them it is, its run says. */
function useRunPage({ run, path, device }: Gate): { at: string; words: string } | undefined {
  const isHubs = path === null && device === null
  const kind = runs.value.get(run)?.kind
  useEffect(() => {
    if (isHubs && kind === undefined) api.run(run).then(rememberRun, () => undefined)
  }, [run, isHubs, kind])
  if (!isHubs || kind === undefined || kind === 'cell') return undefined
  if (kind === 'workflow') return { at: workflowRunAt(run), words: 'A run of a workflow' }
  return { at: taskAt(run), words: gatePlace({ path, device }) }
}

type Choice = GateAnswer['decision']
const verbs: Record<Choice, string> = { approved: 'Approve', rejected: 'Reject' }

function Decide({ gate }: { gate: Gate }) {
  const { busy, problem, decide } = useDecision(gate)
  const [chosen, setChosen] = useState<Choice | undefined>(undefined)
  const [comment, setComment] = useState('')
  const asked = useAsked(gate)
  const second = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (chosen !== undefined) second.current?.focus()
  }, [chosen])
  const isAway = hub.value === 'down'
  if (!mayDecide(gate)) return <p class="muted">{gate.deciders?.join(', ')} may decide this.</p>
  const cannot = busy || isAway || typeof gate.shown !== 'string'
  const sure = (choice: Choice) =>
    void decide(choice, comment, choice === 'approved' ? asked.said() : {}).then(() => setChosen(undefined))
  const approve = () => {
    if (asked.said() !== undefined) setChosen('approved')
  }
  return (
    <form class="gate-decide" onSubmit={event => event.preventDefault()}>
      {isAway && (
        <p class="notice warn" role="status">
          Without the hub nothing is decided here: it may be decided elsewhere already.
        </p>
      )}
      {chosen === undefined ? (
        <>
          <GateAsked gate={gate} asked={asked} />
          <input
            class="field"
            aria-label="Comment"
            placeholder="Comment (optional)"
            maxLength={1000}
            value={comment}
            onInput={event => setComment(event.currentTarget.value)}
          />
          <button type="button" class="button" disabled={cannot} onClick={() => setChosen('rejected')}>
            Reject…
          </button>
          <button type="button" class="button primary" disabled={cannot} onClick={approve}>
            Approve…
          </button>
        </>
      ) : (
        <>
          <p class="gate-sure" role="alert">
            {verbs[chosen]} exactly this{gate.deviceName !== null && `, on ${gate.deviceName}`}?
          </p>
          <button type="button" class="button" disabled={busy} onClick={() => setChosen(undefined)}>
            Not yet
          </button>
          <button
            ref={second}
            type="button"
            class={`button ${chosen === 'approved' ? 'primary' : 'danger'}`}
            disabled={cannot}
            onClick={() => sure(chosen)}
          >
            Yes, {verbs[chosen].toLowerCase()}
          </button>
        </>
      )}
      {problem !== '' && (
        <p class="notice bad" role="alert">
          <Hint text={problem} />
        </p>
      )}
    </form>
  )
}
