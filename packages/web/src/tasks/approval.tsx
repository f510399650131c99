/** A decision of a person in the course of a task: open ones as this app shows gates, decided ones in a line (TP13). */
import type { Gate } from '@meshbook/core/api.ts'
import { exactText } from '@meshbook/core/exact-text.ts'
import type { ApprovalItem } from '@meshbook/core/task-transcript.ts'
import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/client.ts'
import { gates, rememberGate } from '../gates/gate-store.ts'

export interface ApprovalProps {
  item: ApprovalItem
  ended: boolean
  Gate: FunctionComponent<{ gate: Gate }>
}

export function Approval({ item, ended, Gate }: ApprovalProps) {
  const gate = gates.value.get(item.gate)
  const [isMissing, setMissing] = useState(false)
  const isOpen = item.decision === undefined && !ended
  useEffect(() => {
    if (!isOpen || gate) return
    api.gate(item.gate).then(rememberGate, () => setMissing(true))
  }, [item.gate, isOpen])
  // What was decided here a moment ago shows its receipt until the agent has it.
  if (isOpen && gate) return <Gate gate={gate} />
  const words = exactText(item.title)
  if (item.decision !== undefined)
    return (
      <details class="task-thought" data-decision={item.decision}>
        <summary>
          {words} <b>{item.decision}</b>
          {item.by !== undefined && ` by ${item.by}`}
        </summary>
        <pre class="task-output">
          <code>{exactText(item.shown)}</code>
        </pre>
      </details>
    )
  if (ended) return <p class="task-note faint">{words} Nobody decided.</p>
  return (
    <p class="task-note task-warn" role="status">
      {words} {isMissing ? 'What it asks could not be loaded; it stands among the decisions.' : 'Loading what it asks…'}
    </p>
  )
}
