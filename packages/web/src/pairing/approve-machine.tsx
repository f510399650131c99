/** The question whether a machine is the user's own: its name, its kind, its key, and what saying yes means. */
import type { Newcomer } from '@meshbook/core/pairing-api.ts'
import { useState } from 'preact/hooks'

interface Machine extends Pick<Newcomer, 'name' | 'kind'> {
  fingerprint: string
}

export function ApproveMachine({ machine, decide }: { machine: Machine; decide: (approve: boolean) => void }) {
  const [asked, setAsked] = useState(false)
  const act = (approve: boolean) => {
    setAsked(true)
    decide(approve)
  }
  return (
    <>
      <h1>Add {machine.name} to your devices?</h1>
      <dl class="pair-facts">
        <dt>Kind</dt>
        <dd>{machine.kind}</dd>
        <dt>Key</dt>
        <dd class="pair-key">{machine.fingerprint}</dd>
      </dl>
      <p class="muted">
        It will sync your projects and may run code for you. Only go on if you started this on that machine yourself.
      </p>
      <div class="pair-actions">
        <button type="button" class="button" disabled={asked} onClick={() => act(false)}>
          Refuse
        </button>
        <button type="button" class="button primary" disabled={asked} onClick={() => act(true)}>
          Add
        </button>
      </div>
    </>
  )
}
