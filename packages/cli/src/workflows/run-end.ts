/** What is said where a run of a workflow stops here, and with which code the command ends. */
import { exitCodes } from '@meshbook/core/errors.ts'
import type { WorkflowState } from '@meshbook/core/workflow/workflow-state.ts'
import { say } from '../print.ts'

export function sayWaits(id: string, waits: readonly string[], carriedOn: 'here' | 'hub'): void {
  const atHub = carriedOn === 'hub'
  const where = atHub ? ' --execution cloud' : ''
  if (waits.includes('gate'))
    say(`It waits for a decision: \`meshbook ${atHub ? 'gate list' : 'workflow gates'}\` shows what is asked.`)
  if (waits.includes('budget')) say(`It waits for a larger budget: \`meshbook workflow budget ${id} USD${where}\`.`)
  if (waits.includes('signal')) say(`It waits for a signal: \`meshbook workflow signal ${id} NAME${where}\`.`)
  say(
    atHub
      ? `Then it goes on by itself. \`meshbook workflow resume ${id}${where}\` follows it.`
      : `Then \`meshbook workflow resume ${id}\` goes on.`,
  )
}

export function exitOf(state: WorkflowState): number {
  const { outcome } = state.ended!
  return outcome === 'completed' ? exitCodes.ok : outcome === 'cancelled' ? exitCodes.interrupted : exitCodes.runFailed
}
