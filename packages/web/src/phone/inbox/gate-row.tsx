/** A gate in a list. */
import type { Gate } from '@meshbook/core/api.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import { gatePlace, gateWords } from '../../gates/gate-parts.tsx'
import { gateAt } from '../place.ts'
import { Go } from '../shell/go.tsx'
import { ago, titleOf } from '../words.ts'

export function GateRow({ gate }: { gate: Gate }) {
  const from = [titleOf(gatePlace(gate)), gate.deviceName].filter(Boolean).join(' · ')
  return (
    <li>
      <Go to={gateAt(gate.id)} class="row">
        <span class="words">
          <span class="name">{exactText(gate.title)}</span>
          <span class="about">{from}</span>
        </span>
        <span class="run-side">
          <span class={`pill ${gate.state === 'open' ? 'warn' : ''}`}>{gateWords[gate.state]}</span>
          <time dateTime={new Date(gate.openedAt).toISOString()}>{ago(gate.openedAt, Date.now())}</time>
        </span>
      </Go>
    </li>
  )
}
