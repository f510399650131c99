/** Which run the end of another one starts (WF105). Pure. */
import type { RunId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Json, RunEndTrigger, RunOutcome } from '@meshbook/core/workflow/workflow-schema.ts'
import { type Digest, runOf } from './trigger-run.ts'

/** One that was started by itself, and is no child of another. */
export interface EndedRun {
  run: RunId
  workflow: string
  outcome: RunOutcome
  endedAt: number
  /** How many runs before it started each other by their ends. */
  chain: number
}

export type RunAfter = { run: RunId; at: number; chain: number } | { refused: string } | null

/** Null where the trigger is about other ends. */
export function runAfter(
  { id, on }: { id: string; on: RunEndTrigger },
  { run, workflow, outcome, endedAt, chain }: EndedRun,
  digest: Digest,
): RunAfter {
  const of = typeof on.of === 'string' ? [on.of] : on.of
  if (!of.includes(workflow) || !(on.ends ?? ['completed']).includes(outcome)) return null
  if (chain + 1 > limits.runsPerChain)
    return { refused: `${limits.runsPerChain} runs have started each other by their ends` }
  return { run: runOf({ trigger: id, kind: 'run', event: run, at: endedAt }, digest), at: endedAt, chain: chain + 1 }
}

/** What expressions of its inputs may name. */
export function runEndEvent({ run, workflow, outcome, endedAt }: EndedRun, output: Json): Json {
  return { run, workflow, outcome, output, at: new Date(endedAt).toISOString() }
}
