/** Asks a person about a tool call, and takes only a decision about exactly what was shown (AL34). */
import { createHash } from 'node:crypto'
import { approvalTitle } from '@meshbook/core/cell-request.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { People } from './ports.ts'

export type Verdict = { allowed: true } | { allowed: false; why: string }

export async function askPeople(
  people: People,
  { call, tool, shown }: { call: string; tool: string; shown: string },
  signal: AbortSignal,
): Promise<Verdict> {
  if (Buffer.byteLength(shown) > limits.gateShownBytes)
    return {
      allowed: false,
      why: 'A person must agree to this, and it is too long to be shown whole. Do it in smaller parts.',
    }
  const answer = await people.approve({ call, tool, title: approvalTitle(tool), shown }, signal)
  if (answer.decision === 'expired')
    return { allowed: false, why: 'Nobody decided about this in time. It was not done.' }
  const by = answer.by ?? 'a person'
  const comment = answer.comment ? `: ${answer.comment}` : '.'
  if (answer.decision === 'rejected') return { allowed: false, why: `Refused by ${by}${comment} It was not done.` }
  if (answer.digest !== digestOf(shown))
    return { allowed: false, why: 'The decision was about something else than what would be done. It was not done.' }
  return { allowed: true }
}

/** One of a kind in the task: models of some providers use the ids of their calls again. */
export function questionOf(turn: number, call: string): string {
  return `turn-${turn}-${digestOf(call).slice(0, 32)}`
}

export function digestOf(shown: string): string {
  return createHash('sha256').update(shown).digest('hex')
}
