/** What is shown of a gate wherever it is: exactly what is asked, its facts, and how it was decided (S18). */
import type { Gate } from '@meshbook/core/api.ts'
import { exactParts, exactText } from '@meshbook/core/exact-text.ts'
import { timeOfDay } from '../notebook/duration.ts'
import { Icon } from '../shell/icons.tsx'

export const gateWords: Record<Gate['state'], string> = {
  open: 'Asks you',
  approved: 'Approved',
  rejected: 'Rejected',
  expired: 'Expired',
  void: 'The run has ended',
}

/** Of what it is. A task of an agent stands in no document, and no device of the user has it. */
export function gatePlace({ path, device }: Pick<Gate, 'path' | 'device'>): string {
  return path ?? (device === null ? 'A task of an agent' : 'A deleted notebook')
}

/** `title`: of the gate, where several are shown on one page. */
export function ExactBytes({ shown, title }: { shown: Gate['shown']; title?: string }) {
  if (shown === null) return <p class="muted">The text has expired with the log of the run.</p>
  if (shown === undefined) return <p class="muted">Loading what it shows…</p>
  const what = 'Exactly what is asked'
  const label = title === undefined ? what : `${what}: ${exactText(title)}`
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what is scrolled must be reached by keys.
    <section class="gate-bytes" tabIndex={0} aria-label={label}>
      <pre dir="ltr">
        {exactParts(shown).map((part, i) => (part.marked ? <mark key={i}>{part.text}</mark> : part.text))}
      </pre>
    </section>
  )
}

export function GateFacts({ gate }: { gate: Gate }) {
  return (
    <p class="faint gate-facts">
      {gate.deviceName !== null && `${gate.deviceName} · `}until {timeOfDay(gate.expiresAt, Date.now())} ·{' '}
      <span class="mono" title={gate.digest}>
        SHA-256 {gate.digest.slice(0, 12)}
      </span>
    </p>
  )
}

/** Who decided, and when the device had it: until then it may not know. */
export function GateOutcome({ gate }: { gate: Gate }) {
  const now = Date.now()
  const device = gate.deviceName ?? 'Whoever asked'
  return (
    <p class="gate-outcome" role="status">
      {gate.decidedBy && `${gateWords[gate.state]} by ${gate.decidedBy}, ${timeOfDay(gate.decidedAt ?? now, now)}. `}
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
