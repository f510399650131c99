/** The decisions that wait for the reader, and those that are over (PO20–PO22). */
import './pages-portal.css'
import { type Gate, gateStates } from '@meshbook/core/api.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import { useEffect, useState } from 'preact/hooks'
import { useWholeGate } from '../gates/gate-decision.ts'
import { ExactBytes, GateFacts, GateOutcome, gatePlace, gateWords } from '../gates/gate-parts.tsx'
import { gates } from '../gates/gate-store.ts'
import { timeOfDay } from '../notebook/duration.ts'
import { me } from '../state/mesh.ts'
import { GateCardTwice } from './gate-card-twice.tsx'
import { PagedProblem, usePaged } from './paged.tsx'
import { portalApi } from './portal-api.ts'

export function GatesPage() {
  // What was open while this page was stays in its place with its receipt.
  const [seen] = useState(() => new Set<string>())
  for (const { id, state } of gates.value.values()) if (state === 'open') seen.add(id)
  const waiting = [...gates.value.values()].filter(({ id }) => seen.has(id)).sort((a, b) => a.expiresAt - b.expiresAt)
  return (
    <>
      <section aria-labelledby="waiting" class="gates-waiting">
        <h2 id="waiting">Waits for you</h2>
        {waiting.length === 0 && (
          <div class="empty boxed">
            <h3>Nothing waits</h3>
            <p>
              An agent asks before it does what its task does not allow, and a run may ask at any time. What exactly is
              to be done is shown here, and goes on or not by what you say.
            </p>
          </div>
        )}
        {waiting.map(gate => (
          <GateCardTwice key={gate.id} gate={gate} />
        ))}
      </section>
      {!me.value?.machine && <DecidedGates without={seen} />}
    </>
  )
}

type Over = Exclude<Gate['state'], 'open'>
const overStates = gateStates.filter((state): state is Over => state !== 'open')

function DecidedGates({ without }: { without: ReadonlySet<string> }) {
  const [state, setState] = useState<Over | ''>('')
  const paged = usePaged(cursor => portalApi.gates(state, cursor), [state])
  const shown = paged.items?.filter(gate => gate.state !== 'open' && !without.has(gate.id))
  // A page may hold nothing but what is still open.
  useEffect(() => {
    if (shown?.length === 0 && paged.more && !paged.busy) paged.more()
  }, [shown?.length, paged.more])
  return (
    <section aria-labelledby="decided">
      <div class="part-head">
        <h2 id="decided">Decided before</h2>
        <select
          class="field"
          aria-label="How it was decided"
          value={state}
          onChange={event => setState(event.currentTarget.value as Over | '')}
        >
          <option value="">All of them</option>
          {overStates.map(one => (
            <option key={one} value={one}>
              {gateWords[one]}
            </option>
          ))}
        </select>
      </div>
      <PagedProblem paged={paged} />
      {shown?.length === 0 && !paged.more && (
        <p class="faint">{state === '' ? 'Nothing has been decided yet.' : 'Nothing has been decided like that.'}</p>
      )}
      <ul class="part-list">
        {shown?.map(gate => (
          <DecidedGate key={gate.id} gate={gate} />
        ))}
      </ul>
      {paged.more && (
        <button type="button" class="button" disabled={paged.busy} onClick={paged.more}>
          Show older decisions
        </button>
      )}
    </section>
  )
}

const tones: Record<Over, string> = { approved: 'ok', rejected: 'bad', expired: '', void: '' }

function DecidedGate({ gate }: { gate: Gate }) {
  const [open, setOpen] = useState(false)
  return (
    <li class="part-row">
      <div class="part-words">
        <strong>
          {exactText(gate.title)}
          <span class={`pill ${tones[gate.state as Over]}`}>{gateWords[gate.state]}</span>
        </strong>
        <span class="faint">
          {gatePlace(gate)} · asked {timeOfDay(gate.openedAt, Date.now())}
          {gate.decidedBy !== null && ` · by ${gate.decidedBy}`}
        </span>
      </div>
      <details class="part-more" open={open} onToggle={event => setOpen(event.currentTarget.open)}>
        <summary aria-label={`What was asked: ${exactText(gate.title)}`}>What was asked</summary>
        {open && <Whole id={gate.id} gate={gate} />}
      </details>
    </li>
  )
}

function Whole({ id, gate: listed }: { id: string; gate: Gate }) {
  useWholeGate(listed)
  const gate = gates.value.get(id) ?? listed
  return (
    <>
      <ExactBytes shown={gate.shown} />
      <GateFacts gate={gate} />
      <GateOutcome gate={gate} />
    </>
  )
}
